"""What must hold for every method in METHODS, and for methods that nobody has thought of (``strangers.py``).

Nothing here knows a method: what can be asked is read from its directions, needs, pictures, schedule and stages.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from runs import EXACT, assert_equal
from strangers import STRANGERS, blobs, raw_config, stranger_config
from test_distributed import largest_difference, torchrun, write_config
from tiny import METHOD_CONFIGS, draw_images, tiny_config
from torch import Tensor

from toolbox import Sampler, Translator
from toolbox.data.collate import stack_samples
from toolbox.data.io import read_image, write_image
from toolbox.engine import Runner
from toolbox.engine.check import check_config
from toolbox.engine.config import complete
from toolbox.engine.optim import build_optimizers
from toolbox.engine.state import plain_state_dict
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.hooks.ema import averaged_weights
from toolbox.layers.spectral import refresh_spectral_norm
from toolbox.methods.base import Method
from toolbox.methods.directions import (
    Attributes,
    ClassLabel,
    Direction,
    Image,
    InstanceMap,
    LabelMap,
    Latent,
    Mask,
    Port,
)
from toolbox.methods.schedule import Phase
from toolbox.randomness.keys import hash_seed
from toolbox.randomness.noise import noise
from toolbox.randomness.state import rng_state
from toolbox.registry import DATASETS, METHODS, build, find, known_names
from toolbox.strips import running
from toolbox.use.export import export_weights
from toolbox.use.grids import domain_grid, fitted, latent_grid, reference_grid
from toolbox.use.inputs import from_tensor
from toolbox.use.load import load_method
from toolbox.use.sampler import BATCH, LARGE
from toolbox.use.translator import KINDS

METHOD_NAMES = [name for name in known_names(METHODS)
                if getattr(find(METHODS, name, ''), '__module__', '').startswith('toolbox.')]
CASES = [*METHOD_NAMES, *STRANGERS]
STAGED = [name for name in STRANGERS if name.startswith('stages')]
SHARED = [*STAGED, 'rhythm', 'two networks per direction', 'maps and an encoder']  # compared over processes and parts
ITERS = 8


def config_of(case: str, work_dir: Path, images: Path, iters: int, options: dict[str, Any] | None = None) -> Config:
    """A training without validations and pictures."""
    if case in STRANGERS:
        cfg = stranger_config(case, work_dir, iters, options)
    else:
        cfg = tiny_config(METHOD_CONFIGS[case], work_dir, images, iters, options)
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator', 'test_dataloader', 'test_cfg', 'test_evaluator'):
        cfg.pop(key, None)
    cfg.default_hooks.samples = None
    return cfg


class Run:
    """A short training of a case."""

    def __init__(self, case: str, folder: Path, images: Path) -> None:
        iters = 4  # stages of a tiny config have two iterations or fewer
        self.runner = Runner.from_cfg(config_of(case, folder, images, iters))
        self.runner.train()
        self.model: Method = self.runner.model
        self.file = folder / f'iter_{iters}.pth'

    def ask(self, direction: str, inputs: dict[str, Tensor], **options: Any) -> Tensor:
        with averaged_weights(self.runner):
            return self.model.ask(direction, inputs, **options)


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``run(case)``, each trained once."""
    images = draw_images(tmp_path_factory.mktemp('images'))
    return functools.lru_cache(None)(lambda case: Run(case, tmp_path_factory.mktemp('run'), images))


def raw_completed(case: str, options: dict[str, Any] | None = None) -> Config:
    cfg = raw_config(case, Path('nowhere'), 4, options)
    complete(cfg)
    return cfg


def test_the_cases_are_all_methods() -> None:
    assert len(METHOD_NAMES) >= 10 and set(METHOD_NAMES) <= METHOD_CONFIGS.keys()
    methods = [build(raw_completed(name).model, METHODS) for name in STRANGERS]
    kinds = {type(port) for method in methods for direction in method.directions.values() for port in direction.takes}
    assert {Image, LabelMap, InstanceMap, Mask, Latent} <= kinds


# Directions


def is_picture(model: Method, direction: Direction) -> bool:
    return direction.gives in model.pictures


def size_of(name: str, inputs: dict[str, Tensor], model: Method, **options: Any) -> tuple[int, ...] | None:
    """Height and width that the output must have; None if the direction does not tell."""
    direction = model.directions[name]
    if direction.maps:
        ((height, width),) = {tuple(inputs[port.name].shape[-2:]) for port in direction.maps}
        size = model.size_of(name, height, width, **options)
        assert direction.own_size or size == (height * direction.scale, width * direction.scale)
        return size
    like = next((port for port in model.needs if port.name == model.pictures[direction.gives].like), None)
    return (like.side, like.side) if like and like.side else None


