from .bad_images import BadImageHook
from .checkpoint import CheckpointHook
from .diagnosis import DiagnosisHook
from .ema import EMAHook
from .health import HealthHook
from .results import ResultsHook
from .samples import SampleHook, SaveImagesHook
from .signals import SignalHook
from .status import StatusHook, say

__all__ = ['BadImageHook', 'CheckpointHook', 'DiagnosisHook', 'EMAHook', 'HealthHook', 'ResultsHook',
           'SampleHook', 'SaveImagesHook', 'SignalHook', 'StatusHook', 'say']
