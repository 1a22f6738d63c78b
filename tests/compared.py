"""Methods and data for the tests of comparisons: what they make is known without training."""

from __future__ import annotations

import os
import signal
from concurrent.futures import wait
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from torch import Tensor, nn

from toolbox.data.sets.datasets import ImageDataset
from toolbox.methods.base import Method
from toolbox.methods.batch import Batch
from toolbox.methods.directions import Direction, Image, Shown
from toolbox.methods.schedule import Phase, Stage
from toolbox.registry import BACKBONES, DATASETS, HOOKS, METHODS, Backbone


@DATASETS.register_module()
class Tints(ImageDataset):
    """Red pictures A and blue pictures B of noise, and the answer of A alone.

    Args:
        length: of each.
        pipeline: transforms.
    """

    groups = (('A', 'oracle_B'), ('B',))

    def __init__(self, length: int = 8, pipeline: Any = ()) -> None:
        super().__init__(pipeline)
        self.length, self.channels = length, {'A': 3, 'B': 3}

    def __len__(self) -> int:
        return self.length

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        noise, other = (np.random.RandomState(2 * index + i).randint(0, 100, (16, 16, 3), np.uint8) for i in (0, 1))
        red, blue = np.uint8([155, 0, 0]), np.uint8([0, 0, 155])
        return {'A': noise + red, 'B': other + blue, 'oracle_B': noise + blue}, {'A_path': f'{index}.png'}


@BACKBONES.register_module()
class Shift(nn.Module):
    """``x + shift``, a colour that is not learnt: ``rate`` 0 keeps it."""

    in_channels = out_channels = 3
    size_divisor = 1

    def __init__(self, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.shift


@METHODS.register_module()
class Comparable(Method):
    """A translation to B, and none to A.

    Args:
        G: the network.
        weight: of the loss; 0 leaves the weights as they are.
        resting: epochs in which the network does not train.
    """

    schedule = (Phase('G', trains=('G',)),)
    shows = {'A': Shown('A'), 'fake_B': Shown('to B', of='A', like='B'), 'B': Shown('B')}
    G: nn.Module

    def __init__(self, G: Backbone, weight: float = 0.0, resting: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stages = (Stage('resting', epochs=resting, rests=('G',)), Stage('training'))
        self.weight = weight
        self.add_networks(G=G)
        self.directions = {'AtoB': Direction(('G',), (Image('A', 3),), 'fake_B')}
        self.needs = (Image('A', 3), Image('B', 3))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return {'colour': self.weight * (self.G(b.A).mean((2, 3)) - b.B.mean((2, 3))).square().mean()}

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return {'fake_B': self.G(b.A)}


@HOOKS.register_module()
class Killer(Hook):
    """A signal after the iteration that the environment names, ``KILLED_AT='end of work_dir' iteration``: SIGKILL;
    ``SIGNALLED_AT``: SIGUSR1."""

    def after_iteration(self, runner: Any) -> None:
        for name, number in (('KILLED_AT', signal.SIGKILL), ('SIGNALLED_AT', signal.SIGUSR1)):
            folder, _, iteration = os.environ.get(name, 'nowhere 0').partition(' ')
            if runner.work_dir.endswith(folder) and runner.iter == int(iteration):
                wait([runner.train_loop.saving] if runner.train_loop.saving else [])  # the last checkpoint is whole
                os.kill(os.getpid(), number)


def tinter(path: Any, shift: Any = (0.0, 0.0, 0.0), weight: float = 0.0, further: str = '') -> str:
    """Write a config of a :class:`Comparable` to ``path``."""
    data = "dict(batch_size=2, dataset=dict(type='Tints'))"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"custom_imports = dict(imports=['compared'])\n"
                    f"model = dict(type='Comparable', G=dict(type='Shift', shift={shift!r}), weight={weight})\n"
                    f"optim_wrapper = dict(G=dict(nets=('G',), optimizer=dict(type='SGD', lr=0.1)))\n"
                    f'train_dataloader = {data}\nval_dataloader = {data}\nval_evaluator = []\n'
                    f'train_cfg = dict(max_iters=10)\n{further}')
    return str(path)
