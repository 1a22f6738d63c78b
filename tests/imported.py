"""Imports what a training imports; for the process that others are forked from."""

import cv2  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import mmengine.config.config
import mmengine.visualization
import torch.distributed.tensor
import torch.utils.data
import torch.utils.tensorboard  # noqa: F401

from toolbox import registry

mmengine.config.config.FormatCode = lambda text, **_: (text, True)  # as in conftest.py

for each in vars(registry).values():
    if hasattr(each, 'import_from_location'):
        each.import_from_location()
