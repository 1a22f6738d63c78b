from .aggan import AGGAN
from .autoencoder import VAE, Autoencoder
from .base import Method
from .batch import Batch
from .colorization import Colorization
from .cyclegan import CycleGAN
from .directions import Attributes, ClassLabel, Direction, Image, InstanceMap, LabelMap, Latent, Mask, Port, Shown
from .gan import GAN
from .inpainting import Inpainting
from .pix2pix import Pix2Pix
from .pix2pixhd import Pix2PixHD
from .schedule import Cycle, Phase, Stage
from .semantic import SemanticMethod
from .singan import SinGAN
from .spade import GauGAN
from .srgan import SRGAN
from .stargan import StarGAN
from .starganv2 import StarGANv2
from .ugatit import UGATIT
from .wgan import WGAN

__all__ = ['AGGAN', 'GAN', 'SRGAN', 'UGATIT', 'VAE', 'WGAN', 'Attributes', 'Autoencoder', 'Batch', 'ClassLabel',
           'Colorization', 'Cycle', 'CycleGAN', 'Direction', 'GauGAN', 'Image', 'Inpainting', 'InstanceMap',
           'LabelMap', 'Latent', 'Mask', 'Method', 'Phase', 'Pix2Pix', 'Pix2PixHD', 'Port', 'SemanticMethod', 'Shown',
           'SinGAN', 'Stage', 'StarGAN', 'StarGANv2']
