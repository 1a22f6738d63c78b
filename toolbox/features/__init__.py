"""Networks with published weights that describe images, for metrics and perceptual losses."""

from .base import FeatureNetwork
from .classifiers import VGG16, VGG19, AlexNet, SqueezeNet
from .inception import FIDInception, ImageNetInception
from .lpips import LPIPS
from .random import RandomFeatures
from .segmenter import DRNSegmenter
from .weights import cache_dir

__all__ = ['LPIPS', 'VGG16', 'VGG19', 'AlexNet', 'DRNSegmenter', 'FIDInception', 'FeatureNetwork', 'ImageNetInception',
           'RandomFeatures', 'SqueezeNet', 'cache_dir']
