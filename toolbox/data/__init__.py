"""Datasets, transforms and samplers; importing the package registers them."""

from ..randomness.keys import SampleKey, seeded
from . import collate, samplers, transforms
from .sets import attributes, cifar, classes, datasets, domains, idx, scenes, semantic, synthetic, toys

__all__ = ['SampleKey', 'attributes', 'cifar', 'classes', 'collate', 'datasets', 'domains', 'idx', 'samplers', 'scenes',
           'seeded', 'semantic', 'synthetic', 'toys', 'transforms']
