from .checkpoint import CheckpointHook
from .ema import EMAHook
from .samples import SampleHook, SaveImagesHook
from .signals import SignalHook
from .status import StatusHook

__all__ = ['CheckpointHook', 'EMAHook', 'SampleHook', 'SaveImagesHook', 'SignalHook', 'StatusHook']
