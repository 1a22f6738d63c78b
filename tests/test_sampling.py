"""Images from trained runs: by seed, by class, between two places, through an autoencoder; in Python and as a
command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import command
from test_inference import cyclegan, save
from test_methods_latent import CLASSES, POINTS

from toolbox import Sampler, Translator
from toolbox.data.io import read_image, write_image
from toolbox.errors import CheckpointError, ConfigError
from toolbox.use.export import export_weights
from toolbox.use.sampler import grid, slerp

GAN = dict(type='GAN', **{name: {**part, 'size': 4} for name, part in CLASSES.items()})
CODERS = dict(E=dict(type='MLPEncoder', in_channels=1, size=4, features=3, hidden=5),
              G=dict(type='MLPGenerator', z_dim=3, out_channels=1, size=4, hidden=5, layers=1, activation='none'))


@pytest.fixture
def conditional(tmp_path: Path) -> Path:
    return save(tmp_path / 'gan.pth', {**GAN, 'G': {**GAN['G'], 'out_channels': 3},
                                       'D': {**GAN['D'], 'in_channels': 3}})


@pytest.fixture
def vae(tmp_path: Path) -> Path:
    return save(tmp_path / 'vae.pth', dict(type='VAE', **{**CODERS, 'E': {**CODERS['E'], 'features': 6}}))


@pytest.fixture
def autoencoder(tmp_path: Path) -> Path:
    return save(tmp_path / 'ae.pth', dict(type='Autoencoder', **CODERS))


def test_images_are_functions_of_checkpoint_and_seed(conditional: Path) -> None:
    sampler = Sampler(conditional)
    images = sampler.sample(20, seed=3)
    assert images.shape == (20, 4, 4, 3) and images.dtype == np.uint8
    assert np.array_equal(Sampler(conditional).sample(20, seed=3), images)
    assert np.array_equal(sampler.sample(5, seed=3), images[:5]), 'whatever the number of images'
    assert not np.array_equal(sampler.sample(20, seed=4), images)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    sampler.sample(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_classes(conditional: Path) -> None:
    sampler = Sampler(conditional)
    assert sampler.classes == 3
    in_turn = sampler.sample(6)
    assert np.array_equal(sampler.sample(6, label=[0, 1, 2, 0, 1, 2]), in_turn)
    assert np.array_equal(sampler.sample(6, label=1)[[1, 4]], in_turn[[1, 4]])
    assert not np.array_equal(sampler.sample(6, label=2)[1], in_turn[1])
    for label in (3, -1, [0, 1]):
        with pytest.raises(ConfigError, match='from 0 to 2'):
            sampler.sample(6, label=label)


def test_interpolation_starts_and_ends_at_its_seeds(conditional: Path) -> None:
    sampler = Sampler(conditional)
    frames = sampler.interpolate(1, 2, steps=5, label=2)
    assert frames.shape == (5, 4, 4, 3)
    for frame, seed in ((frames[0], 1), (frames[-1], 2)):
        assert np.abs(frame.astype(int) - sampler.sample(1, seed, label=2)[0]).max() <= 1
    assert not np.array_equal(frames[2], frames[0])
    with pytest.raises(ConfigError, match='at least 2'):
        sampler.interpolate(1, 2, steps=1)


def test_slerp_stays_on_the_sphere() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    torch.testing.assert_close(slerp(a, b, 1 / 3), torch.tensor([3 ** 0.5 / 2, 0.5]))
    torch.testing.assert_close(slerp(a, 3 * a, 0.5), 2 * a)


def test_truncation_makes_images_more_alike(conditional: Path) -> None:
    sampler = Sampler(conditional)
    free, bound = (sampler.sample(64, label=0, truncation=t).astype(float).std(0).mean() for t in (None, 0.2))
    assert bound < 0.5 * free
    with pytest.raises(ConfigError, match='truncation > 0'):
        sampler.sample(1, truncation=0)


def test_reconstruction(vae: Path, autoencoder: Path, tmp_path: Path) -> None:
    pictures = [np.random.default_rng(i).integers(0, 256, (4, 4, 1), dtype=np.uint8) for i in range(3)]
    write_image(tmp_path / 'a.png', pictures[1])
    for path in (vae, autoencoder):
        sampler = Sampler(path)
        images = sampler.reconstruct([pictures[0], tmp_path / 'a.png', np.repeat(pictures[2], 3, 2)])
        assert images.shape == (3, 4, 4, 1)
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
        expected = (sampler.model.reconstruct(x) + 1) * 127.5
        assert np.abs(images - expected.clamp(0, 255).permute(0, 2, 3, 1).numpy()).max() <= 1
        frames = sampler.interpolate(pictures[0], pictures[1], steps=3)
        assert np.abs(frames[0].astype(int) - images[0]).max() <= 1
    assert Sampler(vae).sample(2).shape == (2, 4, 4, 1)
    with pytest.raises(ConfigError, match='no distribution to sample from'):
        Sampler(autoencoder).sample(2)


def test_what_a_method_cannot_do_is_said(conditional: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='has no encoder'):
        Sampler(conditional).reconstruct([np.zeros((4, 4, 3), np.uint8)])
    with pytest.raises(ConfigError, match='CycleGAN makes no images from noise'):
        Sampler(save(tmp_path / 'c.pth', cyclegan()))
    with pytest.raises(CheckpointError, match=r'no generator to translate.*toolbox sample'):
        Translator(conditional)
    plain = save(tmp_path / 'plain.pth', dict(type='GAN', **POINTS))
    with pytest.raises(ConfigError, match='takes no label'):
        Sampler(plain).sample(1, label=0)


def test_exported_weights_sample_alone(conditional: Path, tmp_path: Path) -> None:
    out = export_weights(conditional, tmp_path / 'G.safetensors')
    assert np.array_equal(Sampler(out).sample(3), Sampler(conditional).sample(3))


def test_grid() -> None:
    images = np.stack([np.full((2, 3, 1), i, np.uint8) for i in range(5)])
    picture = grid(images, columns=3, gap=1)
    assert picture.shape == (5, 11, 1)
    assert picture[0, 0, 0] == 0 and picture[0, 4, 0] == 1 and picture[3, 0, 0] == 3 and picture[3, 8, 0] == 255
    assert grid(images[:2]).shape == (2, 8, 1)


def test_command(conditional: Path, vae: Path, tmp_path: Path) -> None:
    out = tmp_path / 'grid.png'
    code, text, err = command('sample.py', str(conditional), str(out), '--count', '6', '--columns', '3', '--label', '1')
    assert (code, err) == (0, '') and '6 images' in text
    assert np.array_equal(read_image(out), grid(Sampler(conditional).sample(6, label=1), 3))
    assert command('sample.py', str(conditional), str(tmp_path / 'single'), '--count', '3')[0] == 0
    assert sorted(p.name for p in (tmp_path / 'single').iterdir()) == ['00000.png', '00001.png', '00002.png']
    assert command('sample.py', str(conditional), str(out), '--interpolate', '1', '2', '--steps', '4')[0] == 0
    assert read_image(out).shape == (4, 22, 3)
    first = str(tmp_path / 'single/00000.png')
    assert command('sample.py', str(vae), str(out), '--reconstruct', str(tmp_path / 'single'))[0] == 0
    assert command('sample.py', str(vae), str(out), '--interpolate', first, first)[0] == 0
    code, _, err = command('sample.py', str(vae), str(out), '--label', '1')
    assert code == 2 and 'takes no label' in err
