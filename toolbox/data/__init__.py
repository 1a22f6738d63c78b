"""Datasets, transforms and samplers; importing the package registers them."""

from . import cifar, classes, collate, datasets, idx, samplers, synthetic, transforms
from .seeding import SampleKey, seeded

__all__ = ['SampleKey', 'cifar', 'classes', 'collate', 'datasets', 'idx', 'samplers', 'seeded', 'synthetic', 'transforms']
