"""What translations with attention share: images, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Method
from .batch import Batch
from .directions import Image, Shown


class AttentionMethod(Method):
    """Two translations between A and B, each of which comes with a heat map: where it looks, or what it changes."""

    shows = {'A': Shown('A'), 'attention_A': Shown('where it looks', of='A'),
             'fake_B': Shown('translation to B', of='A', like='B'),
             'B': Shown('B'), 'attention_B': Shown('where it looks', of='B'),
             'fake_A': Shown('translation to A', of='B', like='A')}

    def ask_for_both(self, **nets: tuple[str, ...]) -> None:
        """State both directions: ``AtoB`` and ``BtoA``, each with the networks that it needs, its generator first."""
        self.directions = {
            f'{of}to{to}': self.translation(nets[f'{of}to{to}'][0], of, f'fake_{to}', nets=nets[f'{of}to{to}'],
                                            has_attention=True) for of, to in ('AB', 'BA')}
        self.needs = tuple(direction.first(Image) for direction in self.directions.values())

    def attend(self, x: Tensor, direction: str) -> tuple[Tensor, Tensor]:
        """Translation ``(N, C, H, W)`` in [-1, 1] and heat map ``(N, 1, H, W)`` in [0, 1] of ``x``."""
        raise NotImplementedError(f'{type(self).__name__} must define attend()')

    def answer(self, direction: str, b: Batch) -> Tensor:  # type: ignore[override]  # its directions have no options
        return self._both(b[self.direction(direction).takes[0].name], direction)[0]

    @torch.no_grad()
    def attention(self, x: Tensor, direction: str = 'AtoB') -> Tensor:
        self.direction(direction)  # there is such a one
        with self.evaluating():
            return self._both(x, direction)[1]

    def predict(self, b: Batch) -> dict[str, Tensor]:
        fake_B, heat_A = self._both(b.A, 'AtoB')
        fake_A, heat_B = self._both(b.B, 'BtoA')
        return dict(A=b.A, attention_A=overlay(b.A, heat_A), fake_B=fake_B, B=b.B, attention_B=overlay(b.B, heat_B),
                    fake_A=fake_A)

    def _both(self, x: Tensor, direction: str) -> tuple[Tensor, Tensor]:
        joined = self.generate(lambda x: torch.cat(self.attend(x, direction), dim=1), x)
        return joined[:, :-1], joined[:, -1:]


def stretched(heat: Tensor, size: Sequence[int]) -> Tensor:
    """Heat maps ``(N, 1, h, w)`` of any range, each from its minimum to its maximum, as ``(N, 1, *size)`` in [0, 1].

    A map that is the same everywhere becomes 0.
    """
    low, high = heat.amin((1, 2, 3), keepdim=True), heat.amax((1, 2, 3), keepdim=True)
    unit = (heat - low) / (high - low).clamp_min(torch.finfo(heat.dtype).tiny)
    return F.interpolate(unit, size, mode='bilinear', align_corners=False)


def overlay(x: Tensor, heat: Tensor, share: float = 0.5) -> Tensor:
    """Images under a coloured heat map: blue is 0, green a half, red 1.

    Args:
        x: ``(N, C, H, W)`` in [-1, 1]; only three channels are kept of more, and one is repeated.
        heat: ``(N, 1, H, W)`` in [0, 1].
        share: of the colours in the result.

    Returns:
        ``(N, 3, H, W)`` in [-1, 1].
    """
    x = x[:, :3] if x.shape[1] >= 3 else x[:, :1].expand(-1, 3, -1, -1)
    peaks = torch.tensor([3.0, 2.0, 1.0], dtype=heat.dtype, device=heat.device).view(1, 3, 1, 1)
    colours = (1.5 - (4 * heat - peaks).abs()).clamp(0, 1)
    return (1 - share) * x + share * (2 * colours - 1)
