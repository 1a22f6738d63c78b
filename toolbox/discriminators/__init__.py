"""Discriminators and critics."""

from .patch import PatchDiscriminator, PixelDiscriminator

__all__ = ['PatchDiscriminator', 'PixelDiscriminator']
