"""What methods share that make pictures from label maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..data.semantics import UNKNOWN, palette_of
from ..errors import ConfigError, DataError
from ..layers.maps import instance_edges, one_hot_map
from ..losses.matching import by_scale
from .base import Method
from .batch import Batch
from .directions import InstanceMap, LabelMap, Port, Shown


class SemanticMethod(Method):
    """Base of methods whose networks see a label map as one plane per class, and the borders of objects as one more.

    The planes are made on the device, from ids: :meth:`condition`. For :attr:`carries` they are the image
    'label_map', so that networks get their number of channels where a config leaves it out.

    Args:
        classes: names of the classes, in the order of their ids. The data set says them, and the next three.
        palette: (red, green, blue) of each class, and of unknown pixels where there are such; drawn up if None.
        unknown: pixels of unknown class have the id ``len(classes)``, and a plane of their own.
        instances: the data has instance maps, whose borders are a plane.

    Batch:
        label_map: ids ``(N, H, W)`` int64; instance_map: the same of objects, where there are such; img:
        ``(N, C, H, W)`` in [-1, 1].
    """

    shows: Mapping[str, Shown] = {
        'label_map': Shown('labels'), 'fake': Shown('synthesis', of='label_map', like='img', paired=True),
        'img': Shown('photograph')}

    D: nn.Module
    w_feat: float

    def __init__(self, classes: Sequence[str], palette: Sequence[Sequence[int]] | None = None, unknown: bool = False,
                 instances: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes, self.unknown, self.instances = tuple(classes), unknown, instances
        self.labels = len(classes) + unknown  # ids from 0 to labels - 1
        palette = palette or [*palette_of(classes), *([UNKNOWN] if unknown else [])]
        if len(palette) != self.labels or not all(len(c) == 3 and 0 <= min(c) <= max(c) <= 255 for c in palette):
            raise ConfigError(f'model.palette: expected {self.labels} colours (red, green, blue), 0 to 255, one per '
                              f'class{" and one for unknown pixels" if unknown else ""}, found {palette!r:.200}.')
        self.palette = tuple((c[0], c[1], c[2]) for c in palette)
        self.channels['label_map'] = self.labels + instances

    @property
    def maps(self) -> tuple[Port, ...]:
        """The inputs from which pictures are made."""
        names = (*self.classes, *(['unknown'] if self.unknown else []))
        labels = LabelMap('label_map', self.labels, names, self.palette)
        return labels, *([InstanceMap('instance_map')] if self.instances else [])

    def condition(self, b: Batch) -> Tensor:
        """One plane per id, and the borders of objects: ``(N, labels [+ 1], H, W)`` of 0 and 1."""
        planes = one_hot_map(b.label_map, self.labels)
        return torch.cat([planes, instance_edges(b.instance_map)], 1) if self.instances else planes

    def judge(self, pairs: Tensor) -> list[list[Tensor]]:
        """What D says of maps and images laid together: for each scale the features of its layers, the logits last."""
        scales = by_scale(self.D(pairs))
        if self.w_feat and any(len(layers) < 2 for layers in scales):
            raise ConfigError(f'model.w_feat: {type(self.D).__name__} gives no features of its layers. Use '
                              'MultiscaleDiscriminator, or w_feat=0.')
        return scales

    def coloured(self, label_map: Tensor) -> Tensor:
        """Ids ``(N, H, W)`` in the colours of their classes, ``(N, 3, H, W)`` in [-1, 1]."""
        palette = torch.tensor(self.palette, device=label_map.device) / 127.5 - 1
        return palette[label_map].permute(0, 3, 1, 2)

    def _batch(self, data: dict[str, Any]) -> Batch:
        """Looks at the ids where they are still on the CPU: on a GPU a wrong one ends the process."""
        ids = data.get('label_map')
        if isinstance(ids, Tensor) and ids.device.type == 'cpu' and not 0 <= ids.min() <= ids.max() < self.labels:
            number = next(i for i, one in enumerate(ids) if not 0 <= one.min() <= one.max() < self.labels)
            wrong = sorted({*ids[number].unique().tolist()} - {*range(self.labels)})
            name = data['meta'][number].get('label_map_path', 'a label map') if 'meta' in data else 'a label map'
            raise DataError(f'{name}: ids {wrong[:5]}, but there are {len(self.classes)} classes'
                            f'{" and unknown pixels" if self.unknown else ""}: ids from 0 to {self.labels - 1}. Set '
                            '`classes` of the data set to all that its label maps have, and leave model.classes out.')
        return super()._batch(data)
