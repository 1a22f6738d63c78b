"""Images of other numbers than 8 bits: signed, 12 of 16, 32 bits, floats, many bands; read, trained, written back."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import toolbox
from mmengine.config import Config
from passing import PassingNet

from toolbox.data.arrays import MAX_BYTES, fitting_suffix
from toolbox.data.io import image_size, read_image, write_image
from toolbox.data.listing import list_images
from toolbox.data.ranges import PLAIN, ValueRange, from_networks, settle, to_networks
from toolbox.data.sets.classes import ImageFolder
from toolbox.data.sets.datasets import UnpairedDataset
from toolbox.data.transforms import resize
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.hooks.samples import as_shown
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.use.graphs import export_graph
from toolbox.use.translator import Translator

tifffile = pytest.importorskip('tifffile')
SIDE = 16
HU = (-1024, 3071)
# name -> (type, low, high, bands, suffix)
CASES: dict[str, tuple[str, float, float, int, str]] = {
    'ct_int16': ('int16', *HU, 1, '.tif'), 'ct_float32': ('float32', *HU, 1, '.tif'),
    'ct_uint32': ('uint32', 0, 4095, 1, '.tif'), 'ct_uint12': ('uint16', 0, 4095, 1, '.tif'),
    'bands6_float32': ('float32', 0, 1, 6, '.tif'), 'bands6_npy': ('float32', 0, 1, 6, '.npy')}


def numbers(case: str, seed: int) -> np.ndarray:
    """``(SIDE, SIDE)`` or ``(SIDE, SIDE, bands)`` that uses the whole range."""
    dtype, low, high, bands, _ = CASES[case]
    x = np.random.default_rng(seed).random((SIDE, SIDE, bands))
    x.flat[:2] = 0, 1
    values = x * (high - low) + low
    values = (np.rint(values) if np.dtype(dtype).kind in 'iu' else values).astype(dtype)
    return values[:, :, 0] if bands == 1 else values


def draw(root: Path, case: str, count: int = 2) -> Path:
    for d, folder in enumerate(('trainA', 'trainB', 'testA', 'testB', 'valA', 'valB')):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            write_image(root / folder / f'{i}{CASES[case][-1]}', numbers(case, 10 * d + i))
    return root


def config(method: str, data: Path, work_dir: Path, channels: int, options: dict[str, Any] | None = None) -> Config:
    kind = dict(cyclegan='UnpairedDataset', pix2pix='PairedDataset')[method]
    key = dict(cyclegan='rec_A', pix2pix='fake_B')[method]
    file = work_dir.parent / f'{work_dir.name}.py'
    steps = [dict(type='Resize', size=20), dict(type='RandomCrop', size=SIDE), dict(type='RandomFlip')]
    D = dict(type='PatchDiscriminator', base_channels=2, layers=1, norm=dict(type='IN'))
    G = dict(type=PassingNet.__name__)
    loader = dict(batch_size=1, dataset=dict(type=kind, data_root=str(data), channels=channels))
    sgd = dict(type='SGD', lr=0.0)
    nets = dict(cyclegan=(('G_AB', 'G_BA'), ('D_A', 'D_B')), pix2pix=(('G',), ('D',)))[method]
    model = dict(type='CycleGAN', G_AB=G, G_BA=G, D_A=D, D_B=D) if method == 'cyclegan' else dict(
        type='Pix2Pix', G=G, D=D)
    entries = dict(
        model=model, train_dataloader=dict(loader, dataset=dict(loader['dataset'], split='train', pipeline=steps)),
        val_dataloader=dict(loader, dataset=dict(loader['dataset'], split='test')),
        val_evaluator=[dict(type=name, pred=key, target=key[-1]) for name in ('PSNR', 'SSIM', 'L1')],
        optim_wrapper=dict(G=dict(nets=nets[0], optimizer=sgd), D=dict(nets=nets[1], optimizer=sgd)),
        train_cfg=dict(max_iters=2, val_interval=2), work_dir=str(work_dir))
    file.write_text('\n'.join(f'{name} = {value!r}' for name, value in entries.items()))
    return load_config(file, options)


def stated(value: Any) -> dict[str, Any]:
    return {'train_dataloader.dataset.value_range': value}


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('method', ['cyclegan', 'pix2pix'])
def test_a_set_is_trained_tested_and_translated_in_its_own_numbers(method: str, case: str, tmp_path: Path) -> None:
    dtype, low, high, bands, suffix = CASES[case]
    data, run = draw(tmp_path / 'data', case), tmp_path / 'run'
    options = {**stated((low, high)), 'default_hooks.samples': dict(interval=1, rows=1, bands=(6, 3, 1)[:3])}
    runner = Runner.from_cfg(config(method, data, run, bands, options))
    runner.train()
    checkpoint = read_checkpoint(run / 'iter_2.pth')
    assert checkpoint['facts']['value_range']['A'] == [low, high, dtype]
    assert checkpoint['config']['model']['value_range']['B'] == [low, high, dtype]
    sample = runner.train_dataset[0]['A']
    assert sample.dtype == torch.float32 and sample.shape == (bands, SIDE, SIDE)
    assert sample.min() < -0.8 and sample.max() > 0.8
    samples = read_image(run / 'samples/latest.png')
    assert samples[20:20 + SIDE, 5:5 + SIDE].std() > 30  # not black

    summary = Translator(run, 'AtoB').folder(data / 'testA', tmp_path / 'out')
    assert not summary.failed and not summary.clipped and len(summary.done) == 2
    step = 0 if np.dtype(dtype).kind in 'iu' else (high - low) * 2.0**-22
    expected = '.png' if dtype == 'uint16' else suffix
    for i in range(2):
        before, after = numbers(case, 20 + i), read_image(tmp_path / 'out' / f'{i}{expected}', None).squeeze()
        assert after.dtype == dtype
        assert np.abs(after.astype(np.float64) - before).max() <= step
    if method == 'cyclegan':
        assert_graph_takes_numbers_of_files(run, case, tmp_path / 'graph.ts')


def assert_graph_takes_numbers_of_files(run: Path, case: str, path: Path) -> None:
    dtype, low, high, bands, _ = CASES[case]
    assert export_graph(run, path, 'AtoB').difference == 0
    source = numbers(case, 5).reshape(1, SIDE, SIDE, bands)
    if path.suffix == '.onnx':
        made = pytest.importorskip('onnxruntime').InferenceSession(path).run(None, {'A': source})[0]
    else:
        made = torch.jit.load(path)(torch.from_numpy(source)).numpy()
    step = 0 if np.dtype(dtype).kind in 'iu' else (high - low) * 2.0**-22
    assert made.dtype == dtype and np.abs(made.astype(np.float64) - source).max() <= step


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_a_graph_in_onnx_takes_and_gives_the_numbers_of_files(case: str, tmp_path: Path) -> None:
    data, run = draw(tmp_path / 'data', case), tmp_path / 'run'
    Runner.from_cfg(config('cyclegan', data, run, CASES[case][3], {**stated(CASES[case][1:3]),
                                                                   'default_hooks.samples': None})).train()
    assert_graph_takes_numbers_of_files(run, case, tmp_path / 'graph.onnx')


@pytest.mark.parametrize('case', ['ct_int16', 'ct_uint12', 'bands6_npy'])
def test_a_test_writes_its_images_in_the_numbers_of_the_set_and_folders_score_the_same(case: str,
                                                                                      tmp_path: Path) -> None:
    dtype, low, high, bands, suffix = CASES[case]
    data, run = draw(tmp_path / 'data', case), tmp_path / 'run'
    cfg = config('pix2pix', data, run, bands, stated((low, high)))
    Runner.from_cfg(cfg).train()
    out = tmp_path / 'out'
    cfg = config('pix2pix', data, tmp_path / 'test', bands, {
        **stated((low, high)), 'load_from': str(run / 'iter_2.pth'),
        'custom_hooks': [dict(type='SaveImagesHook', out_dir=str(out))]})
    scores = Runner.from_cfg(cfg, trains=False).test()
    files = list_images(out / 'fake_B')
    assert [file.suffix for file in files] == ['.png' if dtype == 'uint16' else suffix] * 2
    assert read_image(files[0], None).dtype == dtype
    metrics = [metric_of(name) for name in ('psnr', 'ssim', 'l1')]
    values, _ = evaluate_folders(data / 'testB', out / 'fake_B', metrics, value_range=(low, high))
    for name in ('PSNR', 'SSIM', 'L1'):
        assert values[name] == pytest.approx(scores[name], rel=1e-5)
    a, b = (np.stack([numbers(case, seed + i) for i in range(2)]).astype(np.float64) for seed in (20, 30))
    assert scores['L1'] == pytest.approx(np.abs(a - b).mean() / (high - low), rel=1e-5)
    mse = ((a - b) ** 2).reshape(2, -1).mean(1)
    assert scores['PSNR'] == pytest.approx(np.mean(10 * np.log10((high - low) ** 2 / mse)), rel=1e-5)


@pytest.mark.parametrize('case', CASES)
def test_numbers_come_back_from_the_networks_as_they_were(case: str) -> None:
    dtype, low, high, _, _ = CASES[case]
    whole = np.dtype(dtype).kind in 'iu'
    values = np.arange(low, high + 1) if whole else np.linspace(low, high, 5001)
    image = values.astype(dtype)[None, :, None]
    back = from_networks(to_networks(image, ValueRange(low, high, dtype)), ValueRange(low, high, dtype)).numpy()
    assert back.dtype == dtype and back.shape == (1, 1, len(values))
    assert np.abs(back[0].astype(np.float64) - image[:, :, 0]).max() <= (0 if whole else (high - low) * 2.0**-22)


def test_sets_of_8_and_16_bits_stay_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for dtype in ('uint8', 'uint16'):
        image = rng.integers(0, PLAIN[dtype].high, (5, 6, 3)).astype(dtype)
        write_image(tmp_path / dtype / 'x.png', image)
        dataset = ImageFolder(str(tmp_path / dtype))
        assert not dataset.remarks and 'value_range' not in dataset.facts()
        np.testing.assert_array_equal(dataset[0]['img'].numpy(), image.transpose(2, 0, 1))


@pytest.mark.fault
@pytest.mark.parametrize(('case', 'dtype', 'limits'), [
    ('ct_int16', 'int16', '-1024 to 3071'), ('ct_float32', 'float32', '-1024 to 3071'),
    ('ct_uint32', 'uint32', '0 to 4095'), ('bands6_npy', 'float32', '0 to 1')])
def test_numbers_without_a_range_are_one_error_that_says_what_to_type(case: str, dtype: str, limits: str,
                                                                     tmp_path: Path) -> None:
    draw(tmp_path, case)
    low, high = limits.split(' to ')
    with pytest.raises(DataError, match=rf'trainA.*{dtype}, from {limits}\..*value_range=\({low}, {high}\)'):
        UnpairedDataset(str(tmp_path), channels=CASES[case][3])


@pytest.mark.fault
def test_12_bits_in_16_and_an_almost_black_set_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    remark, = ImageFolder(str(draw(tmp_path / '12', 'ct_uint12')), 'trainA', channels=1).remarks
    assert 'is 4095, but uint16 goes to 65535' in remark and 'value_range=(0, 4095)' in remark
    write_image(tmp_path / 'dark/x.png', np.full((4, 4), 12, np.uint8))
    remark, = ImageFolder(str(tmp_path / 'dark')).remarks
    assert 'is 12, but uint8 goes to 255' in remark and 'value_range=(0, 12)' in remark
    cfg = config('pix2pix', tmp_path / '12', tmp_path / 'run', 1)
    Runner.from_cfg(cfg)
    log, = (tmp_path / 'run').rglob('*.log')
    assert log.read_text().count('B: the largest number') == 1


def test_a_set_with_some_dark_images_is_not_remarked_on(tmp_path: Path) -> None:
    for i in range(20):
        write_image(tmp_path / f'{i:02d}.png', np.full((4, 4), 200 if i > 10 else 3, np.uint8))
    assert not ImageFolder(str(tmp_path)).remarks


@pytest.mark.parametrize(('value', 'message'), [
    ((5, 1), 'two numbers of which the second is larger'), ((0, float('nan')), r'found \(0, nan\)'),
    (dict(C=(0, 1)), r"\['C'\] are no images"), ((-1024, 70000), 'files are int16, which goes from -32768 to 32767'),
    ('measure', 'expected .*measured'), ((0, 1, 2), 'expected')])
def test_a_range_that_is_none_is_refused(value: Any, message: str, tmp_path: Path) -> None:
    draw(tmp_path, 'ct_int16')
    with pytest.raises(ConfigError, match=message):
        UnpairedDataset(str(tmp_path), channels=1, value_range=value)


def test_what_a_range_cuts_off_is_said(tmp_path: Path) -> None:
    remarks = UnpairedDataset(str(draw(tmp_path, 'ct_int16')), channels=1, value_range=(-1024, 1023)).remarks
    assert len(remarks) == 2 and 'numbers go from -1024 to 3071' in remarks[0]
    share = np.mean([numbers('ct_int16', i) > 1023 for i in range(2)])
    assert f'({share:.2%}) is cut off' in remarks[0]


def test_domains_have_ranges_of_their_own_and_the_other_gets_that_of_its_type(tmp_path: Path) -> None:
    draw(tmp_path, 'ct_int16')
    for file in list_images(tmp_path / 'trainB'):
        file.unlink()
    write_image(tmp_path / 'trainB/0.png', np.full((SIDE, SIDE, 3), 51, np.uint8))
    dataset = UnpairedDataset(str(tmp_path), channels=dict(A=1, B=3), value_range=dict(A=HU))
    assert dataset.facts()['value_range'] == dict(A=[*HU, 'int16'], B=[0, 255, 'uint8'])
    assert torch.allclose(dataset[0]['B'], torch.tensor(51 / 127.5 - 1))


@pytest.mark.parametrize('how', ['measured', 'percentiles'])
def test_a_range_is_measured_once_and_kept(how: str, tmp_path: Path) -> None:
    data, run = draw(tmp_path / 'data', 'ct_int16'), tmp_path / 'run'
    cfg = config('pix2pix', data, run, 1, stated(how))
    found = {key: cfg.train_dataloader.dataset.value_range[key] for key in 'AB'}
    for d, key in enumerate('AB'):
        values = np.concatenate([numbers('ct_int16', 10 * d + i).ravel() for i in range(2)])
        exact = (values.min(), values.max()) if how == 'measured' else np.percentile(values, (0.5, 99.5))
        assert found[key] == pytest.approx(tuple(exact))
    assert cfg.val_dataloader.dataset.value_range == cfg.train_dataloader.dataset.value_range
    Runner.from_cfg(cfg).train()
    write_image(data / 'trainA/0.tif', np.full((SIDE, SIDE), 30000, np.int16))  # measured again, it would be another
    for options in (dict(resume=True), dict(load_from=str(run / 'iter_2.pth'))):
        again = config('pix2pix', data, run, 1, {**stated(how), **options, 'train_cfg.max_iters': 3})
        assert again.train_dataloader.dataset.value_range == found
    Runner.from_cfg(config('pix2pix', data, run, 1, {**stated(how), 'resume': True, 'train_cfg.max_iters': 3})).train()
    assert (run / 'iter_3.pth').exists()


@pytest.mark.fault
@pytest.mark.parametrize('how', ['resume', 'load_from', 'test', 'val'])
def test_another_range_than_that_of_the_training_is_refused(how: str, tmp_path: Path) -> None:
    data, run = draw(tmp_path / 'data', 'ct_uint12'), tmp_path / 'run'
    if how == 'val':
        cfg = config('pix2pix', data, run, 1, {**stated((0, 4095)), 'val_dataloader.dataset.value_range': (0, 1023)})
        with pytest.raises(ConfigError, match=r'value_range of A: \(0, 4095\) in train.*, but \(0, 1023\) in val'):
            Runner.from_cfg(cfg).train()
        return
    Runner.from_cfg(config('pix2pix', data, run, 1, stated((0, 4095)))).train()
    for options, other in ((stated((0, 65535)), r'\(0, 65535\)'), ({}, 'None')):
        cfg = config('pix2pix', data, tmp_path / 'other', 1, {
            **options, 'load_from': str(run / 'iter_2.pth'), 'resume': how == 'resume', 'train_cfg.max_iters': 3})
        runner = Runner.from_cfg(cfg, trains=how != 'test')
        with pytest.raises(ConfigError, match=rf'value_range of A: \(0, 4095\) in .*iter_2\.pth, but {other}'):
            runner.test() if how == 'test' else runner.train()


@pytest.fixture(scope='module')
def ct_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('ct')
    Runner.from_cfg(config('pix2pix', draw(folder / 'data', 'ct_int16'), folder / 'run', 1, stated(HU))).train()
    return folder / 'run'


@pytest.mark.fault
@pytest.mark.parametrize(('image', 'message'), [
    (np.full((SIDE, SIDE), 7, np.uint8), r'found 8 bits per channel, but .* numbers \(-1024, 3071\) in int16'),
    (np.full((SIDE, SIDE), 9000, np.int16), 'go from 9000 to 9000, none within the range'),
    (np.full((SIDE, SIDE), np.nan, np.float32), '256 of 256 numbers are NaN'),
    (np.full((SIDE, SIDE, 6), 0, np.int16), '6 channels cannot be converted to the 1')])
def test_images_of_other_numbers_are_not_translated(image: np.ndarray, message: str, ct_run: Path) -> None:
    with pytest.raises(DataError, match=message):
        Translator(ct_run)(image)


def test_a_model_of_8_bits_refuses_other_numbers_in_words(tmp_path: Path) -> None:
    for folder in ('trainA', 'trainB', 'testA', 'testB'):
        write_image(tmp_path / f'data/{folder}/0.png', np.full((SIDE, SIDE), 200, np.uint8))
    Runner.from_cfg(config('pix2pix', tmp_path / 'data', tmp_path / 'run', 1)).train()
    write_image(tmp_path / 'scan.tif', numbers('ct_int16', 0))
    with pytest.raises(DataError, match=r'scan\.tif.*uint8 or uint16, found int16.*value_range'):
        Translator(tmp_path / 'run')(tmp_path / 'scan.tif')


def test_translations_say_what_was_cut_off_and_can_be_laid_beside(ct_run: Path, tmp_path: Path) -> None:
    image = numbers('ct_int16', 5)
    image[0, :8] = 20000
    write_image(tmp_path / 'in/scan.tif', image)
    translator = Translator(ct_run)
    summary = translator.folder(tmp_path / 'in', tmp_path / 'out')
    assert '1 with numbers outside the value range' in str(summary) and '(at most 3.12% of an image)' in str(summary)
    np.testing.assert_array_equal(read_image(tmp_path / 'out/scan.tif', 1)[:, :, 0], np.minimum(image, 3071))
    translator.folder(tmp_path / 'in', tmp_path / 'beside', side_by_side=True, suffix='.png')
    both = read_image(tmp_path / 'beside/scan.png')
    assert both.dtype == np.uint8 and both.shape == (SIDE, 2 * SIDE, 3)
    np.testing.assert_array_equal(both[:, :SIDE], both[:, SIDE:])
    same = translator(image.astype(np.float32))
    assert same.dtype == np.int16  # the type of the files of the training


@pytest.mark.fault
def test_a_file_with_nan_is_named(tmp_path: Path) -> None:
    draw(tmp_path, 'ct_float32')
    image = numbers('ct_float32', 0)
    image[3, 4] = np.nan
    write_image(tmp_path / 'trainA/1.tif', image)
    dataset = UnpairedDataset(str(tmp_path), channels=1, value_range=HU)
    with pytest.raises(DataError, match=r"trainA/1\.tif': 1 of 256 numbers are NaN"):
        dataset[1]


@pytest.mark.fault
def test_a_file_of_another_kind_among_8_bits_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / '0.tif', np.full((4, 4), 200, np.uint8))
    write_image(tmp_path / '1.tif', numbers('ct_int16', 0))
    with pytest.raises(DataError, match=r'1\.tif: numbers are int16, from -1024 to 3071'):
        ImageFolder(str(tmp_path))[1]


# Files

@pytest.mark.parametrize('dtype', ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float16',
                                   'float32', 'float64'])
@pytest.mark.parametrize('bands', [1, 2, 3, 4, 6])
def test_files_of_all_numbers_hold_what_was_written(dtype: str, bands: int, tmp_path: Path) -> None:
    image = (np.random.default_rng(bands).random((7, 9, bands)) * 100).astype(dtype)
    for suffix in ('.tif', '.npy', '.npz'):
        write_image(tmp_path / f'x{suffix}', image)
        back = read_image(tmp_path / f'x{suffix}', None)
        assert back.dtype == dtype
        np.testing.assert_array_equal(back, image)
        assert image_size(tmp_path / f'x{suffix}') == (7, 9)


def test_bands_in_planes_and_in_pages_are_read(tmp_path: Path) -> None:
    image = (np.random.default_rng(0).random((7, 9, 6)) * 1000).astype(np.int16)
    tifffile.imwrite(tmp_path / 'planes.tif', image.transpose(2, 0, 1), photometric='minisblack',
                     planarconfig='separate')
    tifffile.imwrite(tmp_path / 'pages.tif', image.transpose(2, 0, 1), photometric='minisblack')
    tifffile.imwrite(tmp_path / 'rgb.tif', image[:, :, :3].astype(np.uint8), photometric='minisblack',
                     planarconfig='contig')
    for name in ('planes', 'pages'):
        np.testing.assert_array_equal(read_image(tmp_path / f'{name}.tif', 6), image)
    np.testing.assert_array_equal(read_image(tmp_path / 'pages.tif', 1), image[:, :, :1])
    np.testing.assert_array_equal(read_image(tmp_path / 'rgb.tif', 3), image[:, :, :3].astype(np.uint8))
    with pytest.raises(DataError, match=r"planes\.tif': channels=3, but the file has 6 of int16.*channels=6"):
        read_image(tmp_path / 'planes.tif', 3)


def test_arrays_beside_images_are_no_images(tmp_path: Path) -> None:
    write_image(tmp_path / 'x.png', np.zeros((4, 4), np.uint8))
    np.save(tmp_path / 'x.npy', np.zeros(5))
    assert [path.name for path in list_images(tmp_path)] == ['x.png']


def npy(shape: str, dtype: str, content: bytes = b'') -> bytes:
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b'\n'
    return b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header + content


@pytest.mark.fault
@pytest.mark.parametrize(('content', 'message'), [
    (npy('(1000000, 1000000)', "'<f8'"), 'are 8,000,000,000,000 bytes; more than'),
    (npy('(4611686018427387904, 4)', "'<f8'"), 'bytes; more than'),
    (npy('(4, 4)', "'<f4'", bytes(60)), 'cut short: 60 bytes of 64'),
    (npy('(4, 4)', "'|O'", b'cposix\n'), 'holds object'),
    (npy('(4,)', "'<f4'", bytes(16)), 'found shape'), (npy('(4, 4)', "'<c8'", bytes(128)), 'holds complex64'),
    (npy('(0, 4)', "'<f4'"), 'found shape'), (b'\x93NUMPY\x01', 'no readable array'),
    (npy('__import__("os")', "'<f4'"), 'no readable array')])
def test_a_hostile_array_is_refused_before_it_takes_memory(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / 'x.npy').write_bytes(content)
    with zipfile.ZipFile(tmp_path / 'x.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a.npy', content)
    for name in ('x.npy', 'x.npz'):
        with pytest.raises(DataError, match=rf'x\.np[yz].*{message}'):
            read_image(tmp_path / name)


@pytest.mark.fault
def test_a_hostile_archive_or_tiff_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'bomb.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a.npy', npy('(4, 4)', "'<f4'", bytes(10**7)))
    assert read_image(tmp_path / 'bomb.npz', 1).shape == (4, 4, 1)  # what the header says, and no more
    with zipfile.ZipFile(tmp_path / 'text.npz', 'w') as archive:
        archive.writestr('a.txt', 'hello')
    with pytest.raises(DataError, match='holds no array'):
        read_image(tmp_path / 'text.npz')
    tifffile.imwrite(tmp_path / 'x.tif', np.zeros((64, 64, 6), np.float32), photometric='minisblack',
                     planarconfig='contig')
    data = (tmp_path / 'x.tif').read_bytes()
    (tmp_path / 'cut.tif').write_bytes(data[:len(data) // 2])
    with pytest.raises(DataError, match=r'cut\.tif'):
        read_image(tmp_path / 'cut.tif', 6)
    huge = bytearray(data)
    for tag in (256, 257):  # width and height
        at = huge.index(tag.to_bytes(2, 'little') + b'\x04\x00\x01\x00\x00\x00') + 8
        huge[at:at + 4] = (100000).to_bytes(4, 'little')
    (tmp_path / 'huge.tif').write_bytes(huge)
    with pytest.raises(DataError, match=rf'more than {MAX_BYTES:,} are refused'):
        read_image(tmp_path / 'huge.tif', 6)


@pytest.mark.fault
def test_without_tifffile_bands_are_an_error_that_says_what_to_install(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / 'scan.tif', numbers('ct_int16', 0))
    write_image(tmp_path / 'bands.tif', numbers('bands6_float32', 0))
    monkeypatch.setitem(sys.modules, 'tifffile', None)
    np.testing.assert_array_equal(read_image(tmp_path / 'scan.tif', 1)[:, :, 0], numbers('ct_int16', 0))
    with pytest.raises(DataError, match=r'bands\.tif.*pip install tifffile'):
        read_image(tmp_path / 'bands.tif', 6)


def test_results_get_a_suffix_that_can_hold_them() -> None:
    assert fitting_suffix('uint8', 3, 'a.tif') == fitting_suffix('uint16', 1, 'a.npy') == '.png'
    assert fitting_suffix('int16', 1, 'a.TIF') == '.tif' and fitting_suffix('uint8', 6, 'a.npz') == '.npz'
    assert fitting_suffix('float32', 3, 'a.png') == fitting_suffix('float32', 1) == '.npy'


# Transforms, pictures, metrics

@pytest.mark.parametrize('filter', ['bicubic', 'bilinear'])
@pytest.mark.parametrize(('dtype', 'bands'), [('int16', 1), ('uint32', 1), ('float32', 6), ('float64', 2), ('uint8', 6),
                                              ('uint8', 2)])
def test_resizing_scales_every_band_by_itself(dtype: str, bands: int, filter: str) -> None:
    y, x = np.mgrid[:16, :16]
    image = np.stack([(x + 2 * y + 10 * k) * (-1) ** (k if dtype[0] != 'u' else 0) for k in range(bands)], 2)
    small = resize(image.astype(dtype), 8, 8, filter)
    assert small.dtype == dtype and small.shape == (8, 8, bands)
    mean = image.reshape(8, 2, 8, 2, bands).mean((1, 3))  # of a plane, any smoothing filter gives the middle
    assert np.abs(small[2:-2, 2:-2].astype(float) - mean[2:-2, 2:-2]).max() <= 0.51


def test_samples_show_the_chosen_bands() -> None:
    image = torch.arange(6, dtype=torch.float32)[:, None, None].expand(6, 2, 2)
    sample = {'A': image, 'B': torch.full((3, 2, 2), 9, dtype=torch.uint8), 'meta': dict(A_range=(0, 5, 'float32'))}
    assert as_shown(sample, (6, 1, 2))['A'][:, 0, 0].tolist() == [255, 0, 51]
    assert as_shown(sample, (3,))['A'][:, 0, 0].tolist() == [102]
    assert torch.equal(as_shown(sample, (6, 1, 2))['B'], sample['B'])
    with pytest.raises(ConfigError, match=r"samples\.bands: of 'A': \(7, 1, 2\), but there are 6 bands"):
        as_shown(sample, (7, 1, 2))


def test_an_all_black_answer_of_12_bits_is_bad(tmp_path: Path) -> None:
    truth = numbers('ct_uint12', 0)
    write_image(tmp_path / 'real/0.png', truth)
    write_image(tmp_path / 'fake/0.png', np.zeros_like(truth))
    values, _ = evaluate_folders(tmp_path / 'real', tmp_path / 'fake', [metric_of('psnr')], value_range=(0, 4095))
    assert values['PSNR'] == pytest.approx(10 * np.log10(4095**2 / np.mean(truth.astype(float)**2)))
    assert values['PSNR'] < 6
    full, _ = evaluate_folders(tmp_path / 'real', tmp_path / 'fake', [metric_of('psnr')])
    assert full['PSNR'] > 28  # 16 bits without a range: at the depth that they have
    with pytest.raises(ConfigError, match=r'data_range=4095: these images have a value range'):
        evaluate_folders(tmp_path / 'real', tmp_path / 'fake', [metric_of(dict(type='PSNR', data_range=4095))])


@pytest.mark.fault
def test_folders_of_unknown_numbers_are_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    for folder in ('real', 'fake'):
        write_image(tmp_path / folder / '0.tif', numbers('ct_int16', 0))
    code, _, err = toolbox('eval-folders', str(tmp_path / 'real'), str(tmp_path / 'fake'), '--metrics', 'l1')
    assert code == 2 and 'int16, from -1024 to 3071' in err and '--value-range LOW HIGH' in err
    code, out, _ = toolbox('eval-folders', str(tmp_path / 'real'), str(tmp_path / 'fake'), '--metrics', 'l1',
                           '--value-range', '-1024', '3071')
    assert code == 0 and 'L1: 0' in out


@pytest.mark.parametrize(('bands', 'side', 'files'), [(6, 256, 64), (1, 256, 256)])
def test_percentiles_look_at_every_band_and_every_column(bands: int, side: int, files: int) -> None:
    """A step through the numbers of 6 bands met one of them alone, one through gray rows the first column alone."""
    levels = np.array([300, 500, 700, 2500, 3500, 3000])[:bands] if bands > 1 else np.linspace(300, 4000, side)[:, None]
    image = np.broadcast_to(levels, (side, side, bands)).astype(np.uint16)
    ranges, _ = settle('percentiles', {'img': range(files)}, lambda file, key: image, 'Set')
    expected = np.percentile(levels, (0.5, 99.5)) if bands == 1 else (300, 3500)
    assert ranges['img'][:2] == pytest.approx(tuple(expected), rel=0.02)


def test_files_of_another_type_are_not_cut_off_by_the_range_of_the_first(tmp_path: Path) -> None:
    draw(tmp_path, 'ct_int16')
    for file in list_images(tmp_path / 'trainB'):
        file.unlink()
    for i, dtype in enumerate((np.uint8, np.uint16)):
        write_image(tmp_path / f'trainB/{i}.png', np.full((SIDE, SIDE, 3), np.iinfo(dtype).max // 2, dtype))
    dataset = UnpairedDataset(str(tmp_path), channels=dict(A=1, B=3), value_range=dict(A=HU), serial=True)
    assert dataset[0]['B'].max() < 0
    with pytest.raises(DataError, match=r'1\.png: numbers are uint16, but the first files of B have 8 bits.*\(B=\.'):
        dataset[1]
