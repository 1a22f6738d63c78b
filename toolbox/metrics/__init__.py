"""Metrics: registered in ``METRICS``, used by the validation loop and on plain lists of images."""

from .base import ImageMetric, Metric
from .dino import FDDINOv2, StructureDistance
from .domains import BetweenDomains
from .features import FeatureMetric, SetMetric
from .frechet import FID, SIFID
from .image import L1, L2, MSSSIM, PSNR, SSIM
from .inception_score import IS
from .kernel import KID
from .lab import LabError
from .labels import ClassifierAccuracy, SegmentationScore
from .lpips import LPIPS, LPIPSDiversity
from .manifold import DensityCoverage, PrecisionRecall
from .masks import MaskIoU
from .oracle import OracleScore
from .sets import ComparesSets
from .single import PatchDistance, PixelDiversity
from .style import StyleCorrelation, StyleDiversity, StyleMatch
from .swd import SWD
from .toys import AttributeAccuracy, DomainAccuracy
from .ugatit_kid import UGATITKID

__all__ = ['FID', 'IS', 'KID', 'L1', 'L2', 'LPIPS', 'MSSSIM', 'PSNR', 'SIFID', 'SSIM', 'SWD', 'UGATITKID',
           'AttributeAccuracy', 'BetweenDomains', 'ClassifierAccuracy', 'ComparesSets', 'DensityCoverage',
           'DomainAccuracy', 'FDDINOv2', 'FeatureMetric', 'ImageMetric', 'LPIPSDiversity', 'LabError', 'MaskIoU',
           'Metric', 'OracleScore', 'PatchDistance', 'PixelDiversity', 'PrecisionRecall', 'SegmentationScore',
           'SetMetric', 'StructureDistance', 'StyleCorrelation', 'StyleDiversity', 'StyleMatch']
