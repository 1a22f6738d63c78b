from .bad_images import BadImageHook
from .checkpoint import CheckpointHook
from .ema import EMAHook
from .samples import SampleHook, SaveImagesHook
from .signals import SignalHook
from .status import StatusHook

__all__ = ['BadImageHook', 'CheckpointHook', 'EMAHook', 'SampleHook', 'SaveImagesHook', 'SignalHook', 'StatusHook']
