"""Generators and encoders."""

from .aggan import AGGANGenerator, AttentionNetwork
from .dcgan import ConvEncoder, DCGANGenerator
from .mlp import MLPEncoder, MLPGenerator
from .resnet import ResnetGenerator
from .resnet_gan import ResnetGANGenerator
from .stargan import StarGANGenerator
from .starganv2 import MappingNetwork, StarGANv2Generator, StyleEncoder
from .ugatit import UGATITGenerator
from .unet import UnetGenerator

__all__ = ['AGGANGenerator', 'AttentionNetwork', 'ConvEncoder', 'DCGANGenerator', 'MLPEncoder',
           'MLPGenerator', 'MappingNetwork', 'ResnetGANGenerator', 'ResnetGenerator', 'StarGANGenerator',
           'StarGANv2Generator', 'StyleEncoder', 'UGATITGenerator', 'UnetGenerator']
