"""What methods that make pictures from label maps share: planes, edges, colours, matching of features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from toolbox.data.semantics import palette_of
from toolbox.errors import ConfigError, DataError
from toolbox.layers.maps import instance_edges, one_hot_map
from toolbox.losses import AdversarialLoss, FeatureMatchingLoss
from toolbox.methods.batch import Batch
from toolbox.methods.semantic import SemanticMethod

CLASSES = ('sky', 'road', 'car')


def test_planes_of_ids() -> None:
    planes = one_hot_map(torch.tensor([[[0, 2], [1, 1]]]), 4)
    assert planes.shape == (1, 4, 2, 2) and planes.sum().item() == 4
    assert planes[0, 2, 0, 1] == planes[0, 0, 0, 0] == planes[0, 1, 1, 0] == 1


def test_edges_lie_on_both_sides_of_a_border() -> None:
    instances = torch.tensor([[[7, 7, 7, 9], [7, 7, 7, 9], [7, 7, 7, 7]]])
    assert instance_edges(instances)[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]


def test_a_palette_tells_classes_apart() -> None:
    colours = palette_of([str(i) for i in range(255)])
    assert len({*colours, (0, 0, 0)}) == 256 and colours == palette_of(['other'] * 255)


def scales(*values: float) -> list[list[Tensor]]:
    """Two scales of two features and a logit."""
    return [[torch.full((1, 2, side, side), value) for value in values] for side in (4, 2)]


def test_features_are_matched_without_the_logits_and_without_a_gradient_of_the_real_image() -> None:
    fake, real = scales(1.0, 5.0, 100.0), scales(3.0, 4.0, 0.0)
    fake[1][0] *= 5  # the scales are averaged
    for tensor in (fake[0][0], real[0][0]):
        tensor.requires_grad_()
    loss = FeatureMatchingLoss()(fake, real)
    assert loss.item() == pytest.approx(((2 + 1) + (2 + 1)) / 2)
    loss.backward()
    assert real[0][0].grad is None and fake[0][0].grad is not None
    assert FeatureMatchingLoss(normalised=True)(fake, real).item() == pytest.approx(2 * loss.item())


def test_losses_of_scales_are_added_or_averaged() -> None:
    pred = [torch.full((1, 1, 2, 2), 3.0), torch.zeros(1, 1, 1, 1)]
    assert AdversarialLoss(scales='sum')(pred, True).item() == pytest.approx(4 + 1)
    assert AdversarialLoss()(pred, True).item() == pytest.approx((4 + 1) / 2)


def a_batch(instances: bool = True) -> Batch:
    label_map = torch.tensor([[[0, 1], [2, 3]]])
    return Batch(dict(label_map=label_map, **({'instance_map': torch.tensor([[[5, 5], [5, 6]]])} if instances else {})))


def test_a_condition_has_a_plane_per_class_and_one_of_borders() -> None:
    method = SemanticMethod(CLASSES, unknown=True, instances=True)
    condition = method.condition(a_batch())
    assert condition.shape == (1, 5, 2, 2) == (1, method.channels['label_map'], 2, 2)
    assert condition[0, 3].tolist() == [[0, 0], [0, 1]] and condition[0, 4].tolist() == [[0, 1], [1, 1]]
    assert SemanticMethod(CLASSES, unknown=True).condition(a_batch(False)).shape == (1, 4, 2, 2)
    assert [port.name for port in method.maps] == ['label_map', 'instance_map']


def test_colours_of_classes_are_those_of_the_data() -> None:
    method = SemanticMethod(CLASSES, [(0, 0, 0), (255, 0, 0), (0, 255, 0)])
    picture = method.coloured(torch.tensor([[[1, 2]]]))
    assert picture.shape == (1, 3, 1, 2) and picture[0, :, 0, 0].tolist() == [1, -1, -1]
    with pytest.raises(ConfigError, match=r'model.palette: expected 4 colours .* and one for unknown pixels'):
        SemanticMethod(CLASSES, [(0, 0, 0)] * 3, unknown=True)


def test_an_id_without_a_class_is_named_with_its_file() -> None:
    method: nn.Module = SemanticMethod(CLASSES)
    data = dict(label_map=torch.tensor([[[0, 1]], [[2, 3]]]), meta=[{'label_map_path': f'{n}.png'} for n in 'ab'])
    with pytest.raises(DataError, match=r'b.png: ids \[3\], but there are 3 classes: ids from 0 to 2'):
        method._batch(data)  # type: ignore[operator]
