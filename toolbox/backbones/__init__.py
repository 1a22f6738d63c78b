"""Generators and encoders."""

from ..moved import moved_names
from .aggan import AGGANGenerator, AttentionNetwork
from .dcgan import ConvEncoder, DCGANGenerator
from .drit import (
    DRITAttributeEncoder,
    DRITConcatAttributeEncoder,
    DRITConcatGenerator,
    DRITContentEncoder,
    DRITGenerator,
)
from .efficientnet import EfficientNetUnet
from .flow import CouplingFlow
from .mlp import MLPEncoder, MLPGenerator
from .munit import MUNITContentEncoder, MUNITDecoder, MUNITStyleEncoder, UNITDecoder
from .pix2pixhd import InstanceEncoder, Pix2PixHDGenerator
from .pix2pixhd_plus import Pix2PixHDPlusGenerator
from .resnet import ResnetGenerator
from .resnet_gan import ResnetGANGenerator
from .rrdb import RRDBNet
from .singan import SinGANGenerator
from .spade import SPADEEncoder, SPADEGenerator
from .srresnet import SRResNet
from .stargan import StarGANGenerator
from .starganv2 import MappingNetwork, StarGANv2Generator, StyleEncoder
from .ugatit import UGATITGenerator
from .unet import UnetGenerator

__getattr__ = moved_names(__name__, {'init_weights': 'layers.init', 'LandmarkMasks': 'features.landmarks'})

__all__ = ['AGGANGenerator', 'AttentionNetwork', 'ConvEncoder', 'CouplingFlow', 'DCGANGenerator',
           'DRITAttributeEncoder', 'DRITConcatAttributeEncoder', 'DRITConcatGenerator', 'DRITContentEncoder',
           'DRITGenerator', 'EfficientNetUnet', 'InstanceEncoder', 'MLPEncoder', 'MLPGenerator', 'MUNITContentEncoder',
           'MUNITDecoder', 'MUNITStyleEncoder', 'MappingNetwork', 'Pix2PixHDGenerator', 'Pix2PixHDPlusGenerator',
           'RRDBNet', 'ResnetGANGenerator', 'ResnetGenerator', 'SPADEEncoder', 'SPADEGenerator', 'SRResNet',
           'SinGANGenerator', 'StarGANGenerator', 'StarGANv2Generator', 'StyleEncoder', 'UGATITGenerator',
           'UNITDecoder', 'UnetGenerator']
