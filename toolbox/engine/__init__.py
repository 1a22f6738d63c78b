from . import evaluation, loops, optim, schedules
from .runner import Runner

__all__ = ['Runner', 'evaluation', 'loops', 'optim', 'schedules']
