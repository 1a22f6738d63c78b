"""What users get wrong, through the real commands: exit code 2 and one error that says where, what was found and what to type."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny import draw_images

ROOT = Path(__file__).resolve().parents[1]
# Tiny, so that a mistake that is not caught is soon seen as a finished training.
TINY = f'''
_base_ = ['{ROOT}/configs/cyclegan/synthetic.py']
_G = dict(base_channels=2, blocks=1)
_D = dict(base_channels=2, layers=2)
model = dict(G_AB=_G, G_BA=_G, D_A=_D, D_B=_D, pool_size=2)
train_dataloader = dict(dataset=dict(size=32, length=4))
val_dataloader = dict(dataset=dict(size=32, length=2))
train_cfg = dict(max_iters=2)
default_hooks = dict(samples=None)
visualizer = dict(type='Visualizer', vis_backends=[])
'''
CROP = "pipeline=[dict(type='Resize', size=36), dict(type='RandomCrop', size=32)]"


def files(dataset: str) -> str:
    """Config lines that train on image files instead of the synthetic world, without validation."""
    return (f'train_dataloader = dict(dataset=dict(_delete_=True, {dataset}))\n'
            'val_dataloader = None\nval_evaluator = None\n')


def empty_folder(folder: Path) -> None:
    (folder / 'data/trainA').mkdir(parents=True)


def unreadable_image(folder: Path) -> None:
    draw_images(folder / 'data', 2)
    for path in (folder / 'data/trainA').iterdir():
        path.write_bytes(b'no picture')


def good_images(folder: Path) -> None:
    draw_images(folder / 'data', 2)


def unmatched_pairs(folder: Path) -> None:
    draw_images(folder / 'data', 2)
    (folder / 'data/trainB/0.png').rename(folder / 'data/trainB/zero.png')


def sixteen_bit_image(folder: Path) -> None:
    draw_images(folder / 'data', 2)
    for path in (folder / 'data/trainA').iterdir():
        cv2.imwrite(str(path), np.zeros((36, 40, 3), np.uint16))
    deep = folder / 'data/trainA/0.png'
    cv2.imwrite(str(deep), np.zeros((36, 40, 3), np.uint8))


def foreign_pickle(folder: Path) -> None:
    torch.save({'state_dict': Path('somewhere')}, folder / 'foreign.pth')


def foreign_weights(folder: Path) -> None:
    torch.save({'model.1.weight': torch.zeros(1)}, folder / 'foreign.pth')


def finished_training(folder: Path, *options: str) -> None:
    """A training of one iteration in the work directory."""
    code, _, err = train(folder, TINY, '--cfg-options', 'train_cfg.max_iters=1', *options)
    assert code == 0, err


def wider_training(folder: Path) -> None:
    finished_training(folder, 'model.G_AB.base_channels=3')


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        lines: the config that inherits from the tiny one.
        says: what the error must contain: the place, what was found, and what to type.
        argv: further arguments of tools/train.py.
        prepare: makes files in the test's folder.
    """

    lines: str
    says: tuple[str, ...]
    argv: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None


MODEL_CASES = {
    'unknown method': Case("model = dict(type='CycelGAN')", ()),
    'unknown backbone': Case("model = dict(G_AB=dict(type='ResNetGenerater'))", ()),
    'unknown norm in a backbone': Case("model = dict(G_BA=dict(norm=dict(type='instance')))", ()),
    'unknown loss': Case("model = dict(adversarial=dict(_delete_=True, type='AdversarialLos'))", ()),
    'unknown argument of the method': Case('model = dict(w_cycel_A=1.0)', ()),
    'unknown argument of a backbone': Case('model = dict(G_AB=dict(n_blocks=6))', ()),
    'unknown argument of a norm': Case('model = dict(G_AB=dict(norm=dict(afine=True)))', ()),
    'required argument missing': Case("model = dict(_delete_=True, type='CycleGAN')", ()),
    'wrong type of a value': Case("model = dict(w_cycle_A='abc')", ()),
    'float for a number of layers': Case('model = dict(G_AB=dict(blocks=6.5))', ()),
    'mode that does not exist': Case("model = dict(adversarial=dict(mode='lsgann'))", ()),
    'padding that does not exist': Case("model = dict(G_AB=dict(padding='reflection'))", ()),
    'test_cfg that does not exist': Case('model = dict(test_cfg=dict(dropuot=True))', ()),
    'channels that do not fit': Case('model = dict(G_AB=dict(in_channels=1))', ()),
    'type missing': Case('model = dict(G_AB=dict(_delete_=True, base_channels=2))', ()),
    'network is a name': Case("model = dict(G_AB='ResnetGenerator')", ()),
    'init that does not exist': Case("model = dict(init=dict(type='gaussian'))", ()),
    'accumulate does not divide the batch': Case('model = dict(accumulate=3)\ntrain_dataloader = dict(batch_size=4)', ()),
    'accumulate 0': Case('model = dict(accumulate=0)', ()),
    'negative pool': Case('model = dict(pool_size=-1)', ()),
}

