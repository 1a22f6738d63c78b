from . import loops, optim, schedules
from .runner import Runner

__all__ = ['Runner', 'loops', 'optim', 'schedules']
