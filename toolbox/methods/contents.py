"""What methods share that take the images of two domains apart and put them together again: UNIT and MUNIT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ..errors import ConfigError
from ..losses.adversarial import AdversarialLoss
from .directions import stated

# The domain-invariant perceptual loss (Huang et al. 2018, section 5.1).
SAME_CONTENT: dict[str, Any] = dict(type='PerceptualLoss', layers={'relu5_3': 1.0}, distance='l2', instance_norm=True,
                                    features=dict(type='CaffeVGG16'))
# (domain, the other one)
DOMAINS = (('A', 'B'), ('B', 'A'))


def check_codes(encoders: dict[str, nn.Module], decoders: dict[str, nn.Module]) -> None:
    """Every decoder must take the codes of every encoder, and give images of the size that was encoded.

    Raises:
        ConfigError: networks do not state the shape of their codes, or not the same one.
    """
    shapes = {name: stated(net, f'model.{name}', 'content_channels', 'size_divisor', kind='an encoder')
              for name, net in encoders.items()}
    shapes |= {name: stated(net, f'model.{name}', 'content_channels', 'scale', kind='a decoder')
               for name, net in decoders.items()}
    if len(set(shapes.values())) > 1:
        found = ', '.join(f'{name} {channels} and 1/{parts}' for name, (channels, parts) in shapes.items())
        raise ConfigError('model: the encoders and decoders of both domains must agree about the channels and the size '
                          f'of a code, found {found}. Give them the same base_channels, and as many ups as downs.')


def judged(adversarial: AdversarialLoss, D: nn.Module, real: Tensor, fake: Tensor,
           weight: float) -> Iterator[tuple[str, Tensor]]:
    """The terms of a discriminator's step: '' on a real image and a fake, and 'penalty_' where the loss has one."""
    yield '', weight * (adversarial(D(real), real=True, for_D=True) + adversarial(D(fake), real=False, for_D=True))
    if adversarial.has_penalty:
        yield 'penalty_', weight * adversarial.penalty(D, real, fake)
