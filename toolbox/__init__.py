"""A toolbox of generative adversarial networks for image translation and generation."""

from .version import __version__

__all__ = ['__version__']
