"""Networks with published weights that describe images, for metrics and perceptual losses."""

from .base import FeatureNetwork
from .inception import FIDInception, ImageNetInception
from .random import RandomFeatures
from .weights import cache_dir

__all__ = ['FIDInception', 'FeatureNetwork', 'ImageNetInception', 'RandomFeatures', 'cache_dir']