PART_CASES = {
    'unknown argument of a dataset': Case('train_dataloader = dict(dataset=dict(lenght=4))', ()),
    'unknown argument of a transform': Case(
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', sise=32)]))", ()),
    'unknown transform': Case("train_dataloader = dict(dataset=dict(pipeline=[dict(type='RandomCorp', size=32)]))", ()),
    'unknown argument of a hook': Case('default_hooks = dict(checkpoint=dict(intervall=1))', ()),
    'unknown hook slot': Case("default_hooks = dict(chekpoint=dict(type='CheckpointHook'))", ()),
    'unknown custom hook': Case("custom_hooks = [dict(type='EMAHok', nets=('G_AB',))]", ()),
    'unknown argument of an optimizer': Case(
        "optim_wrapper = dict(G=dict(optimizer=dict(learning_rate=1e-4)))", ()),
    'unknown optimizer': Case("optim_wrapper = dict(G=dict(optimizer=dict(type='Addam')))", ()),
    'unknown argument of a metric': Case("val_evaluator = [dict(type='PSNR', predd='fake_B')]", ()),
    'metric of an image that is not there': Case("val_evaluator = [dict(type='PSNR', pred='fake_C')]", ()),
    'unknown argument of a scheduler': Case('param_scheduler = dict(decays=5)', ()),
    'optimizer names a network that is not there': Case("optim_wrapper = dict(G=dict(nets=('G_A', 'G_BA')))", ()),
    'optimizer of a phase missing': Case(
        "optim_wrapper = dict(_delete_=True, G=dict(nets=('G_AB', 'G_BA'), optimizer=dict(type='Adam', lr=1e-4)))", ()),
    'optimizer of no phase': Case(
        "optim_wrapper = dict(E=dict(nets=('G_AB',), optimizer=dict(type='Adam', lr=1e-4)))", ()),
    'EMA of a network that is not there': Case("custom_hooks = [dict(type='EMAHook', nets=('G',))]", ()),
    'save_best of a metric that is not there': Case("default_hooks = dict(checkpoint=dict(save_best='FID'))\n", ()),
}

RUN_CASES = {
    'unknown top-level key': Case('train_dataloder = dict(batch_size=2)', ()),
    'max_iters and max_epochs': Case('train_cfg = dict(max_epochs=1)', ()),
    'batch_size 0': Case('train_dataloader = dict(batch_size=0)', ()),
    'unknown key of a dataloader': Case('train_dataloader = dict(batchsize=2)', ()),
    'misspelt option': Case('', (), ('--cfg-options', 'modle.pool_size=3')),
    'misspelt part of an option': Case('', (), ('--cfg-options', 'model.G_AB.blokcs=3')),
    'option without =': Case('', (), ('--cfg-options', 'model.pool_size', '3')),
    'option beyond a list': Case('', (), ('--cfg-options', 'val_evaluator.7.type=PSNR')),
    'option below a number': Case('', (), ('--cfg-options', 'model.pool_size.x=3')),
    'syntax error': Case('model = dict(pool_size=3', ()),
    'undefined name in the config': Case('model = dict(pool_size=POOL)', ()),
    'base config missing': Case("_base_ = ['nowhere.py']", ()),
    'plugin that cannot be imported': Case("custom_imports = dict(imports=['no_such_plugin_here'])", ()),
    'fp16 on a CPU': Case('', (), ('--amp', 'fp16')),
    'amp without optimisers': Case('optim_wrapper = None', (), ('--amp',)),
    'work_dir is taken': Case('', (), (), finished_training),
    'resume from nothing': Case('', (), ('--resume', 'nowhere.pth')),
    'resume from a folder without a checkpoint': Case('', (), ('--resume', '.')),
    'resume from a foreign pickle': Case('', (), ('--resume', 'foreign.pth'), foreign_pickle),
    "resume from the authors' weights": Case('', (), ('--resume', 'foreign.pth'), foreign_weights),
    'resume another architecture': Case('', (), ('--resume',), wider_training),
}

DATA_CASES = {
    'data_root missing': Case(files("type='UnpairedDataset'"), ()),
    'data_root does not exist': Case("data_root = 'data/horse2zebr'\n" + files("type='UnpairedDataset'"), ()),
    'empty folder': Case("data_root = 'data'\n" + files("type='UnpairedDataset'"), (), (), empty_folder),
    'unreadable image': Case("data_root = 'data'\n" + files(f"type='UnpairedDataset', {CROP}"), (), (), unreadable_image),
    'image smaller than the crop': Case(
        "data_root = 'data'\n" + files("type='UnpairedDataset', pipeline=[dict(type='RandomCrop', size=64)]"), (), (), good_images),
    'crop that the network cannot take': Case(
        "data_root = 'data'\n" + files("type='UnpairedDataset', pipeline=[dict(type='RandomCrop', size=30)]"), (), (), good_images),
    'unmatched pairs': Case(
        "data_root = 'data'\n" + files(f"type='PairedDataset', layout='folders', {CROP}"), (), (), unmatched_pairs),
    'images of two sizes in a batch': Case(
        "data_root = 'data'\n" + files("type='UnpairedDataset'").replace('dict(dataset', 'dict(batch_size=2, dataset'), (), (), lambda f: draw_two_sizes(f)),
    '8 and 16 bits in a batch': Case(
        "data_root = 'data'\n" + files(f"type='UnpairedDataset', {CROP}").replace('dict(dataset', 'dict(batch_size=2, dataset'), (), (), sixteen_bit_image),
    'paired method on unpaired data': Case('', ()),
}
del DATA_CASES['paired method on unpaired data']


def draw_two_sizes(folder: Path) -> None:
    draw_images(folder / 'data', 2)
    path = str(folder / 'data/trainA/0.png')
    cv2.imwrite(path, cv2.resize(cv2.imread(path), (60, 48)))


CASES = {**MODEL_CASES, **PART_CASES, **RUN_CASES, **DATA_CASES}


def train(folder: Path, lines: str, *argv: str) -> tuple[int, str, str]:
    (folder / 'tiny.py').write_text(TINY)
    (folder / 'bad.py').write_text(lines if '_base_' in lines else f"_base_ = ['tiny.py']\n{lines}\n")
    return command('train.py', 'bad.py', '--work-dir', str(folder / 'run'), *argv)


def command(script: str, *argv: str) -> tuple[int, str, str]:
    import contextlib, io
    out, err = io.StringIO(), io.StringIO()
    saved = sys.argv, list(sys.path)
    sys.argv = [script, *argv]
    code = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(str(ROOT / 'tools' / script), run_name='__main__')
        except SystemExit as e:
            code = e.code
        finally:
            sys.argv, sys.path[:] = saved
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize('name', CASES)
def test_x(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    if case.prepare:
        case.prepare(tmp_path)
    import time
    t = time.time()
    try:
        code, out, err = train(tmp_path, case.lines, *case.argv)
    except BaseException as e:
        code, out, err = 'CRASH', '', repr(e)[:1500]
    with open('/tmp/dev/h4_out.txt', 'a') as f:
        print(f'=== {name}: code {code} ({time.time()-t:.2f}s) pth {[p.name for p in tmp_path.glob("run/*.pth")]}\n--- err {err.replace(str(tmp_path), "TMP")}\n--- out {out[:300]}', file=f)
