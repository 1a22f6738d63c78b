"""Datasets, transforms and samplers; importing the package registers them."""

from ..randomness.keys import SampleKey, seeded
from . import collate, masks, samplers, transforms
from .sets import attributes, cifar, classes, datasets, domains, idx, masked, scenes, semantic, synthetic, toys

__all__ = ['SampleKey', 'attributes', 'cifar', 'classes', 'collate', 'datasets', 'domains', 'idx', 'masked', 'masks',
           'samplers', 'scenes', 'seeded', 'semantic', 'synthetic', 'toys', 'transforms']
