"""Damaged and hostile checkpoints, official files and feature weights: one error that names the file and the entry."""

from __future__ import annotations

import copy
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
import torch
from commands import command
from runs import train
from tiny import tiny_config
from torch import Tensor, nn

from toolbox.converters import FAMILIES, convert_checkpoint
from toolbox.engine import Runner
from toolbox.errors import CheckpointError, UserError
from toolbox.features.weights import WeightFile, fill
from toolbox.files.checkpoint import read_checkpoint
from toolbox.use.export import export_weights
from toolbox.use.translator import Translator

CONFIG = 'configs/cyclegan/synthetic.py'
EMA = [dict(type='EMAHook', nets=('G_AB',))]
WEIGHT = 'G_AB.stem.conv.weight'


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run of two iterations, with averages and pools."""
    folder = tmp_path_factory.mktemp('good')
    train(tiny_config(CONFIG, folder, folder, 2, {'custom_hooks': EMA}))
    return folder / 'iter_2.pth'


@pytest.fixture(scope='module')
def content(good: Path) -> dict[str, Any]:
    return torch.load(good, weights_only=True)


@pytest.fixture(scope='module')
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """One that is about to train, into which any checkpoint can be loaded."""
    folder = tmp_path_factory.mktemp('waiting')
    waiting = Runner.from_cfg(tiny_config(CONFIG, folder, folder, 4, {'custom_hooks': EMA}))
    waiting.build_training()
    waiting.call_hook('before_run')
    return waiting


Use = Callable[[Path], object]


@pytest.fixture(scope='module')
def uses(runner: Runner) -> dict[str, Use]:
    """Everything that reads a checkpoint, as far as reading goes."""
    return {'read': read_checkpoint, 'translate': lambda path: Translator(path)(np.zeros((8, 8, 3), np.uint8)),
            'export': lambda path: export_weights(path, path.with_suffix('.safetensors')),
            'load_from': lambda path: runner.load_checkpoint(str(path)),
            'resume': lambda path: runner.resume(str(path))}


def test_the_good_one_is_used_by_all(good: Path, uses: dict[str, Use]) -> None:
    for use in uses.values():
        use(good)


# Content


def at(*keys: object) -> Callable[[Any], None]:
    """What puts the last of ``keys`` at the place that the others say."""
    *path, last, value = keys

    def change(c: Any) -> None:
        for key in path:
            c = c[key]
        c[last] = value
    return change


def tensors(c: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in c['state_dict'].items() if isinstance(value, Tensor)}


def weights(change: Callable[[Tensor], Tensor]) -> Callable[[Any], None]:
    return lambda c: c['state_dict'].update({name: change(value) for name, value in tensors(c).items() if value.dim()})


def shared(levels: int, node: Any) -> Any:
    for _ in range(levels):
        node = [node, node] if isinstance(node, list) else {'a': node, 'b': node}
    return node


def cycle() -> list[Any]:
    node: list[Any] = []
    node.append(node)
    return node


def fill_with(value: float) -> Callable[[Tensor], Tensor]:
    return lambda weight: torch.full_like(weight, value)


ADAM = ('optimizers', 'G', 'optimizer')
RNG = ('ranks', 0, 'rng')
# What is done to a good one, and what the message says; every use refuses the file.
EVERYWHERE = {
    'lists shared 2^60 times': (at('config', 'model', 'G_AB', 'x', shared(60, ['x'])), r'config\.model\.G_AB\.x'),
    'dicts shared 2^60 times': (at('ema', shared(60, {'a': torch.zeros(1)})), r'ema\..*unfolds'),
    'a list in itself': (at('history', cycle()), r'history\.0: contains itself'),
    'a dict in itself': (lambda c: c['meta'].update(me=c['meta']), r'meta\.me: contains itself'),
    'lists nested 120 deep': (at('best', eval('[' * 120 + ']' * 120)), 'nested more than 100 levels'),
    'expanded weights': (weights(lambda w: torch.zeros(1).expand(20000, 20000, *w.shape[2:])), f'{WEIGHT}.*repeats'),
    'partly overlapping weights': (at('state_dict', WEIGHT, torch.zeros(9).as_strided((2, 3), (1, 1))), 'repeats'),
    'one storage as 100 tensors': (lambda c: c['meta'].update(dict.fromkeys(map(str, range(100)), torch.zeros(9999))),
                                   'bytes of memory'),
    'meta weights': (weights(lambda w: w.to('meta')), f'{WEIGHT}.*no numbers'),
    'sparse weights': (weights(lambda w: w.to_sparse()), f'{WEIGHT}.*sparse'),
    'quantised weights': (weights(lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8)), f'{WEIGHT}.*qint8'),
    'complex weights': (weights(lambda w: w.to(torch.complex64)), f'{WEIGHT}.*complex64'),
    'weights of 8 bits': (weights(lambda w: w.to(torch.float8_e4m3fn)), f'{WEIGHT}.*float8'),
    'NaN weights': (weights(fill_with(float('nan'))), f'{WEIGHT} is NaN'),
    'NaN in one place of an average': (lambda c: c['ema']['G_AB']['stem.conv.weight'].view(-1)[5:6].fill_(float('nan')),
                                       r'ema\.G_AB\.stem\.conv\.weight is NaN \(in 1 of'),
    'NaN in a moment': (lambda c: c['optimizers']['D']['optimizer']['state'][0]['exp_avg'].fill_(float('nan')),
                        r'optimizers\.D\.optimizer\.state\.0\.exp_avg is NaN'),
    'no meta': (lambda c: c.pop('meta'), 'meta is missing'),
    'no seed': (lambda c: c['meta'].pop('seed'), r'meta\.seed is missing'),
    'no ranks': (lambda c: c.pop('ranks'), 'ranks is missing'),
    'iter text': (at('meta', 'iter', 'x'), r"meta\.iter is 'x'"),
    'iter negative': (at('meta', 'iter', -5), r'meta\.iter is -5'),
    'iter NaN': (at('meta', 'iter', float('nan')), r'meta\.iter is nan'),
    'iter 10^30': (at('meta', 'iter', 10 ** 30), r'meta\.iter is a whole number of 100 bits'),
    'iter true': (at('meta', 'iter', True), r'meta\.iter is True'),
    'seed text': (at('meta', 'seed', 'x'), r"meta\.seed is 'x'"),
    'networks of other names': (at('meta', 'networks', [3]), r'meta\.networks\.0 is 3'),
    'ranks empty': (at('ranks', []), 'ranks has 0 entries'),
    'ranks text': (at('ranks', 'abc'), "ranks is 'abc'"),
    'rng of NumPy out of its table': (lambda c: at(*RNG, 'numpy', (*c['ranks'][0]['rng']['numpy'][:2], 10 ** 9, 0, 0.0)
                                                   )(c), r'ranks\.0\.rng\.numpy\.2 is 1000000000'),
    'rng of NumPy too short': (lambda c: at(*RNG, 'numpy', ('MT19937', torch.zeros(3, dtype=torch.int64), 0, 0, 0.0)
                                            )(c), r'numpy\.1 has 3 numbers'),
    'history text': (at('history', 'x'), "history is 'x'"),
    'history rows': (at('history', [{'a': 1}]), r'history\.0\.iter is missing'),
    'best text': (at('best', 'x'), "best is 'x'"),
    'best without value': (at('best', {'metric': 'PSNR', 'iter': 2}), r'best\.value is missing'),
    'optimizers none': (at('optimizers', None), 'optimizers is None'),
    'optimizers empty': (at('optimizers', {'G': {}, 'D': {}}), r'optimizers\.G\.type is missing'),
    'optimizer with names for numbers': (at(*ADAM, 'state', {'a': {}}), r"state has the key 'a'"),
    'rate NaN': (at(*ADAM, 'param_groups', 0, 'lr', float('nan')), r'param_groups\.0\.lr is nan'),
    'schedulers number': (at('schedulers', 5), 'schedulers is 5'),
    'schedule step text': (at('schedulers', 'G', 0, 'last_step', 'x'), r"schedulers\.G\.0\.last_step is 'x'"),
    'health text': (at('health', 'x'), "health is 'x'"),
    'health factor 0': (at('health', 'factor', 0.0), r'health\.factor is 0\.0'),
    'diagnosis list': (at('diagnosis', 'first', [1]), r'diagnosis\.first'),
    'facts text': (at('facts', 'x'), "facts is 'x'"),
    'names that are no text': (at('facts', 'domains', [1, 2]), r'facts\.domains\.0 is 1'),
    'config a list': (at('config', ['model']), 'config is of the type list'),
    'model a list': (at('config', 'model', ['x']), r'config\.model is of the type list'),
    'config with a number for a name': (at('config', 5, 6), 'config has the key 5'),
    'tensor in the config': (at('config', 'model', 'x', torch.zeros(2)), r'config\.model\.x is a tensor'),
    'state_dict with a number for a name': (at('state_dict', 5, torch.zeros(1)), 'state_dict has the key 5'),
    'name for the file': (at(5, 6), 'has the key 5'),
    'average of a network that is not there': (at('ema', 'nope', {'a': torch.zeros(1)}), r'ema\.nope\.a'),
    'average of another shape': (at('ema', 'G_AB', 'stem.conv.weight', torch.zeros(3)), r'ema\.G_AB\.stem'),
}
LOADING = ('translate', 'export', 'load_from', 'resume')
OF_CONFIG = ('translate', 'export')


def layer(**config: Any) -> Callable[[Any], None]:
    return at('config', 'model', 'G_AB', config)


# The same, of entries that not every use reads: which refuse them.
SOMEWHERE = {
    'infinite weights': (at('state_dict', WEIGHT, torch.full((2, 3, 7, 7), float('inf'))), WEIGHT, LOADING),
    'weights that overflow': (at('state_dict', WEIGHT, torch.full((2, 3, 7, 7), 1e300, dtype=torch.float64)), WEIGHT,
                              LOADING),
    'infinite average': (lambda c: c['ema']['G_AB']['stem.conv.weight'].fill_(float('inf')), 'stem.conv.weight',
                         LOADING),
    'whole numbers as weights': (weights(lambda w: w.long()), 'another kind of number:.*: torch.int64 in', LOADING),
    'pool a number': (at('state_dict', 'pool_A._extra_state', 5), r'pool_A\._extra_state.*cannot be used', ('resume',)),
    'pool of vectors': (at('state_dict', 'pool_A._extra_state', {'images': [torch.zeros(3)]}), 'images of an ImagePool',
                        ('resume',)),
    'rng of torch': (at(*RNG, 'torch', torch.zeros(7, dtype=torch.uint8)), r'ranks\.0\.rng cannot be', ('resume',)),
    '10^8 blocks': (at('config', 'model', 'G_AB', 'blocks', 10 ** 8), r'config\.model\.G_AB\.blocks is 100000000',
                    OF_CONFIG),
    '900 blocks': (at('config', 'model', 'G_AB', 'blocks', 900), 'far larger than its weights', OF_CONFIG),
    'a million layers of torch': (layer(type='torch.nn.Transformer', num_encoder_layers=10 ** 6),
                                  'num_encoder_layers is 1000000', OF_CONFIG),
    'thousands of layers of torch': (layer(type='torch.nn.Transformer', d_model=8, nhead=1, num_encoder_layers=9000),
                                     'far larger than its weights', OF_CONFIG),
    'a large layer on the CPU': (layer(type='torch.nn.Linear', in_features=10000, out_features=10000, device='cpu'),
                                 'far larger than its weights', OF_CONFIG),
    'a larger one': (layer(type='torch.nn.Bilinear', in1_features=9000, in2_features=9000, out_features=9000),
                     'far larger than its weights', OF_CONFIG),
    'a layer without groups': (layer(type='torch.nn.Conv2d', in_channels=3, out_channels=3, kernel_size=1, groups=0),
                               'model.G_AB: Conv2d rejects', OF_CONFIG),
    'a layer of torch as network': (layer(type='torch.nn.Sequential'), 'Sequential does not state', OF_CONFIG),
}
CASES = {**{name: (*case, ('read', *LOADING)) for name, case in EVERYWHERE.items()}, **SOMEWHERE}


@pytest.mark.fault
@pytest.mark.filterwarnings('ignore')  # of torch, while it saves what it is going to support no longer
@pytest.mark.parametrize('name', CASES)
def test_every_use_refuses_a_hostile_checkpoint(name: str, content: dict[str, Any], uses: dict[str, Use], tmp_path: Path
                                                ) -> None:
    change, message, refusing = CASES[name]
    hostile = copy.deepcopy(content)
    change(hostile)
    torch.save(hostile, tmp_path / 'hostile.pth')
    for use in refusing:
        with pytest.raises(UserError, match=rf'(?s)hostile\.pth.*{message}'):
            uses[use](tmp_path / 'hostile.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['hostile.pth']


@pytest.mark.fault
def test_names_that_take_for_ever_to_compare_are_refused(tmp_path: Path) -> None:
    node: Any = ('x',)
    for _ in range(60):
        node = (node, node)
    torch.save({'NAME': 1}, tmp_path / 'flat.pth')
    with zipfile.ZipFile(tmp_path / 'flat.pth') as old, zipfile.ZipFile(tmp_path / 'hostile.pth', 'w') as new:
        for name in old.namelist():
            body = pickle.dumps(node, protocol=2)[2:-1]
            new.writestr(name, old.read(name).replace(b'X\x04\0\0\0NAME', body))
    torch.save({'a': 1}, tmp_path / 'flat.pth', _use_new_zipfile_serialization=False)
    old_format = (tmp_path / 'flat.pth').read_bytes().replace(b'X\x01\0\0\0a', pickle.dumps(node, protocol=2)[2:-1])
    (tmp_path / 'old.pth').write_bytes(old_format)
    for file in ('hostile', 'old'):
        with pytest.raises(CheckpointError, match=rf'{file}\.pth: tuples that it holds unfold'):
            read_checkpoint(tmp_path / f'{file}.pth')


MEASURE = '''
import resource, sys, time
from toolbox.cli import main
import toolbox.use.translator
for path in sys.argv[1:]:
    started = time.process_time()
    try:
        main(['translate', path, 'a.png', 'out'])
    except SystemExit as end:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(end.code, f'{time.process_time() - started:.1f}', memory)
'''
HUNGRY = ('lists shared 2^60 times', 'expanded weights', '10^8 blocks', 'a million layers of torch', 'a larger one',
          'a large layer on the CPU', 'thousands of layers of torch')


@pytest.mark.fault
def test_hostile_checkpoints_cost_neither_time_nor_memory(content: dict[str, Any], tmp_path: Path) -> None:
    for number, name in enumerate(HUNGRY):
        hostile = copy.deepcopy(content)
        CASES[name][0](hostile)
        torch.save(hostile, tmp_path / f'{number}.pth')
    (tmp_path / 'a.png').write_bytes(b'')
    done = forked.run(MEASURE, *map(str, sorted(tmp_path.glob('*.pth'))), cwd=tmp_path, folder=tmp_path)
    lines = [[float(number) for number in line.split()] for line in done.stdout.splitlines()]
    assert len(lines) == len(HUNGRY) and done.stderr.count('error: ') == len(HUNGRY), done.stdout + done.stderr
    assert 'Traceback' not in done.stderr and not (tmp_path / 'out').exists()
    for name, (code, seconds, megabytes) in zip(HUNGRY, lines, strict=True):
        assert code == 2 and seconds < 10 and megabytes < 1000, name


@pytest.mark.fault
def test_the_commands_leave_a_run_as_it_was(content: dict[str, Any], good: Path, tmp_path: Path) -> None:
    hostile = copy.deepcopy(content)
    hostile['meta']['iter'] = float('nan')
    torch.save(hostile, tmp_path / 'hostile.pth')
    before = {path: path.read_bytes() for path in good.parent.glob('*.*')}
    lines = {'train.py': [str(good.parent / 'config.py'), '--work-dir', str(good.parent), '--resume',
                          str(tmp_path / 'hostile.pth')],
             'test.py': [str(good.parent / 'config.py'), str(tmp_path / 'hostile.pth')],
             'export_weights.py': [str(tmp_path / 'hostile.pth'), str(tmp_path / 'out.safetensors')]}
    for script, argv in lines.items():
        code, _, err = command(script, *argv)
        assert code == 2 and err.count('error: ') == 1 and 'hostile.pth: meta.iter is nan' in err, (script, err)
    assert {path: path.read_bytes() for path in good.parent.glob('*.*')} == before
    assert not (tmp_path / 'out.safetensors').exists()


# Official files, and weights of feature networks


def generator(width: int = 2) -> dict[str, Tensor]:
    """As the authors of CycleGAN save it."""
    recipe = FAMILIES['cyclegan']['ResnetGenerator']
    args = recipe.complete({'input_nc': 3, 'output_nc': 3, 'ngf': width, 'norm': 'instance', 'n_blocks': 1}, 'test')
    net, modules = recipe.build(args), recipe.modules(args)
    own = net.state_dict()
    return {f'{official}.{leaf}': own[f'{ours}.{leaf}'] for official, ours in modules.items()
            for leaf in ('weight', 'bias') if f'{ours}.{leaf}' in own}


def features(width: int = 4) -> nn.Module:
    with torch.device('meta'):
        return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))


def use_features(path: Path) -> object:
    return fill(features(), str(path), WeightFile('none.pth'), 'Net.weights')


FOREIGN = {
    'official': (generator, lambda path: convert_checkpoint('cyclegan', path, path.with_name('out.pth'))),
    'features': (lambda: fill_random(features()), use_features)}


def fill_random(net: nn.Module) -> dict[str, Tensor]:
    return {name: torch.rand(value.shape).to(value.dtype) for name, value in net.state_dict().items()}


FOREIGN_CASES: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    'NaN': (fill_with(float('nan')), 'NaN or infinite'), 'inf': (fill_with(float('-inf')), 'NaN or infinite'),
    'whole numbers': (lambda w: w.long(), 'another kind of number'), 'meta': (lambda w: w.to('meta'), 'no numbers'),
    'expanded': (lambda w: torch.zeros(1).expand(w.shape), 'repeats'), 'text': (lambda w: 'x', 'state dict'),
    'sparse': (lambda w: w.to_sparse(), 'sparse'), 'complex': (lambda w: w.to(torch.complex64), 'complex64')}


@pytest.mark.fault
@pytest.mark.parametrize('case', FOREIGN_CASES)
@pytest.mark.parametrize('kind', FOREIGN)
def test_foreign_weights_that_are_none_are_refused(kind: str, case: str, tmp_path: Path) -> None:
    make, use = FOREIGN[kind]
    change, message = FOREIGN_CASES[case]
    state: dict[Any, Any] = make()
    name = next(name for name, value in state.items() if value.dim() > 1)
    torch.save(state, tmp_path / 'good.pth')
    use(tmp_path / 'good.pth')
    (tmp_path / 'out.pth').unlink(missing_ok=True)
    torch.save({**state, name: change(state[name])}, tmp_path / 'latest_net_G.pth')
    with pytest.raises(CheckpointError, match=rf'(?s)latest_net_G\.pth.*{message}'):
        use(tmp_path / 'latest_net_G.pth')
    torch.save({**state, 5: state[name]}, tmp_path / 'numbered.pth')
    with pytest.raises(CheckpointError, match=r'numbered\.pth: expected a plain state dict'):
        use(tmp_path / 'numbered.pth')
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.fault
@pytest.mark.parametrize('kind', FOREIGN)
def test_one_flipped_bit_of_a_foreign_file_is_an_error(kind: str, tmp_path: Path) -> None:
    make, use = FOREIGN[kind]
    path = tmp_path / 'latest_net_G.pth'
    torch.save(make(), path)
    with zipfile.ZipFile(path) as file:
        entry = max(file.infolist(), key=lambda entry: entry.file_size)
    data = bytearray(path.read_bytes())
    data[entry.header_offset + len(entry.filename) + 30 + 100] ^= 1  # in the weights, after the header and its padding
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r'latest_net_G\.pth: damaged: the contents of'):
        use(path)
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.fault
def test_a_network_inferred_from_one_wide_weight_takes_no_memory(tmp_path: Path) -> None:
    state = generator()
    state['model.1.weight'] = torch.zeros(20_000, 3, 1, 1)  # of which the inner layers would be 4 times as wide
    torch.save(state, tmp_path / 'latest_net_G.pth')
    with pytest.raises(CheckpointError, match=r'latest_net_G\.pth.*far larger than its weights'):
        convert_checkpoint('cyclegan', tmp_path / 'latest_net_G.pth', tmp_path / 'out.pth')


# Any change


MUTATIONS = 2000
VALUES: list[Callable[[], Any]] = [
    lambda: -1, lambda: 0, lambda: None, lambda: 10 ** 30, lambda: -10 ** 400, lambda: float('nan'),
    lambda: float('inf'), lambda: 1e300, lambda: True, lambda: 'text', lambda: '', list, dict, tuple, set,
    lambda: [1, 'a'], lambda: {'a': 1}, lambda: {1: 2}, lambda: {'type': 'os.system'}, lambda: b'bytes', cycle,
    lambda: shared(40, ['x']), lambda: 3j, lambda: torch.zeros(3), lambda: torch.zeros(()), lambda: torch.zeros(0),
    lambda: torch.zeros(2, 3, 4, 5), lambda: torch.tensor([1, 2]), lambda: torch.zeros(3, dtype=torch.uint8),
    lambda: torch.zeros(1).expand(10 ** 6, 9),
    lambda: torch.full((3,), float('nan')), lambda: torch.full((), float('inf')), lambda: torch.zeros(3, device='meta'),
    lambda: torch.eye(3).to_sparse(), lambda: torch.zeros(3, dtype=torch.complex64), lambda: torch.zeros(3) > 0]


def mutate(content: Any, rng: random.Random) -> None:
    """Replace one entry, at any depth; those further up are the likelier ones."""
    node = content
    while True:
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        child = node[key]
        if not isinstance(child, (dict, list)) or not child or rng.random() < 0.2:
            node[key] = rng.choice(VALUES)()
            return
        node = child


def broken(path: Path, rng: random.Random) -> None:
    """Bytes, of the whole file or of its structure alone, the checksum of which is right then."""
    if rng.random() < 0.3:
        path.write_bytes(_changed(path.read_bytes(), rng))
        return
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, 'w') as new:
        for name, data in entries.items():
            new.writestr(name, _changed(data, rng) if name.endswith('data.pkl') else data)


def _changed(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(changed))
        changed[start:start + rng.randint(1, 4)] = rng.randbytes(rng.randint(0, 6))
    return bytes(changed)


def fuzz(seeds: range, content: dict[str, Any], uses: dict[str, Use], path: Path) -> Iterator[bool]:
    """Whether each mutated file was refused; anything but an error of ours is raised."""
    for seed in seeds:
        rng = random.Random(seed)
        changed = copy.deepcopy(content)
        if seed % 4:
            mutate(changed, rng)
        torch.save(changed, path)
        if not seed % 4:
            broken(path, rng)
        try:
            uses[rng.choice(('translate', 'export', 'load_from', 'resume'))](path)
        except UserError as error:
            assert path.name in str(error), f'mutation {seed}: {error}'
            yield True
        except Exception as error:
            raise AssertionError(f'mutation {seed}') from error
        else:
            yield False


def _fuzz(seeds: range, content: dict[str, Any], uses: dict[str, Use], folder: Path) -> None:
    refused = [*fuzz(seeds, content, uses, folder / 'mutated.pth')]
    print(f'{len(refused)} mutations: {sum(refused)} refused, {len(refused) - sum(refused)} without harm')
    assert sum(refused) > len(refused) / 2


@pytest.mark.fault
@pytest.mark.filterwarnings('ignore')
def test_100_mutations_are_refused_or_harmless(content: dict[str, Any], uses: dict[str, Use], tmp_path: Path) -> None:
    _fuzz(range(0, MUTATIONS, MUTATIONS // 100 + 1), content, uses, tmp_path)


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.filterwarnings('ignore')
def test_2000_mutations_are_refused_or_harmless(content: dict[str, Any], uses: dict[str, Use], tmp_path: Path) -> None:
    _fuzz(range(MUTATIONS), content, uses, tmp_path)
