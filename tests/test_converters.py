"""Networks and checkpoints of the authors' code: equal numbers, readable errors, whole runs."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from sampled import assert_close, assert_outputs
from torch import Tensor, nn

from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.converters.base import Recipe, convert, official_key, without_prefix
from toolbox.converters.cyclegan import RECIPES, infer
from toolbox.errors import CheckpointError
from toolbox.layers.spectral import spectral_norm
from toolbox.use.load import load_method

NETWORKS = ['cg_resnet_9blocks_in', 'cg_resnet_6blocks_in', 'cg_resnet_6blocks_bn', 'cg_resnet_6blocks_none',
            'cg_resnet_2blocks_in_zero', 'cg_unet_256_bn', 'cg_unet_128_bn', 'cg_unet_128_bn_dropout_eval',
            'cg_unet_256_bn_dropout_eval', 'cg_unet_128_bn_dropout_train_seeded', 'cg_nlayer1_instance',
            'cg_nlayer2_instance', 'cg_nlayer3_instance', 'cg_nlayer3_batch', 'cg_nlayer4_instance', 'cg_pixel_batch',
            'cg_pixel_instance', 'sp_layer_spadesyncbatch1x1', 'sp_layer_spadesyncbatch3x3',
            'sp_layer_spadeinstance3x3', 'sp_layer_spadeinstance5x5', 'sp_resblk_identity', 'sp_resblk_shortcut',
            'sp_gen_normal_novae', 'sp_gen_more_vae_aspect2', 'sp_conv_encoder', 'sp_multiD_batch', 'sp_multiD_feat',
            'sp_pix2pixhd_gen_spectralsync_batch', 'ug_adailn', 'ug_iln']
FAMILY = {'cg': 'cyclegan', 'sp': 'spade', 'ug': 'ugatit'}
TINY = {'ResnetGenerator': {'input_nc': 3, 'output_nc': 3, 'ngf': 2, 'n_blocks': 1},
        'UnetGenerator': {'input_nc': 3, 'output_nc': 3, 'ngf': 2, 'num_downs': 5},
        'NLayerDiscriminator': {'input_nc': 3, 'ndf': 2, 'n_layers': 2},
        'PixelDiscriminator': {'input_nc': 3, 'ndf': 2}}


def official_state(net: nn.Module, recipe: Recipe, args: dict) -> dict[str, Tensor]:
    """The state of our network under the official names."""
    table = {ours: official for official, ours in recipe.modules(args).items()}
    return {official_key(key, table): value.clone() for key, value in net.state_dict().items()}


def tiny(cls: str, **more: object) -> tuple[dict, dict[str, Tensor]]:
    """Arguments and random weights of a small official network."""
    recipe = RECIPES[cls]
    args = recipe.complete({'norm': 'instance', **TINY[cls], **more}, cls)
    return args, official_state(recipe.build(args), recipe, args)


# Of the authors' numbers, which do not tell of the mode that is missing here.
ONE_MODE = {'cg_unet_128_bn_dropout_eval': 'eval', 'cg_unet_256_bn_dropout_eval': 'eval',
            'cg_unet_128_bn_dropout_train_seeded': 'train',
            # Singular vectors by the rule fit no weights: in evaluation, rounding is all that float32 has of these.
            'sp_multiD_batch': 'train', 'sp_resblk_shortcut': 'train'}


@pytest.mark.parity
@pytest.mark.parametrize(('name', 'mode'), [(name, mode) for name in NETWORKS for mode in ('eval', 'train')
                                            if ONE_MODE.get(name, mode) == mode])
def test_networks_of_the_authors(parity, name: str, mode: str) -> None:
    data = parity(name)
    net = from_official(FAMILY[name[:2]], data['cls'], data['args'], data['state_dict'])
    assert net.training
    same = data.get('train_same_as_eval', False)
    net.train(mode == 'train')
    torch.manual_seed(data.get('seed', 0))
    with torch.no_grad():
        out = net(*data['inputs'].values())
    atol = 1e-4 if max(data.get('f32_vs_f64_maxdiff', {'': 0}).values()) > 1e-5 else 1e-5
    assert_outputs(out, data['outputs']['eval' if same else mode], atol)
    if mode == 'train' and data.get('state_after_train_forward'):
        recipe = FAMILIES[FAMILY[name[:2]]][data['cls']]
        state = official_state(net, recipe, recipe.complete(data['args'], name))
        for key, value in data['state_after_train_forward'].items():
            assert_close(state[key], value, atol=1e-5, rtol=1e-5, msg=lambda m, key=key: f'{key}: {m}')


def test_the_three_constructor_defaults_of_the_authors() -> None:
    args, state = tiny('ResnetGenerator', norm='batch', n_blocks=6)
    net = from_official('pix2pix', 'ResnetGenerator', {'input_nc': 3, 'output_nc': 3, 'ngf': 2}, state)
    assert len(net.blocks) == 6 and args['padding_type'] == 'reflect'


def test_data_parallel_prefix_and_old_instance_statistics_are_dropped() -> None:
    args, state = tiny('ResnetGenerator')
    old = {f'module.{key}': value for key, value in state.items()}
    for leaf in ('running_mean', 'running_var', 'num_batches_tracked'):
        old[f'module.model.2.{leaf}'] = torch.zeros(2)
        old[f'module.model.10.conv_block.6.{leaf}'] = torch.zeros(8)
    net = from_official('cyclegan', 'ResnetGenerator', args, old)
    torch.testing.assert_close(official_state(net, RECIPES['ResnetGenerator'], args), state)


def test_batch_norms_without_a_counter_are_accepted() -> None:
    args, state = tiny('PixelDiscriminator', norm='batch')
    del state['net.3.num_batches_tracked']
    assert from_official('cyclegan', 'PixelDiscriminator', args, state).block.norm.num_batches_tracked == 0


def test_float64_weights_stay_float64() -> None:
    args, state = tiny('PixelDiscriminator')
    net = from_official('cyclegan', 'PixelDiscriminator', args, {k: v.double() for k, v in state.items()})
    assert net(torch.rand(1, 3, 4, 4, dtype=torch.float64)).dtype == torch.float64


def test_weights_of_the_older_spectral_norm() -> None:
    theirs = nn.utils.spectral_norm(nn.Conv2d(3, 4, 3))
    for _ in range(3):
        theirs(torch.rand(1, 3, 8, 8))
    recipe = Recipe(lambda args: nn.Sequential(spectral_norm(nn.Conv2d(3, 4, 3))), lambda args: {'': '0'}, ())
    ours = convert(recipe, {}, theirs.state_dict(), 'conv')
    x = torch.rand(1, 3, 8, 8)
    for training in (False, True, True, False):
        torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x))


def test_errors_show_a_short_list_of_each_kind_of_difference() -> None:
    args, state = tiny('ResnetGenerator', n_blocks=6)
    state = {key: value for key, value in state.items() if not key.startswith(('model.16', 'model.19'))}
    state['extra.weight'] = torch.zeros(1)
    state['model.1.weight'] = torch.zeros(4, 3, 7, 7)
    with pytest.raises(CheckpointError) as caught:
        from_official('cyclegan', 'ResnetGenerator', {**args, 'n_blocks': 9}, state)
    message = str(caught.value)
    assert 'cyclegan ResnetGenerator: the weights do not fit' in message
    assert message.splitlines()[1:3] == ['  18 missing in the weights:', '    model.16.conv_block.1.bias']
    assert '    ... and 8 more\n  3 unexpected in the weights:\n    extra.weight\n    model.23.bias\n' in message
    assert message.endswith('  1 of another shape:\n'
                            '    model.1.weight: (4, 3, 7, 7) in the weights, (2, 3, 7, 7) in the model')
    assert len(message.splitlines()) == 19 and len(message) < 1500


@pytest.mark.parametrize(('family', 'cls', 'args', 'message'), [
    ('cyclegam', 'ResnetGenerator', {}, "Did you mean 'cyclegan'"),
    ('cyclegan', 'ResNetGenerator', {}, "Did you mean 'ResnetGenerator'"),
    ('cyclegan', 'NLayerDiscriminator', {'input_nc': 3, 'n_layer': 2}, "Did you mean 'n_layers'"),
    ('cyclegan', 'NLayerDiscriminator', {}, "'input_nc' is missing"),
    ('cyclegan', 'NLayerDiscriminator', {'input_nc': 3, 'norm': 'instanse'}, "Did you mean 'instance'"),
    ('cyclegan', 'ResnetGenerator', {'input_nc': 3, 'output_nc': 3, 'padding_type': 'no'}, 'cyclegan ResnetG.*padding'),
    ('spade', 'SPADE', {'config_text': 'spadegroup3x3', 'norm_nc': 2, 'label_nc': 2}, 'config_text'),
])
def test_unknown_names_and_arguments(family: str, cls: str, args: dict, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        from_official(family, cls, args, {})


@pytest.mark.parametrize('norm', ['instance', 'batch', 'none'])
@pytest.mark.parametrize(('cls', 'more'), [
    ('ResnetGenerator', {}), ('ResnetGenerator', {'use_dropout': True, 'n_blocks': 2, 'output_nc': 1}),
    ('ResnetGenerator', {'padding_type': 'zero'}), ('ResnetGenerator', {'padding_type': 'zero', 'use_dropout': True}),
    ('UnetGenerator', {'input_nc': 1}), ('UnetGenerator', {'num_downs': 2}), ('UnetGenerator', {'num_downs': 7}),
    ('NLayerDiscriminator', {}), ('NLayerDiscriminator', {'n_layers': 5}), ('NLayerDiscriminator', {'n_layers': 1}),
    ('PixelDiscriminator', {'input_nc': 6}),
])
def test_the_architecture_is_read_off_the_weights(cls: str, more: dict, norm: str) -> None:
    args, state = tiny(cls, norm=norm, **more)
    assert infer(state, 'here') == (cls, args)


def save(folder: Path, **nets: tuple[dict, dict[str, Tensor]]) -> Path:
    """Files of a run as the authors write them."""
    for name, (_, state) in nets.items():
        torch.save(OrderedDict(state), folder / f'{name}.pth')
    return folder


def test_a_cyclegan_run_becomes_a_checkpoint_that_translates(tmp_path: Path) -> None:
    torch.manual_seed(0)
    nets = {'G_A': tiny('ResnetGenerator', input_nc=3, output_nc=1), 'G_B': tiny('ResnetGenerator', input_nc=1),
            'D_A': tiny('NLayerDiscriminator', input_nc=1), 'D_B': tiny('PixelDiscriminator', norm='batch')}
    save(tmp_path, **{f'latest_net_{name}': net for name, net in nets.items()})
    save(tmp_path, **{'5_net_G_A': tiny('ResnetGenerator')})
    dst = convert_checkpoint('cyclegan', tmp_path, tmp_path / 'out' / 'ours.pth')
    checkpoint = torch.load(dst, weights_only=True)
    assert checkpoint['meta']['iter'] == 0 and 'networks' not in checkpoint['meta']
    assert checkpoint['config']['model']['D_A']['type'] == 'PixelDiscriminator', 'their D_B judges domain A'
    assert [path.name for path in dst.parent.iterdir()] == ['ours.pth']
    model, directions = load_method(dst)
    assert set(directions) == {'AtoB', 'BtoA'}
    x = torch.rand(1, 3, 16, 16)
    expected = from_official('cyclegan', 'ResnetGenerator', *nets['G_A'])
    torch.testing.assert_close(model.G_AB.eval()(x), expected.eval()(x))
    D = from_official('cyclegan', 'NLayerDiscriminator', *nets['D_A'])
    torch.testing.assert_close(model.D_B(x[:, :1]), D(x[:, :1]))
    assert model.w_identity_A == model.w_identity_B == 0, 'domains of other channels have no identity'


def test_a_pix2pix_run_keeps_its_dropout(tmp_path: Path) -> None:
    save(tmp_path, latest_net_G=tiny('UnetGenerator', norm='batch', num_downs=6),
         latest_net_D=tiny('NLayerDiscriminator', input_nc=6, norm='batch'))
    model, directions = load_method(convert_checkpoint('pix2pix', tmp_path, tmp_path / 'ours.pth'))
    assert directions == ('AtoB',) and isinstance(model.G.up[4].dropout, nn.Dropout)
    assert model.D.in_channels == 6


@pytest.mark.parametrize(('family', 'file', 'network', 'direction'), [
    ('cyclegan', 'latest_net_G', 'G_AB', 'AtoB'), ('cyclegan', '200_net_G_B', 'G_BA', 'BtoA'),
    ('cyclegan', 'horse2zebra', 'G_AB', 'AtoB'), ('pix2pix', 'latest_net_G', 'G', 'AtoB')])
def test_one_generator_alone_offers_one_direction(tmp_path: Path, family: str, file: str, network: str,
                                                  direction: str) -> None:
    args, state = tiny('ResnetGenerator', input_nc=1)
    save(tmp_path, **{file: (args, state)})
    dst = convert_checkpoint(family, tmp_path / f'{file}.pth', tmp_path / 'ours.pth')
    checkpoint = torch.load(dst, weights_only=True)
    assert checkpoint['meta']['networks'] == [network]
    assert {key.split('.')[0] for key in checkpoint['state_dict']} == {network}
    model, directions = load_method(dst)
    assert directions == (direction,)
    x = torch.rand(1, 1, 16, 16)
    expected = from_official(family, 'ResnetGenerator', args, state)
    torch.testing.assert_close(getattr(model, network).eval()(x), expected.eval()(x))


def test_the_epoch_is_chosen_and_a_wrong_one_is_answered_with_those_there_are(tmp_path: Path) -> None:
    nets = {f'{epoch}_net_G': tiny('ResnetGenerator', ngf=width) for epoch, width in (('latest', 2), ('5', 3))}
    save(tmp_path, **nets)
    dst = convert_checkpoint('cyclegan', tmp_path, tmp_path / 'ours.pth', epoch='5')
    assert torch.load(dst, weights_only=True)['config']['model']['G_AB']['base_channels'] == 3
    with pytest.raises(CheckpointError, match=r'holds no 7_net.*Epochs in this folder: 5, latest'):
        convert_checkpoint('cyclegan', tmp_path, tmp_path / 'ours.pth', epoch='7')


class Foreign:
    """An object whose unpickling would call a function."""

    def __reduce__(self) -> tuple:
        return print, ('executed',)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / 'latest_net_G.pth'
    torch.save({'net': Foreign()}, path)
    with pytest.raises(CheckpointError, match=r'latest_net_G\.pth: refused.*unsupported global: GLOBAL print'):
        convert_checkpoint('cyclegan', path, tmp_path / 'ours.pth')
    assert 'executed' not in capsys.readouterr().out and not (tmp_path / 'ours.pth').exists()


@pytest.mark.parametrize(('content', 'message'), [
    (b'not a checkpoint', 'not written by torch.save'),
    (b'', r'0 bytes\): damaged, or not a weight file \(EOFError\)'),
    (pickle.dumps(3, protocol=2), 'damaged, or not a weight file'),
    ({'model': {'a': torch.zeros(1)}}, r"plain state dict.*'model' \(dict\)"),
    ({'layer.weight': torch.zeros(1)}, 'not a network of CycleGAN or pix2pix; the first keys are layer.weight'),
    ({'model.10.conv_block.1.weight': torch.zeros(1, 1, 3, 3)}, 'layers of the network are missing'),
])
def test_files_of_another_kind(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / 'latest_net_G.pth'
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint('cyclegan', path, tmp_path / 'ours.pth')


def test_missing_files_and_discriminators_alone(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='no such file or folder'):
        convert_checkpoint('cyclegan', tmp_path / 'nowhere', tmp_path / 'ours.pth')
    save(tmp_path, latest_net_D_A=tiny('NLayerDiscriminator'))
    with pytest.raises(CheckpointError, match=r'cannot make a model of latest_net_D_A.pth.*at least one generator'):
        convert_checkpoint('cyclegan', tmp_path, tmp_path / 'ours.pth')
    with pytest.raises(CheckpointError, match=r'files of the family .* cannot be converted'):
        convert_checkpoint('wgan', tmp_path, tmp_path / 'ours.pth')


def test_what_torch_puts_around_weights_is_dropped() -> None:
    """Of DataParallel, compiled networks and AveragedModel, in any order."""
    weights = {'conv.weight': torch.ones(1), 'module_list.0.bias': torch.zeros(2)}
    for prefix in ('', 'module.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.'):
        state = {'n_averaged': torch.tensor(3), **{prefix + key: value for key, value in weights.items()}}
        assert without_prefix(state, 'module.') == weights
    assert without_prefix({'module.a': 1, 'b': 2}, 'module.') == {'module.a': 1, 'b': 2}
