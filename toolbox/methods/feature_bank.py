"""What objects looked like, by class: the features that Pix2PixHD's encoder found, and their clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_gather, is_distributed
from torch import Tensor, nn

from ..errors import ConfigError
from ..registry import Count, Fraction, checked

PER_SAMPLE = 64  # objects of one sample that are remembered, the largest first
STEPS = 100  # of k-means, at most
SLOTS = 1024  # random numbers of a sample; each of its objects reads one


@checked
class FeatureBank(nn.Module):
    """The last features of each class, and k-means clusters of them, from which the looks of an object are chosen.

    Wang et al. 2018, section 3.4. The authors encode the whole training set when the training is over; here the bank
    takes what the encoder finds in training anyway, so that the newest features replace the oldest. Clusters are found
    when they are asked for, and each state dict holds them.

    Args:
        classes: how many there are.
        features: numbers per object.
        clusters: the largest number of clusters per class.
        size: features kept per class.
        smallest: share of the picture that an object must have to be remembered.
    """

    rows: Tensor
    seen: Tensor

    def __init__(self, classes: Count, features: Count, clusters: Count = 10, size: Count = 200,
                 smallest: Fraction = 1 / 64) -> None:
        super().__init__()
        self.clusters, self.smallest = clusters, smallest
        self.register_buffer('rows', torch.zeros(classes, size, features))
        self.register_buffer('seen', torch.zeros(classes, dtype=torch.int64))  # of each class, ever
        self._centres: list[Tensor] | None = None

    @torch.no_grad()
    def add(self, features: Tensor, label_map: Tensor, instances: Tensor) -> None:
        """Remember the objects of a batch (of all processes): features ``(N, C, H, W)``, the same all over an object,
        and both maps ``(N, H, W)``."""
        found = torch.stack([self._objects(*sample) for sample in zip(features, label_map, instances, strict=True)])
        if is_distributed():  # in the order of the samples: every process takes every W-th
            found = torch.stack(all_gather(found), 1)
        found = found.flatten(0, -2)
        seen, places = self.seen.tolist(), {}
        for i, label in enumerate(map(int, found[:, 0].tolist())):
            if label >= 0:
                places[label, seen[label] % self.rows.shape[1]] = i
                seen[label] += 1
        if places:
            labels, slots = zip(*places, strict=True)
            self.rows[list(labels), list(slots)] = found[list(places.values()), 1:]
            self.seen.copy_(torch.tensor(seen))
            self._centres = None

    def _objects(self, features: Tensor, labels: Tensor, instances: Tensor) -> Tensor:
        """Class and features of the largest objects of a sample, ``(PER_SAMPLE, 1 + C)``; class -1 where there is none.
        """
        sorted_, order = (instances * len(self.rows) + labels).flatten().sort(stable=True)
        counts = sorted_.unique_consecutive(return_counts=True)[1]
        first = order[counts.cumsum(0) - counts]
        largest = counts.argsort(descending=True, stable=True)[:PER_SAMPLE]
        kept = first[largest[counts[largest] >= self.smallest * len(order)]]
        kept = kept[features.flatten(1)[:, kept].isfinite().all(0)]
        found = self.rows.new_full((PER_SAMPLE, 1 + len(features)), -1)
        found[:len(kept), 0] = labels.flatten()[kept].to(found)
        found[:len(kept), 1:] = features.flatten(1)[:, kept].T.to(found)
        return found

    def centres(self) -> list[Tensor]:
        """Of each class, its clusters ``(at most clusters, C)`` on the CPU; none of a class that was not seen."""
        if self._centres is None:
            kept = self.seen.clamp(max=self.rows.shape[1]).tolist()
            self._centres = [k_means(rows[:count], self.clusters)
                             for rows, count in zip(self.rows.cpu(), kept, strict=True)]
        return self._centres

    def looks(self, draws: Tensor, label_map: Tensor, instances: Tensor,
              chosen: Mapping[int, int] | None = None) -> Tensor:
        """Features ``(N, C, H, W)`` for maps ``(N, H, W)``: of each object those of one cluster of its class.

        Args:
            draws: ``(N, SLOTS)`` in [-1, 1], which say the cluster of each object; 0 features for a class without any.
            label_map: ids.
            instances: numbers of the objects.
            chosen: numbers of objects -> numbers of clusters, in place of the draws.

        Raises:
            ConfigError: a chosen object is not there, or its class has no such cluster.
        """
        centres, counts = self._padded_centres()
        draw = draws.to(label_map.device).gather(1, (instances % SLOTS).flatten(1)).view(instances.shape)
        cluster = ((1 + draw.double()) / 2 * counts[label_map]).long()
        for number, wanted in (chosen or {}).items():
            cluster = cluster.masked_fill(self._chosen(number, wanted, label_map, instances), wanted)
        return centres[label_map, cluster].movedim(-1, 1)

    def _padded_centres(self) -> tuple[Tensor, Tensor]:
        """Clusters ``(classes, clusters, C)``, zeros where there is none, and how many each class has."""
        centres = self.centres()
        padded = self.rows.new_zeros(len(centres), max(1, max(map(len, centres))), self.rows.shape[2])
        for row, own in zip(padded, centres, strict=True):
            row[:len(own)] = own
        return padded, torch.tensor([*map(len, centres)], device=padded.device)

    def _chosen(self, number: int, cluster: int, label_map: Tensor, instances: Tensor) -> Tensor:
        """The pixels of an object, all of whose classes have this cluster."""
        of_object = instances == number
        if not of_object.any():
            raise ConfigError(f'clusters: no object has the number {number}; found '
                              f'{instances.unique().tolist()!s:.200}.')
        for label in label_map[of_object].unique().tolist():
            if not 0 <= cluster < (count := len(self.centres()[label])):
                raise ConfigError(f'clusters: object {number} is of class {label}, which has {count} clusters, counted '
                                  f'from 0; found {cluster}.')
        return of_object

    def get_extra_state(self) -> dict[str, Any]:
        return {} if self.rows.is_meta else {'centres': [x.tolist() for x in self.centres()]}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        classes, _, features = self.rows.shape
        centres = state.get('centres')
        if centres is not None and len(centres) != classes:
            raise ValueError(f'a FeatureBank of {classes} classes cannot take clusters of {len(centres)}')
        self._centres = None if centres is None else [
            torch.tensor(x, dtype=self.rows.dtype).view(len(x), features) for x in centres]

    def extra_repr(self) -> str:
        return f'clusters={self.clusters}, smallest={self.smallest}'


def k_means(points: Tensor, clusters: int) -> Tensor:
    """At most so many centres ``(k, C)`` of points ``(n, C)``, the same for the same points: Lloyd's algorithm from the
    start of k-means++ (Arthur, Vassilvitskii 2007)."""
    generator, x = torch.Generator().manual_seed(0), points.double()
    centres, nearest = x[:1], None
    while 0 < len(centres) < clusters and (far := torch.cdist(x, centres).amin(1).square()).any():
        centres = torch.cat([centres, x[far.multinomial(1, generator=generator)]])
    for _ in range(STEPS if len(x) else 0):
        before, nearest = nearest, torch.cdist(x, centres).argmin(1)
        if before is not None and before.equal(nearest):
            break
        members = torch.nn.functional.one_hot(nearest, len(centres)).to(x)
        counts = members.sum(0)[:, None]
        centres = torch.where(counts > 0, members.T @ x / counts.clamp(min=1), centres)
    return centres.to(points)
