"""Reading, writing, data sets, transforms and samplers. The registries import :mod:`toolbox.data.parts` when they are
asked for a part; who translates needs none."""

from ..randomness.keys import SampleKey, seeded

__all__ = ['SampleKey', 'seeded']
