"""Generators and encoders."""

from .dcgan import ConvEncoder, DCGANGenerator
from .init import init_weights
from .mlp import MLPEncoder, MLPGenerator
from .resnet import ResnetGenerator
from .resnet_gan import ResnetGANGenerator
from .unet import UnetGenerator

__all__ = ['ConvEncoder', 'DCGANGenerator', 'MLPEncoder', 'MLPGenerator', 'ResnetGANGenerator', 'ResnetGenerator',
           'UnetGenerator', 'init_weights']
