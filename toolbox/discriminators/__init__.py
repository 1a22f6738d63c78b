"""Discriminators and critics."""

from .aggan import AGGANDiscriminator
from .dcgan import DCGANDiscriminator
from .mlp import MLPDiscriminator
from .multiscale import MultiscaleDiscriminator
from .patch import PatchDiscriminator, PixelDiscriminator
from .pggan import PGGANDiscriminator
from .resnet_critic import DeepResnetCritic, ResnetCritic
from .singan import SinGANDiscriminator
from .srgan import SRGANDiscriminator
from .stargan import StarGANDiscriminator
from .starganv2 import StarGANv2Discriminator
from .ugatit import UGATITDiscriminator

__all__ = ['AGGANDiscriminator', 'DCGANDiscriminator', 'DeepResnetCritic', 'MLPDiscriminator',
           'MultiscaleDiscriminator', 'PGGANDiscriminator', 'PatchDiscriminator', 'PixelDiscriminator',
           'ResnetCritic', 'SRGANDiscriminator', 'SinGANDiscriminator', 'StarGANDiscriminator',
           'StarGANv2Discriminator', 'UGATITDiscriminator']