def option(model: Method, direction: str, name: str) -> Any:
    """A value for an option; one without an entry here is new, and the test has to learn it."""
    channels = next(port.channels for port in model.needs if isinstance(port, Image))
    makers = {'seed': lambda: 7, 'reference': lambda: torch.rand(1, channels, 16, 16) * 2 - 1,
              'style': lambda: model.style_of(direction, seed=7), 'attributes': lambda: (), 'clusters': dict,
              'size': lambda: (21, 34), 'start': lambda: 1, 'factor': lambda: 1.5, 'quantize': lambda: 3}
    return makers[name]()


def state_of(model: Method) -> dict[str, Any]:
    """All that asking must leave alone."""
    return dict(weights={k: v.clone() if isinstance(v, Tensor) else v for k, v in model.state_dict().items()},
                modes=[m.training for m in model.modules()], rng=rng_state(), iteration=model.iteration,
                flags=[p.requires_grad for p in model.parameters()], repetition=model.repetition,
                running=[id(v) for v in model.buffers()])


@pytest.mark.parametrize('case', CASES)
def test_a_direction_gives_what_it_states(case: str, run: Any) -> None:
    model = run(case).model
    assert model.directions
    random = torch.Generator().manual_seed(0)
    for name, direction in model.directions.items():
        assert set(direction.nets) <= set(model.network_names()) and direction.nets
        for size in ((32, 32), (24, 40)):
            inputs = direction.example(2, size, random)
            assert list(inputs) == [port.name for port in direction.takes]
            before = state_of(model)
            made = model.ask(name, inputs)
            assert_equal(before, state_of(model), name)
            assert len(made) == 2 and made.isfinite().all() and not made.requires_grad
            assert torch.equal(made, model.ask(name, inputs))
            if is_picture(model, direction):
                assert made.ndim == 4 and made.shape[1] in (1, 3, 4)
                assert made.abs().median() <= 1 and made.min() < 0, 'in [-1, 1], but for what is cut off'
                assert size_of(name, inputs, model) in (None, tuple(made.shape[2:]))
                assert len(made.unique()) > 10
    assert all(is_picture(model, d) or any(t.name == d.gives for o in model.directions.values() for t in o.takes)
               for d in model.directions.values()), 'what is no picture is the input of another direction'


