"""Metrics: registered in ``METRICS``, used by the validation loop and on plain lists of images."""

from .base import ImageMetric, Metric
from .image import L1, PSNR, SSIM
from .oracle import OracleScore

__all__ = ['L1', 'PSNR', 'SSIM', 'ImageMetric', 'Metric', 'OracleScore']
