"""Datasets, transforms and samplers; importing the package registers them."""

from . import collate, datasets, samplers, synthetic, transforms
from .seeding import SampleKey, seeded

__all__ = ['SampleKey', 'collate', 'datasets', 'samplers', 'seeded', 'synthetic', 'transforms']
