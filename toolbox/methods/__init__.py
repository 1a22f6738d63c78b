from .aggan import AGGAN
from .autoencoder import VAE, Autoencoder
from .base import Method, Phase
from .batch import Batch
from .cyclegan import CycleGAN
from .gan import GAN
from .pix2pix import Pix2Pix
from .stargan import StarGAN
from .starganv2 import StarGANv2
from .ugatit import UGATIT
from .wgan import WGAN

__all__ = ['AGGAN', 'GAN', 'UGATIT', 'VAE', 'WGAN', 'Autoencoder', 'Batch', 'CycleGAN', 'Method', 'Phase', 'Pix2Pix',
           'StarGAN', 'StarGANv2']
