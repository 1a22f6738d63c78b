from .base import Method, Phase
from .batch import Batch
from .cyclegan import CycleGAN
from .pix2pix import Pix2Pix

__all__ = ['Batch', 'CycleGAN', 'Method', 'Phase', 'Pix2Pix']
