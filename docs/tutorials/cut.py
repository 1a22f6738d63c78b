"""Park, Efros, Zhang, Zhu: Contrastive learning for unpaired image-to-image translation, ECCV 2020."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from toolbox.errors import ConfigError
from toolbox.methods import Batch, Image, Method, Phase, Shown
from toolbox.registry import BACKBONES, LOSSES, METHODS, Above, Backbone, Count, Discriminator, Loss, Weight, build

LSGAN, NCE = dict(type='AdversarialLoss', mode='lsgan'), dict(type='PatchNCELoss')


@LOSSES.register_module()
class PatchNCELoss(nn.Module):
    """Find each patch of the output among those of its source (eq. 3); the keys receive no gradient."""

    def __init__(self, temperature: Annotated[float, Above(0)] = 0.07) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Unit vectors ``(N, patches, C)`` to the mean of ``-log(exp(q_i k_i / t) / sum_j exp(q_i k_j / t))``."""
        alike = queries.float() @ keys.detach().float().transpose(1, 2) / self.temperature
        partner = torch.arange(alike.shape[1], device=alike.device).expand(len(alike), -1)
        return nn.functional.cross_entropy(alike.transpose(1, 2), partner)


@BACKBONES.register_module()
class PatchHeads(nn.Module):
    """A perceptron of two layers for each map of features, with outputs of length 1."""

    def __init__(self, channels: Sequence[Count] = (), width: Count = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width))
                                   for c in channels)

    def forward(self, features: Sequence[Tensor], spots: Sequence[Tensor]) -> list[Tensor]:
        """Maps ``(N, C, H, W)`` at places ``(patches,)`` of H * W, to ``(N, patches, width)`` for each map."""
        patches = [x.flatten(2)[:, :, at].transpose(1, 2) for x, at in zip(features, spots, strict=True)]
        return [nn.functional.normalize(head(x), dim=2) for head, x in zip(self.heads, patches, strict=True)]


@METHODS.register_module()
class CUT(Method):
    """A translation in one direction: D says what B looks like, and patches say what has to stay.

    G and F minimise ``adv(D(G(A))) + w_nce_A PatchNCE(A, G(A)) + w_nce_B PatchNCE(B, G(B))`` (eq. 4; means over layers
    and patches), D half the sum of its loss on G(A) and on B. Order of updates: D, then G and F together.

    Args:
        G: generator A -> B whose first half encodes.
        F: heads that compare features; the method tells it their ``channels``.
        D: discriminator of B.
        layers: parts of G whose outputs are compared, besides the images themselves.
        patches: places compared in each map.
        w_nce_A: weight for sources and translations; 1 in the paper, 10 in FastCUT.
        w_nce_B: weight of the identity term; 1 in the paper, 0 in FastCUT, which saves two passes.
    """

    schedule = (Phase('D', trains=('D',)), Phase('G', trains=('G', 'F')))
    carries = {'G': ('A', 'B'), 'D': ('B',)}
    shows = {'A': Shown('A'), 'fake_B': Shown('translation to B', of='A', like='B'), 'B': Shown('B')}

    def __init__(self, G: Backbone, F: Backbone, D: Discriminator, adversarial: Loss = LSGAN, contrast: Loss = NCE,
                 layers: Sequence[str] = ('down.0', 'down.1', 'blocks.0', 'blocks.4'), patches: Count = 256,
                 w_nce_A: Weight = 1.0, w_nce_B: Weight = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers, self.patches, self.w_nce_A, self.w_nce_B = tuple(layers), patches, w_nce_A, w_nce_B
        self.add_networks(G=G, D=D, F=F)
        if self.G.in_channels != self.G.out_channels:
            raise ConfigError('model.G: its output is encoded, too, so it must have as many channels as the input.')
        self.directions = {'AtoB': self.translation('G', 'A', 'fake_B')}
        self.needs = (Image('A', self.G.in_channels), Image('B', self.G.out_channels))
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.contrast = build(contrast, LOSSES, 'model.contrast')

    def network_defaults(self, name: str) -> dict[str, Any]:
        found = super().network_defaults(name)
        if name == 'F':  # G was built before; one pass tells what it has
            black = next(self.G.parameters()).new_zeros(1, self.G.in_channels, 64, 64)
            found['channels'] = [x.shape[1] for x in self.encode(black)[1]]
        return found

    def encode(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """``G(images)``, and the features behind it: the images, and the outputs of ``layers``."""
        features = [images]
        hooks = [self.part(f'G.{at}').register_forward_hook(lambda *of: features.append(of[-1])) for at in self.layers]
        try:
            return self.G(images), features
        finally:
            for hook in hooks:
                hook.remove()

    def nce(self, sources: list[Tensor], made: list[Tensor]) -> Tensor:
        spots = [torch.randperm(x[0, 0].numel(), device=x.device)[:self.patches] for x in sources]
        pairs = zip(self.F(made, spots), self.F(sources, spots), strict=True)
        return torch.stack([self.contrast(queries, keys) for queries, keys in pairs]).mean()

    def prepare(self, b: Batch) -> None:
        b.fake_B, b.kept['A'] = self.encode(b.A)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return self.adversarial.of_D(self.D, b.fake_B.detach(), b.B)

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        losses = dict(adv=self.adversarial.of_G(self.D, b.fake_B, b.B))
        if self.w_nce_A:
            losses['nce_A'] = self.w_nce_A * self.nce(b.kept['A'], self.encode(b.fake_B)[1])
        if self.w_nce_B:
            same_B, sources = self.encode(b.B)
            losses['nce_B'] = self.w_nce_B * self.nce(sources, self.encode(same_B)[1])
        return losses

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=b.A, fake_B=self.generate(self.G, b.A), B=b.B)
