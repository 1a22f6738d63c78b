"""The systems of the table, each with the sizes at which it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BATCH = 'train_dataloader.batch_size'
WITHOUT_VGG = {'model.w_vgg': 0.0}  # its weights are a download, and its work is the same in both loops


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        config: its name, and that of the row.
        size: side of the images in pixels, small enough for a CPU core.
        small: changes of the config for that size.
        paper: side of the images in the paper (of squares).
        options: changes for both sizes.
        stage: of a method with stages.
    """

    config: str
    size: int
    paper: int
    small: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    stage: str | None = None

    def settings(self, paper: bool) -> dict[str, Any]:
        return {**self.options, **({} if paper else self.small)}


def _sides(side: int, *networks: str) -> dict[str, Any]:
    return {f'model.{net}.size': side for net in networks}


ROWS = (
    Row('cyclegan/horse2zebra', 64, 256),
    Row('pix2pix/facades', 64, 256, {'model.G.downs': 6}),
    Row('pix2pix/colorization', 64, 256, {'model.G.downs': 6, BATCH: 1}),
    Row('pix2pixhd/cityscapes_512', 64, 512, options=WITHOUT_VGG),
    Row('pix2pixhdpp/cityscapes', 64, 256, {BATCH: 1}, WITHOUT_VGG),
    Row('spade/cityscapes', 128, 256, {BATCH: 1}, WITHOUT_VGG),
    Row('spade/coco_stuff', 128, 256, {BATCH: 1}, WITHOUT_VGG),
    Row('gan/mnist', 28, 28),
    Row('dcgan/celeba', 64, 64, {BATCH: 16}),
    Row('cgan/mnist', 32, 32, {BATCH: 32}),
    Row('wgan/lsun_bedroom', 64, 64, {BATCH: 8}, {'model.long_runs': None}),
    Row('wgan_gp/cifar10', 32, 32, {BATCH: 4}),
    Row('autoencoder/mnist', 32, 32),
    Row('vae/fashion_mnist', 32, 32),
    Row('unit/day2night', 64, 256, options=WITHOUT_VGG),
    Row('munit/edges2shoes', 64, 256, options=WITHOUT_VGG),
    Row('ugatit/selfie2anime', 96, 256, {'model.G_AB.image_size': 96, 'model.G_BA.image_size': 96}),
    Row('ugatit_light/selfie2anime', 96, 256, {'model.G_AB.image_size': 96, 'model.G_BA.image_size': 96}),
    Row('drit/cat2dog', 64, 216, {'model.D_content.size': 16, 'model.D_content.kernel': 3}),
    Row('drit/yosemite', 64, 216, {'model.D_content.size': 16, 'model.D_content.kernel': 3}, {'model.w_ms': 1.0}),
    Row('aggan/horse2zebra', 64, 256),
    Row('stargan/celeba', 64, 128, {**_sides(64, 'D'), BATCH: 1}),
    Row('starganv2/afhq', 64, 256, {**_sides(64, 'G', 'E', 'D'), BATCH: 1}),
    Row('srgan/srresnet_x4', 24, 24, {BATCH: 2}),
    Row('srgan/srgan_x4', 24, 24, {BATCH: 2}, {'model.w_content': 0.0, 'model.w_rec': 1.0, 'model.pretrain_iters': 0}),
    Row('esrgan/x4', 16, 32, {**_sides(64, 'D'), 'model.D.levels': 4, BATCH: 1},
        {'model.w_content': 0.0, 'model.pretrain_iters': 0}),
    Row('singan/image', 100, 250, stage='scale 4'),
    Row('inpainting/paris_streetview', 64, 256, {'model.D.grid': 2, BATCH: 1}),
)
