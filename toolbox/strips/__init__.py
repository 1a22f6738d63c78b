"""Networks on large images in strips: what they compute is recorded without pixels, and run on a few rows at a time."""

from .recording import Recording, Uncuttable, record
from .running import run

__all__ = ['Recording', 'Uncuttable', 'record', 'run']
