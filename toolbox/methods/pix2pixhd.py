"""Wang, Liu, Zhu, Tao, Kautz, Catanzaro: High-resolution image synthesis and semantic manipulation with conditional
GANs, CVPR 2018 (Pix2PixHD)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError, ConfigError
from ..files.checkpoint import newest_checkpoint, read_checkpoint
from ..files.fit import check_fit
from ..losses.matching import FeatureMatchingLoss, by_scale
from ..randomness.noise import NOISE, NoiseRule
from ..registry import LOSSES, METHODS, Backbone, Count, Discriminator, File, Loss, Natural, Weight, build
from .batch import Batch
from .contracts import ImageNetwork
from .directions import Direction, Image, Shown, image_facts
from .feature_bank import SLOTS, FeatureBank
from .image_pool import ImagePool
from .schedule import Phase, Stage
from .semantic import SemanticMethod

LSGAN = dict(type='AdversarialLoss', mode='lsgan', scales='sum')
VGG = dict(type='PerceptualLoss')


@METHODS.register_module()
class Pix2PixHD(SemanticMethod):
    """Large photographs from label maps, in which the looks of single objects can be chosen if there is an encoder.

    D judges map and image together, at several scales. G (and E) minimise (eq. 4, 5)::

        adv(D(map, fake)) + w_feat |features of D(fake) - features of D(real)| + w_vgg perceptual(fake, real)

    with ``fake = G(map, E(real))``, and D half the sum of its loss on the fake and on the real image. Adversarial
    losses are added over the scales. Both updates follow from one forward pass of G and the weights before them, as in
    the authors' code: first G and E, then D on the same fake, or on one from the history of maps with fakes.

    For ``fix_global`` epochs only the finest enhancer of G trains (and its last layer, and E); then all of G. (In the
    authors' code since April 2019 the rest of G is never released.)

    Args:
        G: generator of maps, and of features laid beside them if there is an encoder.
        D: discriminator of maps and images concatenated, which gives features of its layers.
        E: encoder of ``(images, numbers of objects)`` that gives features of objects; those of the classes where the
            data has no instance maps.
        adversarial: loss of the adversarial terms.
        perceptual: distance of images; None: the term is left out.
        w_feat: weight of the matching of D's features.
        w_vgg: weight of the perceptual distance.
        pool_size: maps with fakes in the history; 0 judges the current fakes.
        fix_global: epochs in which the coarser parts of G rest.
        coarse_from: checkpoint, or work directory, of a run without enhancers, from whose global generator (and E) the
            training starts.
        clusters: of E's features, per class, among which the looks of an object are chosen; 10 in the paper.

    Batch:
        As of :class:`SemanticMethod`.
    """

    schedule = (Phase('G', ('G',)), Phase('D', ('D',)))
    augments = False
    carries = {'G': (('label_map', 'features'), 'img'), 'E': ('img',), 'D': (('label_map', 'img'),)}
    used = ('bank',)

    G: ImageNetwork
    D: nn.Module
    E: ImageNetwork | None

    def __init__(self, G: Backbone, D: Discriminator, classes: Sequence[str], E: Backbone | None = None,
                 adversarial: Loss = LSGAN, perceptual: Loss | None = VGG, w_feat: Weight = 10.0,
                 w_vgg: Weight = 10.0, pool_size: Natural = 0, fix_global: Natural = 0,
                 coarse_from: File | None = None, clusters: Count = 10, **kwargs: Any) -> None:
        super().__init__(classes, **kwargs)
        self.add_networks(E=E)
        features = self.E.out_channels if self.E is not None else 0
        self.channels['features'] = features
        self.add_networks(G=G, D=D)
        self.adversarial = build(adversarial, LOSSES, 'model.adversarial')
        self.matching = FeatureMatchingLoss(normalised=True)
        self.perceptual = build(perceptual, LOSSES, 'model.perceptual') if perceptual and w_vgg else None
        self.w_feat, self.w_vgg = w_feat, w_vgg
        self.pool = ImagePool(pool_size)
        self.coarse_from = None if coarse_from is None else Path(coarse_from)
        self.stages = self._coarse_to_fine(fix_global)
        _, channels, divisor = image_facts(self.G, 'model.G')
        self.needs = (*self.maps, Image('img', channels))
        options: tuple[str, ...] = ()
        if self.E is not None:
            self.schedule = (Phase('G', ('G', 'E')), Phase('D', ('D',)))
            self.bank = FeatureBank(self.labels, features, clusters)
            divisor, options = max(divisor, image_facts(self.E, 'model.E')[2]), ('seed', 'reference', 'clusters')
            self.shows = {**SemanticMethod.shows, 'fake': Shown('synthesis', of='label_map', like='img'),
                          'restyled': Shown("with the photograph's features", of='label_map', like='img', paired=True)}
        self.directions = {'synthesis': Direction(
            ('G',), self.maps, 'fake', also=('E',) * bool(options), divisor=divisor, options=options)}

    def _coarse_to_fine(self, fix_global: int) -> tuple[Stage, ...]:
        if not fix_global and self.coarse_from is None:
            return ()
        if not (rests := tuple(f'G.{part}' for part in getattr(self.G, 'coarse_parts', ()))):
            raise ConfigError(f'model.{"fix_global" if fix_global else "coarse_from"}: {type(self.G).__name__} has no '
                              'enhancers around a coarser part. Set model.G.enhancers, or leave it out.')
        return Stage('enhancer', epochs=fix_global, rests=rests), Stage('joint')

    def begin(self, stage: Stage, b: Batch) -> None:
        if self.coarse_from is None or self.iteration:
            return
        path = newest_checkpoint(self.coarse_from) if self.coarse_from.is_dir() else self.coarse_from
        if path is None or not path.is_file():
            raise CheckpointError(f'model.coarse_from: {self.coarse_from} holds no checkpoint. Train the run without '
                                  'enhancers first, or start from nothing: --cfg-options model.coarse_from=None.')
        state = read_checkpoint(path)['state_dict']
        for name in ('G.coarse', *(['E'] if self.E is not None else [])):
            part, prefix = self.part(name), f'{name}.'
            given = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            check_fit(part.state_dict(), given, f'model.coarse_from: {name} in {path} does not fit this model (one '
                      'enhancer doubles the width of the global generator):', str(path), '_extra_state')
            part.load_state_dict(given)

    def prepare(self, b: Batch) -> None:
        b.planes = self.condition(b)
        if self.E is not None:
            b.features = self.E(b.img, self.objects(b))
        b.fake = self.G(self._input(b.planes, b.features if self.E is not None else None))
        # One look at the photograph serves both updates: G's comes first and leaves D as it is.
        b.kept['real'] = self.judge(torch.cat([b.planes, b.img], 1))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        # Adversarial: the fake is taken for the photograph of its map
        of_fake = self.judge(torch.cat([b.planes, b.fake], 1))
        losses = dict(adv=self.adversarial([layers[-1] for layers in of_fake], real=True))

        # Feature matching: it looks to D as the photograph does
        if self.w_feat:
            losses['feat'] = self.w_feat * self.matching(of_fake, b.kept['real'])

        # Perceptual distance to the photograph
        if self.perceptual is not None:
            losses['vgg'] = self.w_vgg * self.perceptual(b.fake, b.img)

        if self.E is not None:
            self.bank.add(b.features, b.label_map, self.objects(b))
        return losses

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        fake = self.pool.query(torch.cat([b.planes, b.fake.detach()], 1))
        scales = dict(real=[layers[-1] for layers in b.kept['real']], fake=self._logits(fake))
        losses = {name: 0.5 * self.adversarial(logits, real=name == 'real', for_D=True)
                  for name, logits in scales.items()}
        if self.adversarial.has_penalty:
            losses['penalty'] = self.adversarial.penalty(self._logits, torch.cat([b.planes, b.img], 1), fake)
        return losses

    def objects(self, b: Batch) -> Tensor:
        """The number of the object of every pixel, ``(N, H, W)``: its class where the data tells no objects apart."""
        return b.instance_map if self.instances else b.label_map

    @staticmethod
    def _input(planes: Tensor, features: Tensor | None) -> Tensor:
        return planes if features is None else torch.cat([planes, features.to(planes.dtype)], 1)

    def _logits(self, pair: Tensor) -> list[Tensor]:
        return [layers[-1] for layers in by_scale(self.D(pair))]

    def predict(self, b: Batch) -> dict[str, Tensor]:
        images, planes = dict(label_map=self.coloured(b.label_map), img=b.img), self.condition(b)
        if self.E is None:
            return dict(**images, fake=self.generate(self.G, planes))
        draws = self.noise(b, f'evaluation {self.test_cfg["seed"]}', (SLOTS,), 'uniform')
        looks = dict(fake=self.bank.looks(draws, b.label_map, self.objects(b)), restyled=self.E(b.img, self.objects(b)))
        return {**images, **{key: self.generate(self.G, self._input(planes, x)) for key, x in looks.items()}}

    def answer(  # type: ignore[override]  # the direction lists its options
            self, direction: str, b: Batch, seed: int | None = None, reference: Tensor | None = None,
            clusters: Mapping[int, int] | None = None) -> Tensor:
        """Pictures for label maps; with an encoder, the looks of each object are those of a cluster of its class.

        Args:
            direction: 'synthesis'.
            b: label maps ``(N, H, W)``, and instance maps if the method has them.
            seed: draws the clusters; ``test_cfg.seed`` if nothing is given.
            reference: a photograph ``(1, C, h, w)`` of the scene, whose own features are taken. It is stretched to the
                size of the maps.
            clusters: number of an object (of a class without instance maps) -> its cluster, counted from 0.
        """
        planes, features = self.condition(b), None
        if self.E is not None:
            draws = draws_of(self.test_cfg['seed'] if seed is None else seed, self.noise_rule)
            features = (self.bank.looks(draws.expand(len(b), -1), b.label_map, self.objects(b), clusters)
                        if reference is None else self._features_of(reference, b))
        return self.generate(self.G, self._input(planes, features))

    def settled(self, direction: str, b: Batch, **options: Any) -> dict[str, Any]:
        for name in options.keys() & {'reference', 'clusters'}:
            raise ConfigError(f'{name}: is about the objects of one whole scene, not about strips of it or frames of '
                              'a video. Use a seed.')
        return options

    def _features_of(self, reference: Tensor, b: Batch) -> Tensor:
        if self.E is None or (self.present is not None and 'E' not in self.present):
            raise ConfigError('reference: there is no encoder E of its features in this checkpoint. Use a seed.')
        image = nn.functional.interpolate(reference, b.label_map.shape[1:], mode='bilinear', antialias=True)
        return self.E(image.expand(len(b), -1, -1, -1), self.objects(b))


@functools.lru_cache(16)
def draws_of(seed: int, rule: NoiseRule = 'counter') -> Tensor:
    """What says the clusters of objects, ``(1, SLOTS)`` in [-1, 1]; kept, so that a graph has it as a constant."""
    return NOISE[rule]([seed], 'clusters', (SLOTS,), 'uniform')
