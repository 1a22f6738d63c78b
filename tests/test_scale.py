"""What the table of many processes says is what DDP moves, and how gradients lie in its buckets."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from faults import in_child
from tiny import tiny_config

from toolbox.engine import wrapping
from toolbox.registry import METHODS, build

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools'))


def alone(folder: Path) -> None:
    dist.init_process_group('gloo', store=dist.FileStore(str(folder / 'store'), 1), rank=0, world_size=1)


@pytest.mark.dist
def test_gradients_lie_in_the_buckets_that_are_averaged_and_are_the_bytes_of_the_table(images: Path, tmp_path: Path
                                                                                       ) -> None:
    def child() -> None:
        from scale import gradients
        alone(tmp_path)
        method = build(tiny_config('configs/cyclegan/facades.py', tmp_path, images).model, METHODS, 'model')
        told = gradients(method)
        warnings.simplefilter('ignore', FutureWarning)  # MMEngine's wrapper gets one from torch
        wrapped = wrapping.wrap_networks(method).module
        moved = {phase.name: sum(getattr(wrapped, name)._get_ddp_logging_data()['total_parameter_size_bytes']
                                 for name in phase.networks) for phase in method.schedule}
        assert told == pytest.approx({name: size / 1e6 for name, size in moved.items()})
        wrapped.G_AB(torch.rand(1, 3, 32, 32)).sum().backward()
        bucket = {p.grad.untyped_storage().data_ptr() for p in wrapped.G_AB.parameters()}
        assert len(bucket) == 1  # all are parts of one: no copy beside it

    assert in_child(child) == 0


def test_the_table_in_the_docs_is_what_the_command_prints() -> None:
    from scale import row
    documented = (ROOT / 'docs/distributed.md').read_text().splitlines()
    for config in ('cyclegan/horse2zebra', 'starganv2/afhq'):
        assert row(config, {}) in documented
