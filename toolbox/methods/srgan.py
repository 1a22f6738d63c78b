"""Ledig et al.: Photo-realistic single image super-resolution using a generative adversarial network, CVPR 2017 (SRGAN,
SRResNet); with other parts Wang et al.: ESRGAN, ECCV workshops 2018."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses import total_variation
from ..registry import LOSSES, METHODS, Backbone, Discriminator, Loss, Natural, Weight, build
from ..resampling import imresize_tensor
from .base import Method
from .batch import Batch
from .contracts import EnlargingNetwork
from .directions import Image, Shown
from .schedule import Phase, Stage

VANILLA = dict(type='AdversarialLoss', mode='vanilla')
L2 = dict(type='L2Loss')
# VGG5,4: behind the activation, features times 1 / 12.75 (section 3.2).
VGG54 = dict(type='PerceptualLoss', layers={'relu5_4': 1.0}, distance='l2', weight=1 / 12.75 ** 2,
             features=dict(type='VGG19'))


@METHODS.register_module()
class SRGAN(Method):
    """Photographs enlarged by G, which learns from pairs of small and large ones.

    ``G`` minimises, with ``fake = G(LR)`` (eq. 3)::

        w_content perceptual(fake, HR) + w_adv adv(D(fake)) + w_rec reconstruction(fake, HR) + w_tv TV(fake)

    and D half the sum of its loss on HR and on the fake. Order of updates: G, then D on the same fake (as in the known
    implementations; the paper has none of its own). In the first ``pretrain_iters`` iterations D rests and G minimises
    ``reconstruction(fake, HR)`` alone: this is the training of SRResNet, from which the paper starts (section 3.2).
    Without D the method is SRResNet, or ESRGAN's network trained for its PSNR, all along. ESRGAN is G, D and losses of
    other types.

    Args:
        G: generator of images ``scale`` times as large, which states its ``scale``.
        D: discriminator of large images; None: there are no adversarial terms.
        adversarial: loss of the adversarial terms.
        perceptual: distance of images, its scale included; None: the term is left out.
        reconstruction: distance to HR, pixel by pixel; also the loss of the pre-training.
        w_content: weight of the perceptual distance, whose size depends on what the feature network sees
            (docs/srgan.md).
        w_adv: weight of G's adversarial term; 1e-3 in the paper.
        w_rec: weight of the reconstruction behind the pre-training; 0 in the paper.
        w_tv: weight of the total variation; 0 in the paper.
        pretrain_iters: length of the pre-training.

    Batch:
        LR: ``(N, C, h, w)``, HR: ``(N, C, scale h, scale w)``, in [-1, 1], aligned.
    """

    schedule: tuple[Phase, ...] = (Phase('G', trains=('G',)), Phase('D', trains=('D',)))
    carries = {'G': ('LR', 'HR'), 'D': ('HR',)}
    shows = {'LR': Shown('low resolution'), 'fake': Shown('super-resolution', of='LR', like='HR', paired=True),
             'bicubic': Shown('bicubic interpolation', of='LR', like='HR', paired=True), 'HR': Shown('original')}

    G: EnlargingNetwork
    D: nn.Module | None

    def __init__(self, G: Backbone, D: Discriminator | None = None, adversarial: Loss = VANILLA,
                 perceptual: Loss | None = VGG54, reconstruction: Loss = L2, w_content: Weight = 1.0,
                 w_adv: Weight = 1e-3, w_rec: Weight = 0.0, w_tv: Weight = 0.0, pretrain_iters: Natural = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        if not hasattr(self.G, 'scale'):
            raise ConfigError(f'model.G: {type(self.G).__name__} does not state its scale, the side of its output / of '
                              'its input. Choose SRResNet or RRDBNet, or set the attribute `scale`.')
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.perceptual = build(perceptual, LOSSES, 'model.perceptual') if perceptual and w_content else None
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_content, self.w_adv, self.w_rec, self.w_tv = w_content, w_adv, w_rec, w_tv
        if self.D is None:
            self._without_judge(pretrain_iters)
        elif pretrain_iters:
            self.stages = Stage('pretrain', iters=pretrain_iters, rests=('D',)), Stage('adversarial')
        self.directions = {'upscale': self.translation('G', 'LR', 'fake', scale=self.G.scale)}
        self.needs = self._pairs()

    def _without_judge(self, pretrain_iters: int) -> None:
        self.schedule = (Phase('G', trains=('G',)),)
        if pretrain_iters:
            raise ConfigError(f'model.pretrain_iters: {pretrain_iters}, but without model.D nothing follows. Give D or '
                              'remove it.')
        if self.perceptual is None and not self.w_rec:
            raise ConfigError('model: without D, a perceptual distance and w_rec nothing tells G what HR looks like. '
                              'Set model.w_rec=1.0.')

    def _pairs(self) -> tuple[Image, Image]:
        """A discriminator with dense layers fixes the size of both."""
        side = getattr(self.D, 'size', None)
        if side is not None and side % self.G.scale:
            raise ConfigError(f'model.D.size: {side} is no multiple of the scale of G, {self.G.scale}. Choose one that '
                              'is.')
        small = side // self.G.scale if side else None
        return Image('LR', self.G.in_channels, small), Image('HR', self.G.out_channels, side, scale=self.G.scale)

    def prepare(self, b: Batch) -> None:
        b.fake = self.G(b.LR)

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        if self.stage is not None and self.stage.name == 'pretrain':
            return dict(rec=self.reconstruction(b.fake, b.HR))
        losses = {}

        # Content: it has the features of the original
        if self.perceptual is not None:
            losses['content'] = self.w_content * self.perceptual(b.fake, b.HR)

        # Adversarial: it is taken for an original
        if self.D is not None and self.w_adv:
            losses['adv'] = self.w_adv * self.adversarial.of_G(self.D, b.fake, b.HR)

        # Reconstruction: it is near the original, and smooth
        if self.w_rec:
            losses['rec'] = self.w_rec * self.reconstruction(b.fake, b.HR)
        if self.w_tv:
            losses['tv'] = self.w_tv * total_variation(b.fake)
        return losses

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        assert self.D is not None, 'without it the schedule has no such phase'
        return self.adversarial.of_D(self.D, b.fake.detach(), b.HR)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        bicubic = imresize_tensor(b.LR, scale=self.directions['upscale'].scale)
        return dict(LR=b.LR, fake=self._of_any_size(b.LR), bicubic=bicubic, HR=b.HR)

    def _of_any_size(self, x: Tensor) -> Tensor:
        """Whole photographs, of sides that G may not take, with their last pixels repeated."""
        height, width = x.shape[2:]
        divisor, scale = self.directions['upscale'].divisor, self.directions['upscale'].scale
        padded = F.pad(x, (0, -width % divisor, 0, -height % divisor), mode='replicate')
        return self.generate(self.G, padded)[..., :scale * height, :scale * width]
