"""All data sets, transforms, samplers and functions of data loaders: importing this module registers them."""

from . import collate, degradations, masks, samplers, transforms
from .sets import (
    attributes,
    cifar,
    classes,
    datasets,
    domains,
    hugging_face,
    idx,
    masked,
    scenes,
    semantic,
    single,
    styles,
    superres,
    synthetic,
    toys,
)

__all__ = ['attributes', 'cifar', 'classes', 'collate', 'datasets', 'degradations', 'domains', 'hugging_face', 'idx',
           'masked', 'masks', 'samplers', 'scenes', 'semantic', 'single', 'styles', 'superres', 'synthetic', 'toys',
           'transforms']
