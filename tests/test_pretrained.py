"""Networks that begin with published weights: EfficientNetUnet."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import draw_images, tiny_config

from toolbox import Translator
from toolbox.backbones import EfficientNetUnet
from toolbox.engine import Runner
from toolbox.errors import ConfigError, DataError
from toolbox.features import EfficientNetLite0
from toolbox.features.efficientnet import official_layers
from toolbox.methods import Pix2Pix
from toolbox.norms import BatchNorm, FrozenBatchNorm

CONFIG = 'configs/pix2pix/satellite_mask_pretrained.py'
IMAGE = torch.rand(1, 3, 48, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def method(**published: object) -> Pix2Pix:
    G = dict(type='EfficientNetUnet', out_channels=1, base_channels=4,
             pretrained=dict(type='EfficientNetLite0', **published))
    return Pix2Pix(G, dict(type='PatchDiscriminator', in_channels=4, base_channels=2, layers=1))


def test_the_first_weights_of_the_encoder_are_the_published_ones_and_all_others_are_drawn() -> None:
    known, trained = EfficientNetLite0(weights='random', seed=3), method(weights='random', seed=3)
    seen: list[dict[str, torch.Tensor]] = []
    trained.G.encoder.register_forward_hook(lambda net, inputs, outputs: seen.append(outputs))
    trained.G(IMAGE)
    trained.init_weights()
    trained.G(IMAGE)
    before, after = seen
    for name, expected in known.taps(IMAGE, ('stage1', 'stage2', 'stage3', 'stage5')).items():
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(before[name], expected, rtol=1e-2, atol=1e-2)
    assert trained.G.out.weight.std().item() == pytest.approx(0.02, rel=0.3)  # by the method's ``init``
    assert all(p.requires_grad for p in trained.G.encoder.parameters())


def test_every_map_of_the_encoder_reaches_the_output() -> None:
    G = method(weights='random').G
    y = G(IMAGE)
    assert y.shape == (1, 1, 48, 32)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (G.full[0].weight, *G.encoder.parameters()))


@pytest.mark.fault
def test_what_is_needed_is_said_when_the_training_begins(tmp_path: Path) -> None:
    untrained = method(weights=str(tmp_path / 'gone.pth'))  # nothing is read yet
    with pytest.raises(DataError, match=r'no such file.*gone\.pth'):
        untrained.init_weights()
    with pytest.raises(ConfigError, match=r'in_channels: .*RGB images \(3\), found 1'):
        EfficientNetUnet(in_channels=1)
    with pytest.raises(ConfigError, match='multiples of 16'):
        EfficientNetUnet(base_channels=2)(IMAGE[..., :40, :])


def test_the_encoder_trains_on_and_a_trained_generator_needs_no_published_file(tmp_path: Path) -> None:
    ours = {name: module for module, name in official_layers().items()}
    state = EfficientNetLite0(weights='random', seed=1).net.state_dict()
    parts = [(*key.rpartition('.')[::2], value) for key, value in state.items()]
    file = tmp_path / 'published.pth'
    torch.save({f'{ours[module]}.{leaf}': value for module, leaf, value in parts}, file)
    options = {'model.G.pretrained': dict(type='EfficientNetLite0', weights=str(file))}
    runner = Runner.from_cfg(tiny_config(CONFIG, tmp_path / 'run', draw_images(tmp_path / 'data'), 2, options))
    runner.train()
    file.unlink()
    for key, value in runner.model.G.encoder.state_dict().items():
        assert torch.equal(value, state[key]) == key.endswith(('running_mean', 'running_var')), key
    mask = Translator(tmp_path / 'run')(torch.zeros(48, 32, 3, dtype=torch.uint8).numpy())
    assert mask.shape[:2] == (48, 32)


def test_a_frozen_norm_is_batch_norm_with_the_statistics_of_before() -> None:
    theirs, ours = BatchNorm(3, eps=1e-3), FrozenBatchNorm(3, eps=1e-3)
    with torch.no_grad():
        for tensor in (theirs.weight, theirs.bias, theirs.running_mean, theirs.running_var):
            tensor.uniform_(0.5, 2)
    ours.load_state_dict({key: value for key, value in theirs.state_dict().items() if key != 'num_batches_tracked'})
    before = ours.running_mean.clone()
    y = ours.train()(IMAGE)
    torch.testing.assert_close(y, theirs.eval()(IMAGE))
    assert torch.equal(ours.running_mean, before)
    y.square().sum().backward()
    assert ours.weight.grad.abs().min() > 0 and ours.bias.grad.abs().min() > 0
