"""Our numbers on real photographs against other libraries, from the same features; what is not installed is skipped."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import SHARED

from toolbox.data.io import read_image, write_image
from toolbox.data.listing import list_images
from toolbox.errors import ConfigError
from toolbox.features import RandomFeatures
from toolbox.metrics import PSNR, SSIM
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.inception_score import inception_score
from toolbox.metrics.kernel import kid_of_subsets
from toolbox.metrics.manifold import precision_and_recall

FOLDERS = {'cats and dogs': ('cat2dog/testA', 'cat2dog/testB'),
           'edges and bags': ('edges2handbags/testA', 'edges2handbags/testB'),
           'photographs': ('sr/CBSD68', 'sr/Set14')}
SETTINGS = dict(kid_subsets=20, kid_subset_size=8, rng_seed=2020, verbose=False, cuda=False, save_cpu_ram=False,
                isc_splits=4, samples_shuffle=True, prc_neighborhood=3, prc_batch_size=100)


@pytest.fixture(params=FOLDERS)
def folders(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    real, fake = (SHARED / 'data' / name for name in FOLDERS[request.param])
    if not (real.is_dir() and fake.is_dir()):
        pytest.skip(f'{real} and {fake} are not here')
    return real, fake


def features(folders: tuple[Path, Path]) -> list[dict[str, torch.Tensor]]:
    """Of the real and the generated images."""
    net = RandomFeatures(channels=16, size=32)
    return [net.extract([torch.from_numpy(read_image(path).transpose(2, 0, 1).copy()) for path in list_images(folder)])
            for folder in folders]


def optional(name: str) -> ModuleType:
    """A module that may be missing. A torchvision that lacks its compiled operators is given two that nobody calls."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    except RuntimeError:
        stub = torch.library.Library('torchvision', 'FRAGMENT')
        stub.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        stub.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        optional.stub = stub  # it is undone when it is collected
    return pytest.importorskip(name)


@pytest.mark.filterwarnings('ignore')
def test_torch_fidelity(folders: tuple[Path, Path]) -> None:
    optional('torch_fidelity')
    fid, kid, isc, prc = (importlib.import_module(f'torch_fidelity.metric_{name}')
                          for name in ('fid', 'kid', 'isc', 'prc'))
    described = features(folders)
    (real, fake), logits = ([x['pool'] for x in described], described[1]['logits_unbiased'])
    x, y = fake.numpy(), real.numpy()
    statistics = [fid.fid_features_to_statistics(rows.double()) for rows in (fake, real)]
    theirs = fid.fid_statistics_to_metric(*statistics, verbose=False)['frechet_inception_distance']
    assert frechet_distance(x, y) == pytest.approx(theirs, rel=1e-4)
    theirs = kid.kid_features_to_metric(fake.double(), real.double(), **SETTINGS)
    found = kid_of_subsets(x, y, 20, 8, 2020)
    assert found == pytest.approx([theirs[f'kernel_inception_distance_{name}'] for name in ('mean', 'std')], abs=1e-6)
    theirs = isc.isc_features_to_metric(logits, 4, True, 2020)
    assert inception_score(logits.numpy(), 4) == pytest.approx(
        [theirs[f'inception_score_{name}'] for name in ('mean', 'std')], rel=1e-6)
    theirs = prc.prc_features_to_metric(fake.double(), real.double(), **SETTINGS)
    expected = [theirs['precision'], theirs['recall']]  # shares in float32
    assert np.float32(precision_and_recall(y, x, 3)).tolist() == np.float32(expected).tolist()


@pytest.mark.filterwarnings('ignore')
def test_torchmetrics(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    optional('torchmetrics')
    from torchmetrics.image.fid import FrechetInceptionDistance
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    net = RandomFeatures(channels=16, size=32)

    class Pool(torch.nn.Module):
        num_features = 16

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return net.extract(images)['pool']

    theirs = FrechetInceptionDistance(feature=Pool(), input_img_size=(3, 32, 32)).set_dtype(torch.float64)
    for folder, real in zip(folders, (True, False), strict=True):
        for path in list_images(folder):
            theirs.update(torch.from_numpy(read_image(path).transpose(2, 0, 1).copy())[None], real=real)
    values, _ = evaluate_folders(*folders, [metric_of('fid', dict(type='RandomFeatures', channels=16, size=32))])
    assert values['FID'] == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_scikit_image(folders: tuple[Path, Path]) -> None:
    measures = pytest.importorskip('skimage.metrics')
    for path in list_images(folders[0])[:2]:
        image = read_image(path)
        noise = np.random.default_rng(0).integers(-20, 21, image.shape)
        other = np.clip(image + noise, 0, 255).astype(np.uint8)
        a, b = (x.transpose(2, 0, 1) for x in (image, other))
        assert PSNR().score(a, b) == pytest.approx(measures.peak_signal_noise_ratio(image, other), abs=1e-6)
        theirs = measures.structural_similarity(image, other, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                                use_sample_covariance=False, data_range=255)
        assert SSIM().score(a, b) == pytest.approx(theirs, abs=1e-6)


def test_protocols_say_what_two_scores_differ_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in 'ab':
        for i in range(2):
            write_image(tmp_path / name / f'{i}.png', rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    folders = tmp_path / 'a', tmp_path / 'b'
    said = set()
    for metric, options in ((PSNR(), {}), (PSNR(channel='y'), {}), (PSNR(crop_border=2), {}),
                            (PSNR(data_range=240), {}), (PSNR(), {'size': 16}), (PSNR(), {'pixels': 'stored'})):
        values, protocols = evaluate_folders(*folders, [metric], **options)
        said.add((round(values['PSNR'], 9) if options != {'pixels': 'stored'} else 'the same', protocols['PSNR']))
    assert len(said) == len({protocol for _, protocol in said}) == 6
    with pytest.raises(ConfigError, match=r"two of them give a result 'PSNR'; give one a prefix"):
        evaluate_folders(*folders, [PSNR(), PSNR(channel='y')])
    assert {*evaluate_folders(*folders, [PSNR(), PSNR(channel='y', prefix='luma')])[0]} >= {'PSNR', 'luma/PSNR'}