@pytest.mark.parametrize('case', CASES)
def test_a_grid_shows_all_that_is_made_from_files(case: str, run: Any) -> None:
    trained = run(case)
    of_files = [direction for direction in trained.model.directions.values()
                if all(port.is_map and not getattr(port, 'side', None) for port in direction.takes)]
    if not of_files:
        with pytest.raises(CheckpointError, match='no generator to translate images with'):
            Translator(trained.file, device='cpu')
        return
    translator = Translator(trained.file, device='cpu')
    rng = np.random.default_rng(0)
    for name in translator.directions:
        translator = Translator(trained.file, name, device='cpu')
        asked = translator.asked[name]
        given = {port.name: array_of(port, rng, (20, 30))[0] for port in asked.maps}
        rows, columns = (20, 30) if case in STRANGERS else fitted(translator, 20, 30)  # an evaluation resizes
        made = {other: trained.model.size_of(other, rows, columns) for other in translator.directions
                if [type(port) for port in translator.asked[other].takes] == [type(port) for port in asked.takes]}
        shown = [tuple(side * -(-128 // max(size)) for side in size) for size in ((rows, columns), *made.values())]
        grid_rows, width, _ = domain_grid(translator, [given]).shape  # below its captions
        assert grid_rows >= max(size[0] for size in shown) and width == sum(size[1] + 4 for size in shown) + 4
        high, wide = made[name]
        for option, grid, stops, above in (('seed', latent_grid, [1, 2], 0),
                                           ('reference', reference_grid, [blobs(rng, 30)[:20]] * 2, rows + 2)):
            if option in asked.options:
                assert grid(translator, [given], stops).shape == (above + max(rows, high), columns + 2 * wide + 4, 3)
            else:
                with pytest.raises(ConfigError, match='has no styles'):
                    grid(translator, [given], stops)


@pytest.mark.parametrize('case', CASES)
def test_options_are_those_that_a_direction_lists(case: str, run: Any) -> None:
    model = copy.deepcopy(run(case).model)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():  # networks of a few channels would be dead else, and know no seeds
            p.add_(0.1 * torch.randn(p.shape, generator=random))
        for layer in model.modules():
            refresh_spectral_norm(layer)
    for name, direction in model.directions.items():
        inputs = direction.example(1, (32, 32), torch.Generator().manual_seed(0))
        with pytest.raises(ConfigError, match='nonsense'):
            model.ask(name, inputs, nonsense=1)
        for known in direction.options:
            with torch.no_grad(), model.evaluating():
                value = option(model, name, known)
            given = codes(model, name, inputs, **{known: value})
            made = model.ask(name, given, **{known: value})
            assert made.isfinite().all() and torch.equal(made, model.ask(name, given, **{known: value}))
            size = size_of(name, inputs, model, **{known: value}) or (value if known == 'size' else None)
            assert made.shape[:2] == model.ask(name, inputs).shape[:2]
            assert tuple(made.shape[2:]) == (size or model.ask(name, inputs).shape[2:])
            assert not direction.own_size or known != 'size' or size == value
            if known == 'seed':
                assert any(not torch.equal(made, model.ask(name, inputs, seed=seed)) for seed in range(5))


def codes(model: Method, direction: str, inputs: dict[str, Tensor], **options: Any) -> dict[str, Tensor]:
    """Inputs with codes of the shape that they have with these options."""
    latent = model.directions[direction].first(Latent)
    if latent is None:
        return inputs
    shape = model.code_shape(direction, **options)
    assert options or shape == tuple(latent.shape)
    return {**inputs, latent.name: torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))}


def fits(port: Port, x: Tensor) -> bool:
    if isinstance(port, Image):
        known = {port.side} if port.side else {*x.shape[2:]}
        return x.ndim == 4 and x.shape[1] == port.channels and {*x.shape[2:]} == known and x.abs().max() <= 1
    if isinstance(port, Mask):
        return x.ndim == 4 and x.shape[1] == 1 and set(x.unique().tolist()) <= {0, 1}
    if isinstance(port, Attributes):
        return x.shape[1:] == (len(port.names),) and set(x.unique().tolist()) <= {0, 1}
    numbers = x.dtype == torch.int64 and x.ndim == (3 if port.is_map else 1) and x.min() >= 0
    return numbers and (isinstance(port, InstanceMap) or int(x.max()) < port.classes)


@pytest.mark.parametrize('case', CASES)
def test_a_training_step_needs_what_the_method_says(case: str, run: Any) -> None:
    """The data set gives it, in the form of the ports, and with it alone (made up) a step can be made."""
    trained = run(case)
    dataset, model = trained.runner.train_loop.dataloader.dataset, trained.model
    batch = model._batch(stack_samples([dataset[0], dataset[1]]))
    assert model.needs
    made_up = {}
    for port in model.needs:
        assert fits(port, batch[port.name]), port
        made_up[port.name] = port.example(4, (32, 32), torch.Generator().manual_seed(0))
        assert fits(port, made_up[port.name]), port
        assert made_up[port.name].shape[1:] == batch[port.name].shape[1:] or port.is_map
    fresh = build(trained.runner.cfg.model, METHODS, 'model')
    fresh.init_weights()
    logs = fresh.train().train_step(made_up, build_optimizers(fresh, trained.runner.cfg.optim_wrapper))
    assert logs and all(value.isfinite() for value in logs.values())


@pytest.mark.parametrize('case', CASES)
def test_only_pictures_are_shown(case: str, run: Any) -> None:
    trained = run(case)
    dataset, model = trained.runner.train_loop.dataloader.dataset, trained.model
    (sample,) = model.val_step(stack_samples([dataset[0]]))
    for key in sample.keys() - {'meta'}:
        assert sample[key].dtype == torch.uint8 and sample[key].ndim == 3 and len(sample[key]) in (1, 3, 4), key
        assert key in model.pictures or dataset[0][key].dtype in (torch.uint8, torch.uint16), key
    made = [key for key, shown in model.pictures.items() if shown.is_made and key in sample]
    assert made
    for key in made:
        shown = model.pictures[key]
        assert shown.like in sample and sample[shown.like].shape == sample[key].shape
        assert shown.caption and shown.of in ('', *sample, *(port.name for port in model.needs))


def test_a_tensor_of_many_channels_is_no_picture(run: Any) -> None:
    model = run('maps').model
    data = {**{port.name: port.example(1, (16, 16)) for port in model.needs}, 'meta': [{}],
            'onehot': torch.ones(1, 36, 16, 16, dtype=torch.uint8)}
    assert {'photo', 'fake', 'meta'} == model.val_step(data)[0].keys()


# From a checkpoint


def array_of(port: Port, rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, Tensor]:
    """An input as a user has it, and as the networks take it."""
    if isinstance(port, Image):
        image = rng.integers(0, 256, (*size, port.channels), np.uint8)
        return image, torch.from_numpy(image.transpose(2, 0, 1).copy())[None] / 127.5 - 1
    if isinstance(port, Mask):
        mask = rng.integers(0, 2, size, np.uint8)
        return 255 * mask, torch.from_numpy(mask)[None, None].float()
    high, dtype = (port.classes, np.uint8) if isinstance(port, LabelMap) else (60000, np.uint16)
    numbers = rng.integers(0, high, size).astype(dtype)
    return numbers, torch.from_numpy(numbers.astype(np.int64))[None]


def levels(made: Tensor) -> list[np.ndarray]:
    return [from_tensor(image, np.dtype(np.uint8)) for image in made]


@pytest.mark.parametrize('case', CASES)
def test_what_comes_from_a_checkpoint_is_what_the_method_gives(case: str, run: Any, tmp_path: Path) -> None:
    """From the checkpoint and from an export, for each direction by that which serves it: none is left out."""
    trained = run(case)
    exported = export_weights(trained.file, tmp_path / 'weights.safetensors')
    for file in (trained.file, exported):
        model, offered = load_method(file)
        assert offered == tuple(trained.model.directions)
        from_files = [name for name in offered if is_picture(model, model.directions[name]) and all(
            port.is_map and not getattr(port, 'side', None) for port in model.directions[name].takes)]
        if from_files:
            translator = Translator(file, device='cpu')
            assert translator.directions == tuple(from_files)
            for name in from_files:
                translator.direction = name
                translated(trained, translator, name, tmp_path / file.suffix[1:] / re.sub(r'\W', '_', name))
        for name in set(offered) - set(from_files):
            sampled(trained, Sampler(file, device='cpu'), name)
        for name in from_files if file is exported else ():
            guided(trained, file, name)


def translated(trained: Run, translator: Translator, name: str, folder: Path) -> None:
    direction, rng = trained.model.directions[name], np.random.default_rng(0)
    given = {port.name: array_of(port, rng, (32, 48)) for port in direction.maps}
    expected = levels(trained.ask(name, {key: x for key, (_, x) in given.items()}))[0]
    arrays = {key: array for key, (array, _) in given.items()}
    np.testing.assert_array_equal(translator(arrays), expected)
    other = {port.name: array_of(port, rng, (32, 48))[0] for port in direction.maps}
    alone = translator(other)
    translator.batch = 3
    together = translator([other, {key: array[:, :32] for key, array in other.items()}, arrays])
    translator.batch = 1
    for made, one in ((together[2], expected), (together[0], alone)):
        assert np.abs(made.astype(int) - one).max() <= 1, 'images of a batch influence each other'
    for key, array in arrays.items():
        write_image(folder / key / 'below' / 'x.png', array)
    np.testing.assert_array_equal(translator({key: folder / key / 'below' / 'x.png' for key in arrays}), expected)

    first, *further = direction.maps
    others = {next(kind for kind, cls in KINDS.items() if isinstance(port, cls)): folder / port.name
              for port in further}
    summary = translator.folder(folder / first.name, folder / 'out', side_by_side=True, **others)
    assert summary.done == [folder / 'out/below/x.png'] and not summary.failed
    np.testing.assert_array_equal(read_image(summary.done[0])[:, -expected.shape[1]:], expected)
    if any(not isinstance(port, InstanceMap) for port in further):
        with pytest.raises(ConfigError, match='takes'):
            translator.folder(folder / first.name, folder / 'out2')
        with pytest.raises(ConfigError, match='takes'):
            translator({first.name: arrays[first.name]})

    odd = {port.name: array_of(port, rng, (37, 21))[0] for port in direction.maps}
    assert translator(odd).shape == (*trained.model.size_of(name, 37, 21), expected.shape[2])
    if direction.own_size:
        tiled = Translator(translator.path, name, device='cpu', tile=32)
        with pytest.raises(ConfigError, match=f"'{name}' results have a size of their own"):
            tiled(odd)
    elif type(trained.model).__module__.startswith('toolbox.'):  # strangers may change tensors in place
        whole = translator(odd)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, 'STRIP', 2 ** 10)
            patch.setattr(translator, 'tile', 16)
            assert np.abs(translator(odd).astype(int) - whole).max() <= 1, 'strips differ from the whole image'


