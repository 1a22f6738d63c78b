"""Pretrained feature networks for metrics and perceptual losses."""

from ..files.cache import cache_dir
from .base import FeatureNetwork
from .classifiers import VGG16, VGG19, AlexNet, CaffeVGG16, SqueezeNet
from .deeplab import DeepLabSegmenter
from .dino import DINO, DINOv2
from .drn import DRNSegmenter
from .efficientnet import EfficientNetLite0
from .inception import FIDInception, ImageNetInception
from .landmarks import LandmarkMasks
from .lpips import LPIPS
from .random import RandomFeatures
from .scenes import PaletteReader, SceneReader

__all__ = ['DINO', 'LPIPS', 'VGG16', 'VGG19', 'AlexNet', 'CaffeVGG16', 'DINOv2', 'DRNSegmenter', 'DeepLabSegmenter',
           'EfficientNetLite0', 'FIDInception', 'FeatureNetwork', 'ImageNetInception', 'LandmarkMasks', 'PaletteReader',
           'RandomFeatures', 'SceneReader', 'SqueezeNet', 'cache_dir']
