"""Datasets, transforms and samplers; importing the package registers them."""

from . import collate, samplers
from .seeding import SampleKey, seeded

__all__ = ['SampleKey', 'collate', 'samplers', 'seeded']
