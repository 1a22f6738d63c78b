"""Datasets, transforms and samplers; importing the package registers them."""

from . import attributes, cifar, classes, collate, datasets, domains, idx, samplers, synthetic, toys, transforms
from .seeding import SampleKey, seeded

__all__ = ['SampleKey', 'attributes', 'cifar', 'classes', 'collate', 'datasets', 'domains', 'idx', 'samplers', 'seeded',
           'synthetic', 'toys', 'transforms']