def guided(trained: Run, file: Path, name: str) -> None:
    """By the options that a Translator knows."""
    direction, rng = trained.model.directions[name], np.random.default_rng(0)
    given = {port.name: array_of(port, rng, (32, 32)) for port in direction.maps}
    reference, x = array_of(_image(trained.model), rng, (32, 32))
    for known, (value, asked) in dict(seed=(7, 7), reference=(reference, x), attributes=((), ())).items():
        if known in direction.options:
            expected = levels(trained.ask(name, {key: x for key, (_, x) in given.items()}, **{known: asked}))[0]
            made = Translator(file, name, device='cpu', **{known: value})({key: a for key, (a, _) in given.items()})
            np.testing.assert_array_equal(made, expected)


def sampled(trained: Run, sampler: Sampler, name: str) -> None:
    """By the Sampler: images from noise, codes of images, images from codes, images of one size."""
    direction = trained.model.directions[name]
    label = direction.first(ClassLabel)
    labels = {label.name: torch.arange(BATCH) % label.classes} if label else {}
    if (latent := direction.first(Latent)) and latent.prior:
        sizes = [{}, {'size': (21, 34)}] if 'size' in direction.options else [{}]
        for size in sizes:
            shape = trained.model.code_shape(name, **size)
            z = noise([hash_seed(3, i) for i in range(BATCH)], 'sample', shape, latent.prior)
            together = max(1, min(BATCH, LARGE // z[0].numel()))
            expected = levels(torch.cat([trained.ask(name, {latent.name: part, **labels}, **size)
                                         for part in z.split(together)]))
            assert sampler.direction == name
            np.testing.assert_array_equal(sampler.sample(BATCH, seed=3, **size), np.stack(expected))
        return
    images = [array_of(direction.first(Image) or next(p for p in trained.model.needs if isinstance(p, Image)),
                       np.random.default_rng(i), (p.side, p.side) if (p := _image(trained.model)).side else (32, 32))
              for i in range(BATCH)]
    x = torch.cat([tensor for _, tensor in images])
    if is_picture(trained.model, direction) and direction.first(Image):
        expected = levels(trained.ask(name, {direction.first(Image).name: x, **labels}))
        np.testing.assert_array_equal(sampler.reconstruct([array for array, _ in images]), np.stack(expected))
        return
    # codes: from one picture to another, over the encoder and the decoder
    encode = next(n for n, d in trained.model.directions.items() if d.gives == sampler.latent.name)
    code = torch.cat([trained.ask(encode, {_image(trained.model).name: one}) for one in x[:2].split(1)])
    path = torch.stack([torch.lerp(code[0], code[1], t) for t in torch.linspace(0, 1, BATCH)])
    label = sampler.asked[sampler.direction].first(ClassLabel)
    labels = {label.name: torch.zeros(BATCH, dtype=torch.int64)} if label else {}
    expected = levels(trained.ask(sampler.direction, {sampler.latent.name: path, **labels}))
    np.testing.assert_array_equal(sampler.interpolate(images[0][0], images[1][0], BATCH), np.stack(expected))


def _image(model: Method) -> Image:
    return next(port for port in model.needs if isinstance(port, Image))


@pytest.mark.parametrize('case', CASES)
def test_without_one_of_its_networks_a_direction_is_not_offered(case: str, run: Any, tmp_path: Path) -> None:
    checkpoint, directions = read_checkpoint(run(case).file), run(case).model.directions
    networks = run(case).model.network_names()
    for gone in dict.fromkeys(net for direction in directions.values() for net in direction.nets):
        state = {key: value for key, value in checkpoint['state_dict'].items() if key.split('.')[0] != gone}
        left = tuple(name for name in networks if name != gone)
        write_checkpoint({**checkpoint, 'state_dict': state, 'ema': {},
                          'meta': {**checkpoint['meta'], 'networks': left}}, tmp_path / 'x.pth')
        if not left:
            with pytest.raises(CheckpointError, match=rf'missing(.|\n)*{gone}\.'):
                load_method(tmp_path / 'x.pth')
            continue
        model, offered = load_method(tmp_path / 'x.pth')
        assert offered == tuple(name for name, direction in directions.items() if gone not in direction.nets)
        assert model.present == set(left)


@pytest.mark.parametrize('case', STRANGERS)
def test_scores_of_a_test_are_those_of_the_validation(case: str, tmp_path: Path) -> None:
    options = {'train_cfg.val_interval': 4, 'default_hooks.samples.interval': 4}
    runner = Runner.from_cfg(stranger_config(case, tmp_path / 'run', 4, options))
    runner.train()
    assert {path.name for path in (tmp_path / 'run/samples').iterdir()} == {
        '000000.png', '000004.png', 'latest.png', 'progress.gif'}
    cfg = stranger_config(case, tmp_path / 'test', 4)
    cfg.load_from = str(tmp_path / 'run/iter_4.pth')
    assert Runner.from_cfg(cfg).test() == {k: v for k, v in runner.train_loop.history[-1].items() if k != 'iter'}


# Training: stages, rhythms, parts


class Watched(Runner):
    """Notes which stages begin, which phases are due and which parameters each iteration changes."""

    def run_and_note(self) -> dict[str, list]:
        model, notes = self.model, dict(begun=[], due=[], changed=[])
        begin, step = model.begin, model.train_step

        def noted_begin(stage: Any, b: Any) -> None:
            notes['begun'].append((stage.name, model.iteration))
            begin(stage, b)
            notes['weights'] = {name: p.detach().clone() for name, p in model.named_parameters()}

        def noted_step(*args: Any, **kwargs: Any) -> Any:
            notes['weights'] = {name: p.detach().clone() for name, p in model.named_parameters()}
            notes['due'].append([phase.name for phase in model.due()])
            logs = step(*args, **kwargs)
            notes['changed'].append({name for name, p in model.named_parameters()
                                     if not p.equal(notes['weights'][name])})
            return logs

        model.begin, model.train_step = noted_begin, noted_step
        self.train()
        return notes


def watched(case: str, work_dir: Path, images: Path, iters: int, resume: Path | None = None, **options: Any) -> dict:
    cfg = config_of(case, work_dir, images, iters, {'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, keep=0, _delete_=True), **options})
    if resume:
        cfg.load_from, cfg.resume = str(resume), True
        torch.manual_seed(77)  # whatever the process did before must not matter
    return Watched.from_cfg(cfg).run_and_note()


@pytest.mark.parametrize('case', CASES)
def test_a_training_resumed_anywhere_equals_an_undisturbed_one(case: str, images: Path, tmp_path: Path) -> None:
    """Those with stages before, at and behind a boundary, and in the middle of a stage; others in the middle."""
    iters = ITERS if case in STRANGERS else 2
    whole = watched(case, tmp_path / 'whole', images, iters)
    expected = read_checkpoint(tmp_path / f'whole/iter_{iters}.pth')
    starts = [start for _, start in whole['begun']][1:2]
    stops = sorted({1, *(start + step for start in starts for step in (-1, 0, 1))}) if case in STAGED else (iters // 2,)
    assert len(stops) == (4 if case in STAGED else 1)
    for stop in stops:
        folder = tmp_path / f'from_{stop}'
        rest = watched(case, folder, images, iters, tmp_path / f'whole/iter_{stop}.pth')
        found = read_checkpoint(folder / f'iter_{iters}.pth')
        for key in EXACT:
            assert_equal(expected.get(key), found.get(key), f'{stop}.{key}')
        assert [note for note in whole['begun'] if note[1] < stop] + rest['begun'] == whole['begun']
        assert whole['due'][stop:] == rest['due']
    names = [stage for stage, _ in whole['begun']]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(('case', 'starts'), [('stages of iterations', [0, 3, 6]), ('stages of epochs', [0, 4, 8])])
def test_a_stage_begins_once_and_rests_what_it_says(case: str, starts: list[int], images: Path, tmp_path: Path) -> None:
    notes = watched(case, tmp_path, images, 10)
    assert notes['begun'] == [*zip(('coarse', 'enhance', 'both'), starts, strict=True)]
    parts = {f'G.{part}.{kind}' for part in ('coarse', 'enhancer') for kind in ('weight', 'bias')}
    coarse, enhancer = ({name for name in parts if part in name} for part in ('coarse', 'enhancer'))
    for iteration, changed in enumerate(notes['changed']):
        stage = sum(iteration >= start for start in starts) - 1
        # at its first iteration the enhancer, now a copy, changes in any case
        assert changed & parts == (coarse, enhancer, parts)[stage], iteration
        assert changed - parts == {name for name in changed if name.startswith('D.')} != set()
        assert notes['due'][iteration] == (['D', 'G', 'tune'] if stage == 1 else ['D', 'G'])
    assert int(read_checkpoint(tmp_path / 'iter_10.pth')['state_dict']['level']) == 2


def test_a_stage_begins_with_what_begin_makes(images: Path, tmp_path: Path) -> None:
    """The enhancer starts as a copy of the coarse part, which rests meanwhile; what trained before stays as it was."""
    options = {'model.length': 2, 'optim_wrapper.G.optimizer.lr': 0.0}
    watched('stages of iterations', tmp_path, images, 3, **options)
    before, after = (read_checkpoint(tmp_path / f'iter_{i}.pth')['state_dict'] for i in (2, 3))
    for kind in ('weight', 'bias'):
        assert torch.equal(after[f'G.enhancer.{kind}'], after[f'G.coarse.{kind}'])
    assert not torch.equal(before['G.enhancer.weight'], after['G.enhancer.weight'])


def model_and_batch(case: str, images: Path, tmp_path: Path, size: int = 2, **options: Any) -> tuple[Method, Any, dict]:
    cfg = config_of(case, tmp_path, images, 1, options)
    torch.manual_seed(0)
    model = build(cfg.model, METHODS, 'model')
    model.init_weights()
    dataset = build(dict(cfg.train_dataloader.dataset), DATASETS)
    return model.train(), build_optimizers(model, cfg.optim_wrapper), stack_samples([dataset[i] for i in range(size)])


def test_a_phase_of_one_part_changes_that_part_alone(images: Path, tmp_path: Path) -> None:
    model, optim, batch = model_and_batch('stages of iterations', images, tmp_path)
    model.stages = ()
    model.level.fill_(1)
    model.schedule = (Phase('tune', ('G.enhancer',), optim='G'),)
    before = plain_state_dict(model)
    before = {key: value.clone() for key, value in before.items()}
    model.train_step(batch, optim)
    changed = {key for key, value in plain_state_dict(model).items() if not torch.equal(value, before[key])}
    assert changed == {'G.enhancer.weight', 'G.enhancer.bias'}


@pytest.mark.parametrize('case', CASES)
def test_what_is_frozen_by_construction_and_what_no_phase_names_never_changes(
        case: str, images: Path, tmp_path: Path) -> None:
    model, optim, batch = model_and_batch(case, images, tmp_path)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    named = set()
    for _ in range(3):
        named |= {path for phase in model.due() for path in phase.trains}
        model.train_step(batch, optim)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert not changed & frozen
    assert all(any(f'{name}.'.startswith(f'{path}.') for path in named) for name in changed)
    assert all(any(name.startswith(f'{path}.') for name in changed) for path in named - {'G.enhancer'})


def test_the_strangers_freeze_something(images: Path, tmp_path: Path) -> None:
    frozen = {name.split('.')[0] for case in ('four times as large', 'stages of iterations')
              for name, p in model_and_batch(case, images, tmp_path)[0].named_parameters() if not p.requires_grad}
    assert frozen == {'E', 'G'}


def test_a_phase_of_several_times_has_new_noise_each_time_and_one_prepared_batch_per_update(
        images: Path, tmp_path: Path) -> None:
    model, optim, batch = model_and_batch('rhythm', images, tmp_path)
    seen: list[tuple[str, Tensor, dict]] = []

    def noted(name: str, loss: Any, b: Any) -> dict[str, Tensor]:
        seen.append((name, b.z.clone(), {k: v.clone() for k, v in model.D.state_dict().items()}))
        return loss(b)

    for name in ('D', 'G', 'mean'):
        setattr(model, f'loss_{name}', functools.partial(noted, name, getattr(model, f'loss_{name}')))
    logs = [model.train_step(batch, optim) for _ in range(3)]
    assert [name for name, *_ in seen] == ['D', 'D', 'D', 'G'] * 2 + ['D', 'D', 'D', 'mean', 'mean']
    D = [z for name, z, _ in seen[:3]]
    assert not any(torch.equal(D[i], D[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert torch.equal(seen[3][1], D[0]), 'phases of one update share their noise'
    assert torch.equal(seen[-2][1], seen[-5][1]) and torch.equal(seen[-1][1], seen[-4][1])
    assert all(not torch.equal(a[2]['body.0.weight'], b[2]['body.0.weight']) for a, b in pairwise(seen[:4]))
    assert [set(log) for log in logs] == [{'D/D', 'G/adv'}] * 2 + [{'D/D', 'mean/rec'}]


def test_a_logged_loss_of_several_times_is_their_mean(images: Path, tmp_path: Path) -> None:
    model, optim, batch = model_and_batch('rhythm', images, tmp_path)
    values, loss = [], model.loss_D

    def noted(b: Any) -> dict[str, Tensor]:
        terms = loss(b)
        values.append(float(terms['D'].detach()))
        return terms

    model.loss_D = noted
    assert float(model.train_step(batch, optim)['D/D']) == pytest.approx(sum(values) / 3)
    assert len(set(values)) == 3


def test_a_cycle_is_a_function_of_the_iteration(images: Path, tmp_path: Path) -> None:
    assert watched('rhythm', tmp_path, images, 7)['due'] == [['D', 'G'], ['D', 'G'], ['D', 'mean']] * 2 + [['D', 'G']]


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize('case', SHARED)
def test_parts_of_a_batch_equal_the_whole_batch(case: str, float64: None, images: Path, tmp_path: Path) -> None:
    states = {}
    for parts in (1, 2):
        options = {'train_dataloader.batch_size': 2, 'model.accumulate': parts}
        Runner.from_cfg(config_of(case, tmp_path / str(parts), images, ITERS, options)).train()
        states[parts] = read_checkpoint(tmp_path / str(parts) / f'iter_{ITERS}.pth')['state_dict']
    assert largest_difference(states[1], states[2]) <= 1e-9


@pytest.fixture(scope='module')
def two_processes(once: Any, images: Path) -> Path:
    def train_all(root: Path) -> None:
        files = []
        for case in SHARED:
            cfg = config_of(case, root / case.replace(' ', '_'), images, ITERS)
            files.append(write_config(cfg, root / f'{case.replace(" ", "_")}.py'))
        torchrun('tests/joined_driver.py', *files)
    return once('contract_two_processes', train_all)


@pytest.mark.dist
@pytest.mark.parametrize('case', SHARED)
def test_two_processes_equal_one_with_the_joined_batch(
        case: str, two_processes: Path, float64: None, images: Path, tmp_path: Path) -> None:
    Runner.from_cfg(config_of(case, tmp_path, images, ITERS, {'train_dataloader.batch_size': 2})).train()
    one = read_checkpoint(tmp_path / f'iter_{ITERS}.pth')
    two = read_checkpoint(two_processes / case.replace(' ', '_') / f'iter_{ITERS}.pth')
    assert len(two['ranks']) == 2 and one['meta']['epoch'] == two['meta']['epoch'] == 4
    assert largest_difference(one['state_dict'], two['state_dict']) <= 1e-9
    for key in one['optimizers']:  # what rested has no moments in either
        states = [run['optimizers'][key]['optimizer']['state'] for run in (one, two)]
        assert states[0].keys() == states[1].keys()


# The check of a config


def problems_of(case: str, options: dict[str, Any]) -> list[str]:
    return check_config(raw_completed(case, options))


@pytest.mark.parametrize('case', STRANGERS)
def test_the_check_accepts_a_config_and_names_a_network_that_no_optimiser_has(case: str) -> None:
    assert problems_of(case, {}) == []
    for key, nets in STRANGERS[case][2].items():
        for gone in nets:
            left = [net for net in nets if net != gone]
            (problem,) = problems_of(case, {f'optim_wrapper.{key}.nets': left})
            assert problem.startswith(f'optim_wrapper.{key}.nets: {gone!r} is missing')
        cfg = raw_completed(case)
        del cfg.optim_wrapper[key]
        (problem,) = check_config(cfg)
        assert problem.startswith(f'optim_wrapper.{key}: ') and 'missing' in problem


def test_the_check_names_a_network_that_is_absent() -> None:
    (problem,) = problems_of('maps', {'optim_wrapper.G.nets': ('G', 'E')})
    assert "MapPainter has no network 'E'" in problem


@pytest.mark.parametrize(('change', 'message'), [
    (dict(schedule=(Phase('G', ('G.enhancr',)), Phase('D', ('D',)))), "no network or part 'G.enhancr'.*G.enhancer"),
    (dict(schedule=(Phase('G', ('F',)), Phase('D', ('D',)))), "no network or part 'F'"),
    (dict(schedule=(Phase('G', ('G',), stages=('enhanc',)), Phase('D', ('D',)))),
     "phase G: no stage is called 'enhanc'"),
])
def test_the_check_names_mistakes_of_a_schedule(change: dict, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = find(METHODS, 'TwoStages', '')
    built = cls.__init__

    def wrong(self: Any, *args: Any, **kwargs: Any) -> None:
        built(self, *args, **kwargs)
        vars(self).update(change)

    monkeypatch.setattr(cls, '__init__', functools.wraps(built)(wrong))
    problems = problems_of('stages of iterations', {})
    assert any(re.search(message, problem) for problem in problems), problems


# Facts of the data


def test_the_data_set_says_the_classes_and_a_resume_compares_them(images: Path, tmp_path: Path, run: Any) -> None:
    trained = run('maps')
    names = [f'class {i}' for i in range(35)]
    assert 'classes' not in STRANGERS['maps'][0] and trained.runner.cfg.model.classes == names
    checkpoint = read_checkpoint(trained.file)
    assert checkpoint['facts']['classes'] == checkpoint['config']['model']['classes'] == names
    assert trained.model.needs[0].classes == 35 and checkpoint['state_dict']['G.conv.weight'].shape[1] == 36
    other = {'train_dataloader.dataset.inputs.labels.classes': 34, 'model.classes': names}
    cfg = config_of('maps', tmp_path, images, 8, other)
    cfg.load_from, cfg.resume = str(trained.file), True
    with pytest.raises(ConfigError, match=r'classes.*class 34'):
        Runner.from_cfg(cfg).train()


# Inputs as users have them


@pytest.mark.parametrize('mask', [
    np.eye(32, dtype=bool), np.eye(32, dtype=np.uint8), 255 * np.eye(32, dtype=np.uint8),
    255 * np.eye(32, dtype=np.int64),
    65535 * np.eye(32, dtype=np.uint16)], ids=['flags', 'ones', '8 bits', 'wide', '16 bits'])
def test_white_is_missing_in_every_kind_of_mask(mask: np.ndarray, run: Any) -> None:
    trained = run('mask')
    image, x = array_of(Image('img'), np.random.default_rng(0), (32, 32))
    expected = levels(trained.ask('fill', {'img': x, 'mask': torch.eye(32)[None, None]}))[0]
    made = Translator(trained.file, device='cpu')({'img': image, 'mask': mask})
    np.testing.assert_array_equal(made, expected)
    assert (made != image).any(axis=2).sum() > 16
