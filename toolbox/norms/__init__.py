"""Normalisation layers, one signature for all: ``norm(channels)``, then ``forward(x, cond=None)``."""

from ..moved import moved_names
from .adaptive import ILN, AdaIN, AdaLIN
from .batch import BatchNorm, FrozenBatchNorm, NoNorm, SyncBatchNorm, synchronise_norms, uncounted
from .factory import (
    ADAIN,
    AFFINE_INSTANCE_NORM,
    BATCH_NORM,
    INSTANCE_NORM,
    NO_NORM,
    NormFactory,
    make_map_norm,
    make_norm,
)
from .instance import InstanceNorm, LayerNorm, instance_norm
from .spade import SPADE, Concat

__getattr__ = moved_names(__name__, dict.fromkeys(
    ('SpectralNorm', 'raw_weight', 'refresh_spectral_norm', 'spectral_norm'), 'layers.spectral'))

__all__ = ['ADAIN', 'AFFINE_INSTANCE_NORM', 'BATCH_NORM', 'ILN', 'INSTANCE_NORM', 'NO_NORM', 'SPADE', 'AdaIN',
           'AdaLIN', 'BatchNorm', 'Concat', 'FrozenBatchNorm', 'InstanceNorm', 'LayerNorm', 'NoNorm', 'NormFactory',
           'SyncBatchNorm', 'instance_norm', 'make_map_norm', 'make_norm', 'synchronise_norms', 'uncounted']
