"""Warnings, with numbers, when training goes wrong or wastes time."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from mmengine.hooks import Hook
from torch import Tensor

from ..engine.state import unwrap
from ..methods.directions import Shown
from ..registry import DISCRIMINATORS, HOOKS, Between, Count, NonNegative, Probability, registries_of

LUMA = torch.tensor([0.299, 0.587, 0.114])


@HOOKS.register_module()
class DiagnosisHook(Hook):
    """Warn of a saturated discriminator, collapsed diversity, inverted luminance and slow data; once per condition.

    - Saturated: a loss of discriminators is below ``saturated`` times what it was on the first status line, on
      ``patience`` lines in a row. The generator learns next to nothing then. (Not judged where it is negative,
      as Wasserstein losses are.)
    - Collapsed: the images that a method makes for the sample grid differ from each other less than ``collapsed`` times
      as much as their inputs (without inputs: as real images), on ``patience_samples`` grids in a row.
    - Inverted: bright becomes dark; over the sample grid the luminance of a translation correlates with that of its
    source
      (of a pair: with that of the true answer) below ``inverted``, on as many grids in a row.
    - Slow data: loading took more than ``loading`` of the time on ``patience`` lines in a row.

    Args:
        saturated: share of the first value.
        collapsed: ratio of standard deviations over the rows of the grid.
        inverted: correlation in [-1, 1].
        loading: share of the time.
        patience: status lines.
        patience_samples: sample grids.
    """

    def __init__(self, saturated: NonNegative = 0.01, collapsed: NonNegative = 0.02,
                 inverted: Annotated[float, Between(-1, 1)] = -0.5, loading: Probability = 0.2,
                 patience: Count = 5, patience_samples: Count = 3) -> None:
        self.saturated, self.collapsed, self.inverted = saturated, collapsed, inverted
        self.loading, self.patience, self.patience_samples = loading, patience, patience_samples
        self.first: dict[str, float] = {}
        self.count: dict[str, int] = {}

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint['diagnosis'] = dict(first=self.first, count=self.count)

    def on_resume(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        state = checkpoint.get('diagnosis', {})
        self.first, self.count = dict(state.get('first', {})), dict(state.get('count', {}))

    def after_status(self, runner: Any, means: dict[str, float], data_share: float) -> None:
        model = unwrap(runner.model)
        registries = registries_of(type(model))
        for phase in model.schedule:
            if all(registries.get(name) is DISCRIMINATORS for name in phase.networks):
                terms = [v for k, v in means.items() if k.startswith(f'{phase.name}/') and 'penalty' not in k]
                if terms:
                    self._judge_discriminator(runner, phase.name, sum(terms))
        if runner.iter:  # the first iteration waits for workers to start
            self._check(runner, 'data', data_share > self.loading,
                        f'{data_share:.0%} of the time goes into loading data: raise train_dataloader.num_workers, or '
                        'store the images in the size that Resize makes')

    def _judge_discriminator(self, runner: Any, phase: str, loss: float) -> None:
        first = self.first.setdefault(phase, loss)
        self._check(runner, f'saturated {phase}', 0 <= loss < self.saturated * first,
                    f'the loss of the discriminators ({phase}) is {loss:.2g}, its first value was {first:.2g}: they '
                    'tell every fake, and the generator hardly learns. Lower their learning rate, smooth the labels, '
                    'or use another adversarial loss')

    def after_samples(self, runner: Any, rows: list[dict[str, Any]]) -> None:
        if not runner.iter:
            return
        pictures = unwrap(runner.model).pictures
        for key, shown in pictures.items():
            second_hand = shown.of in pictures and pictures[shown.of].is_made
            if shown.is_made and not second_hand and key in rows[0]:
                self._judge_pictures(runner, rows, key, shown)

    def _judge_pictures(self, runner: Any, rows: list[dict[str, Any]], key: str, shown: Shown) -> None:
        made = [row[key].float() for row in rows]
        if (reference := shown.of or shown.like) in rows[0]:
            others = [row[reference].float() for row in rows]
            ratio = spread(made) / max(spread(others), 1e-9)
            self._check(runner, f'collapsed {key}', spread(others) > 1 and ratio < self.collapsed,
                        f'the images {key} hardly differ from each other: {ratio:.2g} of how {reference} do. The '
                        'generator may have collapsed; look at samples/latest.png', patience=self.patience_samples)
        if (reference := shown.like if shown.paired else shown.of) in rows[0]:
            value = correlation([row[reference].float() for row in rows], made)
            self._check(runner, f'inverted {key}', value < self.inverted,
                        f'{key} is dark where {reference} is bright (correlation {value:.2f}): an inversion satisfies '
                        'the cycle, too. Early in the training it may pass; else use the identity loss, '
                        'model.init.gain=0.01 or another seed', patience=self.patience_samples)

    def _check(self, runner: Any, key: str, wrong: bool, text: str, patience: int | None = None) -> None:
        """Warn when ``wrong`` the ``patience``-th time in a row, and again only after it was right in between."""
        self.count[key] = self.count.get(key, 0) + 1 if wrong else 0
        if self.count[key] == (patience or self.patience):
            runner.logger.warning(f'iteration {runner.iter}: {text}.')


def spread(images: list[Tensor]) -> float:
    """Mean over the values of the standard deviation between images of one size (grey levels); 0 for a single image."""
    if len(images) < 2 or len({image.shape for image in images}) > 1:
        return 0.0
    return float(torch.stack(images).std(0).mean())


def correlation(sources: list[Tensor], images: list[Tensor]) -> float:
    """Correlation of luminance, pixel by pixel, over pairs of images ``(C, H, W)``; 0 where sizes differ or all is
    flat."""
    if any(a.shape[-2:] != b.shape[-2:] for a, b in zip(sources, images, strict=True)):
        return 0.0
    a, b = (torch.cat([luminance(image).flatten() for image in group]) for group in (sources, images))
    if a.std() < 1 or b.std() < 1:
        return 0.0
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def luminance(image: Tensor) -> Tensor:
    """``(C, H, W)`` -> ``(H, W)``."""
    return torch.tensordot(LUMA.to(image), image[:3], 1) if len(image) >= 3 else image[0]
