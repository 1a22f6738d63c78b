"""Train the configs given as arguments one after the other, in the processes of one torchrun, in float64."""

from __future__ import annotations

import sys

import torch
from mmengine.config import Config

from toolbox.cli import leave_process_group
from toolbox.engine import Runner

torch.set_default_dtype(torch.float64)
for path in sys.argv[1:]:
    cfg = Config.fromfile(path)
    cfg.launcher = 'pytorch'
    Runner.from_cfg(cfg).train()
leave_process_group()
