"""Registries of all kinds of parts, and :func:`build`, which explains what is wrong with a config."""

from .arguments import check_arguments, parameters, registries_of
from .building import build
from .lookup import IMPORT_IT, base_classes, find, imported, known_names, not_imported
from .parts import (
    BACKBONES,
    DATA_SAMPLERS,
    DATASETS,
    DISCRIMINATORS,
    FEATURES,
    FUNCTIONS,
    HOOKS,
    LOOPS,
    LOSSES,
    METHODS,
    METRICS,
    MODEL_WRAPPERS,
    NORMS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    OWN_KIND,
    PARAM_SCHEDULERS,
    RUNNERS,
    SCOPE,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    Backbone,
    Data,
    Discriminator,
    Feature,
    Loss,
    Norm,
    Score,
    Transform,
)

__all__ = [
    'BACKBONES', 'DATASETS', 'DATA_SAMPLERS', 'DISCRIMINATORS', 'FEATURES', 'FUNCTIONS', 'HOOKS', 'IMPORT_IT',
    'LOOPS', 'LOSSES', 'METHODS', 'METRICS', 'MODEL_WRAPPERS', 'NORMS', 'OPTIMIZERS', 'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS', 'OWN_KIND', 'PARAM_SCHEDULERS', 'RUNNERS', 'SCOPE', 'TRANSFORMS', 'VISBACKENDS',
    'VISUALIZERS', 'Backbone', 'Data', 'Discriminator', 'Feature', 'Loss', 'Norm', 'Score', 'Transform',
    'base_classes', 'build', 'check_arguments', 'find', 'imported', 'known_names', 'not_imported', 'parameters',
    'registries_of',
]
