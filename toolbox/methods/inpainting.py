"""Demir, Unal: Patch-based image inpainting with generative adversarial networks, arXiv 1803.07422, 2018."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES, METHODS, Backbone, Between, Discriminator, Loss, Weight, build
from .base import Method
from .batch import Batch
from .contracts import ImageNetwork
from .directions import Direction, Image, Mask, Shown, image_facts
from .schedule import Phase, Stage

VANILLA = dict(type='AdversarialLoss', mode='vanilla')
L1 = dict(type='L1Loss')
Value = Annotated[float, Between(-1, 1)]


@METHODS.register_module()
class Inpainting(Method):
    """Fills the holes of images; a picture as a whole and each of its patches must look real.

    The generator minimises ``w_rec |G(x) - y| + w_global adv_g + w_patch adv_p`` with the two branches of one
    discriminator, the discriminator the mean of its loss on the fake and on the real picture, over both branches.
    Order of updates: the discriminator on the fake of this iteration, then the generator on the same fake. There is no
    code of the authors: what is reconstructed is listed in docs/inpainting.md.

    Args:
        G: generator: the image with its holes filled by ``hole`` (and the mask as one more channel, see
            ``mask_channel``) -> the image. Its pixels outside the holes are replaced by the known ones.
        D: discriminator of images, giving a logit per image ``(N, 1)`` and one per patch ``(N, 1, h, w)``.
        adversarial: loss of the adversarial terms.
        reconstruction: loss between the generator's image and the true one.
        w_rec: weight of the reconstruction.
        w_global: weight of the adversarial term of whole images.
        w_patch: weight of the adversarial term of patches; a branch of weight 0 is not trained either.
        region: the reconstruction is compared in the 'whole' image, or in the 'hole' alone (mean over its pixels, for
            each image).
        paste: D sees the known pixels around the hole, and not what the generator makes of them.
        hole: what the generator sees in the holes: 'mean', the mean colour of the images of the first batch (kept as a
            buffer); 'noise', uniform in [-1, 1]; or a number from -1 (black) to 1 (white).
        mask_channel: the generator sees the mask, too.

    Batch:
        img: ``(N, C, H, W)`` in [-1, 1]; mask: ``(N, 1, H, W)``, above 0 where a pixel is missing: a picture of the
        data set (white is 1), or 0 and 1.
    """

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G',)))
    stages = (Stage('joint'),)
    carries = {'G': (('img', 'mask'), 'img'), 'D': ('img',)}
    shows = {'masked': Shown('with holes', of='img'), 'fake': Shown('completion', of='img', like='img', paired=True),
             'img': Shown('photograph'), 'mask': Shown('holes')}

    G: ImageNetwork
    D: nn.Module
    mean: Tensor

    def __init__(self, G: Backbone, D: Discriminator, adversarial: Loss = VANILLA, reconstruction: Loss = L1,
                 w_rec: Weight = 0.995, w_global: Weight = 0.0025, w_patch: Weight = 0.0025,
                 region: Literal['whole', 'hole'] = 'whole', paste: bool = True,
                 hole: Literal['mean', 'noise'] | Value = 'mean', mask_channel: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels['mask'] = int(mask_channel)
        self.add_networks(G=G, D=D)
        seen, channels, divisor = image_facts(self.G, 'model.G')
        if seen != channels + mask_channel:
            raise ConfigError(f'model.G: takes {seen} channels and gives {channels}; with mask_channel={mask_channel} '
                              f'it must take {channels + mask_channel}. Set in_channels={channels + mask_channel}.')
        if not w_global + w_patch:
            raise ConfigError('model.w_global, model.w_patch: both are 0, so that nothing trains D. Give one of them a '
                              'weight; a very small one leaves the reconstruction alone.')
        self.needs = (Image('img', channels), Mask('mask'))
        self.directions = {'inpaint': Direction(('G',), self.needs, 'fake', divisor=divisor, keeps='img')}
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.reconstruction = build(reconstruction, LOSSES, 'model.reconstruction')
        self.w_rec, self.branches = w_rec, {'global': w_global, 'patch': w_patch}
        self.region, self.paste, self.hole, self.mask_channel = region, paste, hole, mask_channel
        self.register_buffer('mean', torch.zeros(channels))

    def begin(self, stage: Stage, b: Batch) -> None:
        mean = b.img.mean((0, 2, 3)).to(self.mean)
        all_reduce(mean, 'mean')
        self.mean.copy_(mean)

    # What G sees, and what becomes of its answer

    def with_holes(self, b: Batch) -> Tensor:
        """The images with :attr:`hole` in their holes."""
        if self.hole == 'mean':
            value = self.mean[:, None, None].to(b.img)
        elif self.hole == 'noise':
            value = self.noise(b, 'hole', b.img.shape[1:], 'uniform')
        else:
            value = b.img.new_tensor(self.hole)
        return torch.where(b.mask > 0, value, b.img)

    def complete(self, b: Batch, G: Any) -> None:
        """Adds to a batch ``masked``, what G sees; ``made``, its image; and ``fake``, that with the known pixels."""
        b.masked = self.with_holes(b)
        b.made = G(torch.cat([b.masked, (b.mask > 0).to(b.img)], 1) if self.mask_channel else b.masked)
        b.fake = torch.where(b.mask > 0, b.made, b.img)

    def judged(self, images: Tensor) -> list[Tensor]:
        """What D says of images: the logits of the branches that have a weight."""
        return [logits for logits, weight in zip(self.D(images), self.branches.values(), strict=True) if weight]

    # Training

    def prepare(self, b: Batch) -> None:
        self.complete(b, self.G)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        fake = (b.fake if self.paste else b.made).detach()
        losses = dict(fake=0.5 * self.adversarial(self.judged(fake), real=False, for_D=True),
                      real=0.5 * self.adversarial(self.judged(b.img), real=True, for_D=True))
        if self.adversarial.has_penalty:
            losses['penalty'] = self.adversarial.penalty(self.judged, b.img, fake)
        return losses

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        losses = {}

        # Reconstruction: the image is near the true one
        if self.w_rec:
            losses['rec'] = self.w_rec * self.distance(b)

        # Adversarial: the picture as a whole looks real, and so does each patch
        weights = {name: weight for name, weight in self.branches.items() if weight}
        for (name, weight), logits in zip(weights.items(), self.judged(b.fake if self.paste else b.made), strict=True):
            losses[name] = weight * self.adversarial(logits, real=True)
        return losses

    def distance(self, b: Batch) -> Tensor:
        """The reconstruction loss. In holes alone: of the completed image, where all else is equal, by their share."""
        if self.region == 'whole':
            return self.reconstruction(b.made, b.img)
        shares = (b.mask > 0).to(b.img).mean((1, 2, 3)).clamp(min=1 / b.img[0, 0].numel())
        each = [self.reconstruction(*pair) for pair in zip(b.fake.split(1), b.img.split(1), strict=True)]
        return (torch.stack(each) / shares).mean()

    # Use

    def answer(self, direction: str, b: Batch, **options: Any) -> Tensor:
        self.complete(b, lambda x: self.generate(self.G, x))
        return b.fake

    def predict(self, b: Batch) -> dict[str, Tensor]:
        made = self.answer('inpaint', b)
        return dict(masked=b.masked, fake=made, img=b.img, mask=(b.mask > 0).to(b.img) * 2 - 1)

    def _batch(self, data: dict[str, Any]) -> Batch:
        """Masks of a data set are pictures, -1 and 1 by now; from here on they are 0 and 1."""
        b = super()._batch(data)
        if 'mask' in b:
            b.mask = (b.mask > 0).to(torch.get_default_dtype())
        return b
