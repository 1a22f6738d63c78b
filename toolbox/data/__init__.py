"""Datasets, transforms and samplers; importing the package registers them."""

from ..randomness.keys import SampleKey, seeded
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

__all__ = ['SampleKey', 'attributes', 'cifar', 'classes', 'collate', 'datasets', 'degradations', 'domains',
           'hugging_face', 'idx', 'masked', 'masks', 'samplers', 'scenes', 'seeded', 'semantic', 'single', 'styles',
           'superres', 'synthetic', 'toys', 'transforms']
