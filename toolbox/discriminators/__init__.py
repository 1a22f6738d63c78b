"""Discriminators and critics."""

from .dcgan import DCGANDiscriminator
from .mlp import MLPDiscriminator
from .patch import PatchDiscriminator, PixelDiscriminator
from .resnet_critic import DeepResnetCritic, ResnetCritic

__all__ = ['DCGANDiscriminator', 'DeepResnetCritic', 'MLPDiscriminator', 'PatchDiscriminator', 'PixelDiscriminator',
           'ResnetCritic']
