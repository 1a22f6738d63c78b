"""Makes the fixtures of this folder from the authors' numbers: python tests/data/parity/make.py FOLDER [NAME ...]

The folder of the authors' numbers, 50 MB more than these, is in no clone. With ``PARITY=FOLDER`` the tests
compare with it instead of this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

import test_drit  # noqa: E402
import test_munit  # noqa: E402
import test_pix2pixhd  # noqa: E402
import test_singan  # noqa: E402
import test_singan_uses  # noqa: E402
import test_spade  # noqa: E402
import test_srgan_converters  # noqa: E402
import torch  # noqa: E402
from recipe import assert_probe, fill  # noqa: E402
from sampled import STEP, assert_close, each_tensor, flattened, read, sample, unpack, write  # noqa: E402
from test_converters import official_state  # noqa: E402
from test_stargan_networks import call  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from toolbox.converters import FAMILIES as CONVERTERS  # noqa: E402
from toolbox.converters import from_official  # noqa: E402

Fixture = dict[str, Any]

# Weights and inputs of networks are random numbers, which cannot be compressed; these are too large for a clone. They
# have those of a rule instead, and the results that our code gave for them on the day when it gave the authors'
# results for the authors' weights. The trainings below are the authors' own numbers, through networks of these classes.
PINNED = ('cg_nlayer1_instance', 'cg_nlayer2_instance', 'cg_nlayer3_batch', 'cg_nlayer3_instance',
          'cg_nlayer4_instance', 'cg_pixel_batch', 'cg_pixel_instance', 'cg_resnet_2blocks_in_zero',
          'cg_resnet_6blocks_bn', 'cg_resnet_6blocks_in', 'cg_resnet_6blocks_none', 'cg_resnet_9blocks_in',
          'cg_unet_256_bn', 'cg_unet_128_bn', 'cg_unet_128_bn_dropout_eval', 'cg_unet_256_bn_dropout_eval',
          'cg_unet_128_bn_dropout_train_seeded', 'sp_layer_spadeinstance5x5', 'sp_resblk_identity',
          'sp_resblk_shortcut', 'sp_gen_normal_novae', 'sp_gen_more_vae_aspect2', 'sp_conv_encoder', 'sp_multiD_batch',
          'sp_multiD_feat', 'sp_pix2pixhd_gen_spectralsync_batch', 'hd_global_in', 'hd_local_1enh_in',
          'hd_local_1enh_bn', 'hd_encoder_in', 'hd_multiD_feat_in', 'hd_multiD_nofeat_in', 'hd_multiD_feat_bn_sigmoid',
          'hd_nlayerD_in', 'sg_generator', 'sg_discriminator', 'sgv2_generator_hpf0', 'sgv2_generator_hpf1',
          'sgv2_style_encoder', 'sgv2_discriminator', 'full_sg_generator', 'full_sg_discriminator',
          'full_sgv2_generator_hpf1', 'full_sgv2_style_encoder', 'full_sgv2_discriminator', 'full_sgv2_fan',
          'ug_generator', 'ug_generator_light', 'ug_discriminator_n7', 'full_ug_generator_light',
          'full_ug_discriminator_n7', 'es_rrdb', 'mu_adaingen_b1', 'mu_msimagedis', 'mu_msimagedis_sn', 'un_vaegen',
          'full_mu_adaingen', 'full_mu_vgg_loss', 'full_un_vaegen', *test_drit.NETWORKS, *test_drit.FULL)
FAMILIES = dict(cg='cyclegan', dr='drit', es='esrgan', hd='pix2pixhd', mu='munit', sp='spade', srgan='srgan',
                sg='stargan', sgv2='starganv2', ug='ugatit', un='unit')

# The authors' own numbers, all of them or every n-th of long results.
WHOLE = ('cg_image_pool', 'cg_lr_schedules', 'features_n40_50_d64_rankdef', 'hd_encode_input', 'features_n64_d8',
         'features_n100_150_d16', 'features_n1000_d64', 'features_n5000_3000_d64', 'inception_score', 'miou',
         'wgan_gp', 'sifid_seeded', 'fid_images_seeded', 'lpips_seeded', 'sp_layer_spadeinstance3x3',
         'sp_layer_spadesyncbatch1x1', 'sp_layer_spadesyncbatch3x3', 'ug_adailn', 'ug_iln', 'sgv2_resblk',
         'sgv2_adainresblk', 'sgv2_adainresblk_hpf1', 'sgv2_mapping', 'sgv2_fan_preprocess', 'full_sgv2_mapping',
         'full_ug_generator_64px', 'metrics/psnr_ssim', 'pixelshuffle', 'singan_scale_table')


def without(data: Fixture, *keys: str) -> Fixture:
    return {key: value for key, value in data.items() if key not in keys}


def sampled(data: Fixture, *keys: str, kept: int = 64) -> Fixture:
    return {**data, **{key: sample(data[key], kept) for key in keys if key in data}}


def network(data: Fixture) -> Fixture:
    if 'recipe' in data:  # its outputs are samples already
        return data
    return sampled(sampled(data, 'state_after_train_forward'), 'outputs', kept=512)


def trajectory(data: Fixture, steps: int | None = None) -> Fixture:
    """Of CycleGAN and Pix2Pix."""
    data = sampled(without(data, 'step1_images'), 'params_after')
    if steps:
        after = {step: nets for step, nets in data['params_after'].items() if step <= steps}
        data |= {'batches': data['batches'][:steps], 'losses': data['losses'][:steps], 'params_after': after}
    return data


def updates(data: Fixture, batches: slice = slice(None)) -> Fixture:
    """Of the other methods, which store every update; batches beside these are used by nothing."""
    unused = ('grads', 'x_fake', 'x_reconst', 'images', 'outputs', 'zero_grad_params')
    steps = [sampled(without(step, *unused), 'params_after') for step in data['steps']]
    kept = [batch if i in range(len(data['batches']))[batches] else {} for i, batch in enumerate(data['batches'])]
    return sampled({**without(data, 'final'), 'steps': steps, 'batches': kept}, 'params_after', 'ema_after', 'init_ema')


def masked_updates(data: Fixture) -> Fixture:
    """Of AGGAN, in float32: the second iteration starts from the stored weights, as rounding would grow else."""
    def step_from(before: Tensor, x: Tensor) -> Any:
        steps = (x.double() - before.double()) / STEP
        return x if x.numel() <= 64 else {'near': before, 'steps': steps.round().to(torch.int16)}
    first = {key: step_from(data['init'][key], x) for key, x in data['params_after']['1'].items()}
    small = updates(data)
    return {**small, 'params_after': {**small['params_after'], '1': first}}


def wgan(data: Fixture) -> Fixture:
    log = [{**entry, 'params': sample(entry['params'], 1024)} for entry in data['log']]
    return {**sampled(data, 'G_after', 'D_after'), 'log': log}


def penalties(data: Fixture) -> Fixture:
    penalty = data['gradient_penalty']
    return {**data, 'gradient_penalty': {**penalty, 'results': sample(penalty['results'], 512)}}


def transforms(data: Fixture) -> Fixture:
    """Of those of Pix2PixHD and SPADE, the label maps that test_data_transforms compares."""
    def is_plain(case: Fixture) -> bool:
        mode = case['opt'].get('resize_or_crop', case['opt'].get('preprocess_mode'))
        return not ('crop' in mode or case['params']['flip'] or mode == 'scale_shortside')
    plain = {key: [without(case, 'input_rgb_hwc', 'image') for case in data[key] if is_plain(case)]
             for key in ('pix2pixhd_get_transform', 'spade_get_transform')}
    return {**data, **plain}


def without_sides(data: Fixture) -> Fixture:
    """Of MATLAB's resizing: what it gives, and not what others make of the same images."""
    cases = data['cases'][:3]  # of one image
    return {**data, 'cases': [sampled(without(case, 'core', 'pil', 'torch_aa'), 'matlab', kept=512) for case in cases]}


def singan_resizing(data: Fixture) -> Fixture:
    cases = data['cases'][6:9]  # of one small image
    return {**data, 'cases': [sampled(without(case, 'input', 'out'), 'out_raw_u8', kept=512) for case in cases],
            'to_shape': [sampled(data['to_shape'][1], 'out', kept=512)]}


def pixels(data: Fixture) -> Fixture:
    """Every fifth pixel of each row and column of the larger images."""
    return {**data, 'cases': each_tensor(data['cases'], lambda x: x[::5, ::5] if len(x) > 8 else x)}


def first_images(data: Fixture) -> Fixture:
    return {**data, 'cases': each_tensor(data['cases'], lambda x: x[:1])}


EDITED: dict[str, Callable[[Fixture], Fixture]] = {
    'cg_losses': penalties, 'hd_traj_global': lambda data: pinned_run(data),
    'hd_traj_local_features': lambda data: pinned_run(data),
    'sp_traj_spade_novae': lambda data: pinned_run(data), 'sp_traj_pix2pixhdpp': lambda data: pinned_run(data),
    'hd_losses': lambda data: {**data, 'vgg': sampled(data['vgg'], 'slice_outputs', kept=512)},
    'cg_traj_cyclegan_lsgan': trajectory, 'cg_traj_cyclegan_pool2': trajectory,
    'cg_traj_pix2pix_wgangp_value': trajectory,
    'cg_traj_pix2pix_vanilla': lambda data: trajectory(data, steps=2),
    'cg_traj_pix2pix_dropout_seeded': lambda data: trajectory(data, steps=2), 'data_transforms': transforms,
    'gen/colorization_lab': pixels,
    'gen/psnr_ssim': lambda data: {**data, 'rows': [without(row, 'y_a') for row in data['rows']]},
    'bicubic_down': without_sides, 'singan_imresize': singan_resizing,
    'singan_generate': lambda data: pinned_uses(data, 'singan_traj3_reforward'),
    'singan_animation': lambda data: pinned_uses(data, 'singan_traj3_animation'),
    'singan_misc': lambda data: without(data, 'frechet') | {
        'masks': [sampled(without(case, 'dilated'), 'out', kept=512) for case in data['masks']],
        'quant': sampled(without(data['quant'], 'out'), 'paint_out', kept=512)},
    'gen/singan_misc': lambda data: {'frechet': data['frechet'][2:]},  # the smallest
    **dict.fromkeys(test_singan.TRAJECTORIES, lambda data: pinned_scales(data)),
    'singan_models': lambda data: pinned_cases(test_singan.passed)(data),
    'singan_gp': lambda data: pinned_cases(test_singan.penalised)(data),
    **dict.fromkeys(('singan_pyramid_120x80', 'singan_pyramid_186x248', 'singan_pyramid_366x585'),
                    lambda data: pinned_pyramid(data)),
    'inception_seeded': first_images, 'swd': lambda data: sampled(data, 'pyramid_a', kept=1024), 'wgan': wgan,
    'step_stargan_celeba': lambda data: updates(data, slice(1, None)),
    'step_stargan_celeba_targets': lambda data: updates(data, slice(1, None)),
    'sp_losses': lambda data: {**data, 'preds': [layers[-1:] for layers in data['preds']]},
    'step_sgv2': updates, 'step_ugatit': updates,
    **dict.fromkeys(test_drit.STEPS, lambda data: pinned_updates(data)),
    'step_munit': lambda data: pinned_steps(data), 'step_unit': lambda data: pinned_steps(data),
    'srgan_pytorchgan_G': lambda data: pinned(test_srgan_converters.as_network(data), 'srgan_pytorchgan_G'),
    # One set of weights serves all four.
    'ag_phase1': lambda data: network(without(data, 'grads')),
    'ag_phase2': lambda data: network(without(data, 'grads')),
    'step_aggan_phase1': masked_updates, 'step_aggan_phase2': masked_updates}
SAME = dict.fromkeys(('ag_phase2', 'step_aggan_phase1', 'step_aggan_phase2'), 'ag_phase1')


def shared(data: Fixture, other: Fixture, name: str) -> Fixture:
    """Long tensors that another fixture holds whole, by their place in it."""
    places: dict[bytes, list[Any]] = {}

    def visit(node: Any, place: list[Any]) -> None:
        if isinstance(node, Tensor) and node.numel() > 64:
            places.setdefault(node.numpy().tobytes(), place)
        elif isinstance(node, (dict, list)):
            for key, part in node.items() if isinstance(node, dict) else enumerate(node):
                visit(part, [*place, key])
    visit(other, [])

    def link(x: Tensor) -> Any:
        place = places.get(x.contiguous().numpy().tobytes())
        return x if place is None else {'fixture': name, 'place': place}
    return each_tensor(data, link)


def run(net: nn.Module, data: Fixture, inputs: Fixture, mode: str) -> list[Tensor]:
    torch.manual_seed(data.get('seed', 0))
    return flattened(call(net.train(mode == 'train'), inputs))


def by_rule(inputs: Fixture) -> Fixture:
    """Numbers of the rule in the place of random images, masks and codes."""
    return {key: x if not x.is_floating_point() else
            {'numbers by the rule': 1000 + i, 'shape': list(x.shape), 'low': -1.0 if x.min() < 0 else 0.0, 'high': 1.0}
            for i, (key, x) in enumerate(inputs.items())}


def probe(out: Tensor, like: Fixture) -> Fixture:
    return {**like, 'mean': float(out.double().mean()), 'std': float(out.double().std()) if out.numel() > 1 else 0.0,
            'values': out.flatten()[::like['stride']]}


def pinned(data: Fixture, name: str) -> Fixture:
    """The fixture with weights and inputs of the rule; fails if the authors' results are not ours."""
    full = name.startswith('full_')
    family = FAMILIES[name.removeprefix('full_').split('_')[0]]
    shapes = dict(zip(data['state_keys'], map(tuple, data['state_shapes']), strict=True)) if full else {
        key: tuple(value.shape) for key, value in data['state_dict'].items()}
    for mode, expected in sorted(data['outputs'].items()):
        net = from_official(family, data['cls'], data['args'], fill(shapes) if full else data['state_dict'])
        outs = run(net, data, data['inputs'], mode)
        if full:
            for out, stored in zip(outs, expected.values(), strict=name != 'full_mu_adaingen'):  # ours gives more
                assert_probe(out, stored)
        else:
            assert_close(outs, expected, rtol=0, atol=1e-4)

    rules = by_rule(data['inputs'])
    inputs = unpack(rules, HERE)
    wide = {key: x.double() if x.is_floating_point() else x for key, x in inputs.items()}
    outputs, noise = {}, {}
    for mode, expected in sorted(data['outputs'].items()):  # the state after train is stored
        net, exact = (from_official(family, data['cls'], data['args'], fill(shapes)) for _ in range(2))
        outs = run(net, data, inputs, mode)
        if full:
            outputs[mode] = {key: probe(out, stored)
                             for out, (key, stored) in zip(outs, expected.items(), strict=False)}
            continue
        pairs = zip(outs, run(exact.double(), data, wide, mode), strict=True)
        noise[mode] = 0.0 if 'seed' in data else max(float((a - b).abs().max()) for a, b in pairs)
        flat = isinstance(expected, dict) and len(expected) == len(outs)  # some hold lists of scales
        named = dict(zip(expected, outs, strict=True)) if flat else outs
        outputs[mode] = sample(outs[0] if isinstance(expected, Tensor) else named, 512)
    new = {**data, 'inputs': rules, 'outputs': outputs, 'made_by': 'toolbox'}
    if full:
        return new
    recipe = CONVERTERS[family][data['cls']]
    state = official_state(net, recipe, recipe.complete(data['args'], name))
    after = {key: state[next(iter(recipe.read({key: value})))]  # as the converter names it
             for key, value in data.get('state_after_train_forward', {}).items()}
    print(f'{name}: float32 differs by {noise}')
    return {**new, 'state_dict': {'weights by the rule': shapes}, 'state_after_train_forward': sample(after),
            'f32_vs_f64_maxdiff': noise}


def pinned_run(data: Fixture) -> Fixture:
    """The training with weights and images of the rule; fails if the authors' training is not ours."""
    own: Any = test_spade if data['name'].startswith('sp') else test_pix2pixhd
    torch.set_default_dtype(torch.float64)
    own.assert_replayed(data)
    weights = {key: by_shapes(state) for key, state in data['init'].items()}
    new = {**data, 'init': weights, 'batches': [by_rule(batch) for batch in data['batches']],
           'vgg_features_state_dict': by_shapes(data.get('vgg_features_state_dict') or {})}
    losses, after, fake = own.replay(unpack(new, HERE))
    torch.set_default_dtype(torch.float32)
    kept = {step: sample(after[int(step)], kept=16) for step in data['params_after']}
    return {**new, 'losses': losses, 'params_after': kept, 'step1_fake': sample(fake, 512), 'made_by': 'toolbox'}


def pinned_updates(data: Fixture) -> Fixture:
    """The same of a training of DRIT, with noise of the rule, too."""
    torch.set_default_dtype(torch.float64)
    test_drit.assert_replayed(data)
    steps = [{**step, 'noise': [*by_rule(dict(enumerate(step['noise']))).values()]} for step in data['steps']]
    new = {**data, 'init': {key: by_shapes(state) for key, state in data['init'].items()}, 'steps': steps,
           'batches': [by_rule(batch) for batch in data['batches']]}
    losses, nets = test_drit.replay(unpack(new, HERE))
    torch.set_default_dtype(torch.float32)
    again = [key for key in data['steps'][3]['losses'] if key not in data['steps'][2]['losses']]
    *first, last = losses
    parts = [{key: x for key, x in last.items() if (key in again) == which} for which in (False, True)]
    for step, found in zip(steps, [*first, *parts], strict=True):
        step['losses'] = found
    return {**new, 'final': sample(test_drit.official_states(data, nets), kept=16), 'made_by': 'toolbox'}


def pinned_steps(data: Fixture) -> Fixture:
    """The training of MUNIT or UNIT with weights, images and noise of the rule; fails if the authors' is not ours."""
    torch.set_default_dtype(torch.float64)
    test_munit.assert_replayed(data)
    init = {f'{net}.{key}': value for net, state in data['init'].items() for key, value in state.items()}
    numbers = iter(by_rule(dict(enumerate(x for node in (data['batches'], [step['noise'] for step in data['steps']])
                                          for x in flattened(node)))).values())
    batches = [{key: next(numbers) for key in batch} for batch in data['batches']]
    steps = [{**without(step, 'grads', 'zero_grad_params'), 'noise': [next(numbers) for _ in step['noise']]}
             for step in data['steps']]
    new = {**data, 'init': by_shapes(init), 'batches': batches, 'steps': steps}
    losses, after = test_munit.replay(unpack(new, HERE))
    torch.set_default_dtype(torch.float32)
    for step in steps:
        step['losses'] = {key: losses[step['iteration'] - 1][key.removeprefix('loss_')] for key in step['losses']
                          if key.removeprefix('loss_') in losses[0]}
    kept = {step: sample(after[int(step)], kept=8) for step in data['params_after']}
    return {**new, 'params_after': kept, 'made_by': 'toolbox'}


def pinned_uses(data: Fixture, model: str) -> Fixture:
    """What SinGAN makes, with weights, images and noise of the rule; fails if the authors' images are not ours."""
    trained, own = original(model), test_singan_uses
    for case, made in own.replayed(data, trained).items():
        assert_close(made, own.expected_of(data[case]), rtol=0, atol=1e-5)
    small = {key: trained[key] for key in ('NoiseAmp', 'scale_factor')} | {
        'opt': {'mode': trained['opt']['mode']}, 'G': [by_shapes(state) for state in trained['G']],
        **{key: [*by_rule(dict(enumerate(map(Tensor.float, trained[key])))).values()] for key in ('Zs', 'reals')}}
    new = {**data, 'model': small}
    for name, case in data.items():
        if isinstance(case, dict):
            new[name] = {key: x for key, x in case.items() if not isinstance(x, Tensor) and key != 'reals_sr'}
            new[name]['event_value'] = [*by_rule(dict(enumerate(case['event_value']))).values()]
            new[name] |= by_rule({key: case[key] for key in ('ref',) if key in case})
    ready = unpack(new, HERE)
    for name, made in own.replayed(ready, ready['model']).items():
        new[name] |= {own.kept_as(data[name]): sample(made, 512)}
    return {**new, 'made_by': 'toolbox'}


def pinned_scales(data: Fixture) -> Fixture:
    """SinGAN's training with weights, image and noise of the rule; fails if the authors' training is not ours."""
    test_singan.assert_trained(test_singan.replayed(data, force=True), data, 1e-6)
    draws = [x if x.numel() < 64 else y for x, y in zip(
        data['event_value'], (rule(x, i, -1.5) for i, x in enumerate(data['event_value'])), strict=True)]
    first = {net: by_shapes(data['init'][0][net]) for net in ('G', 'D')}
    kept = ('size', 'opt_before', 'opt', 'event_kind', *({'legacy'} & {*data}))
    new = {**{key: data[key] for key in kept}, 'init': [first], 'event_value': draws,
           'input_u8': rule(data['input_u8'], 99, 0.0, 0.999), 'made_by': 'toolbox'}
    torch.set_default_dtype(torch.float64)
    found = test_singan.replayed(unpack(new, HERE), force=False)
    torch.set_default_dtype(torch.float32)
    states = {net: [{key: x for key, x in state.items() if 'running' in key} for state in found[net]]
              for net in ('G', 'D')}
    steps = [torch.cat([x.flatten() for x in step.values()]) for step in found['steps']]
    return {**new, **found, **states, 'steps': sample(steps, 48)}


def pinned_cases(run: Callable[[Fixture], Fixture]) -> Callable[[Fixture], Fixture]:
    """Cases of SinGAN's networks with weights and images of the rule."""
    def pin(data: Fixture) -> Fixture:
        cases = []
        for case in data['cases']:
            found = run(case)
            for key in found:
                theirs = case[key] if not isinstance(found[key], dict) else {k: case[key][k] for k in found[key]}
                if isinstance(theirs, float):
                    assert abs(found[key] - theirs) < 1e-5
                else:
                    assert_close(found[key], theirs, rtol=1e-4, atol=1e-4)
            given = {key: x for key, x in case.items() if key not in found}
            new = {key: by_shapes(x) if key in ('G', 'D') else
                   rule(x, i, -1.0) if isinstance(x, Tensor) and x.numel() > 9 else x
                   for i, (key, x) in enumerate(given.items())}
            made = run(unpack(new, HERE))
            cases.append({**new, **{key: x if isinstance(x, float) else sample(x, kept=64) for key, x in made.items()}})
        return {**data, 'cases': cases, 'made_by': 'toolbox'}
    return pin


def pinned_pyramid(data: Fixture) -> Fixture:
    small = without(data, 'reals', 'opt', 'means', 'stds', 'nfc')
    if 'input_u8' not in data:
        return small
    assert all(torch.equal(*pair) for pair in zip(test_singan.images_of(data), data['reals'], strict=True))
    new = {**small, 'input_u8': rule(data['input_u8'], 1, 0.0, 0.999)}
    return {**new, 'reals': sample(test_singan.images_of(unpack(new, HERE)), 512), 'made_by': 'toolbox'}


def rule(x: Tensor, number: int, low: float, high: float | None = None) -> Fixture:
    high = -low if high is None else high
    return {'numbers by the rule': 1000 + number, 'shape': list(x.shape), 'low': low, 'high': high}


def by_shapes(state: dict[str, Tensor]) -> Fixture:
    return {'weights by the rule': {key: tuple(value.shape) for key, value in state.items()}}


def original(name: str) -> Fixture:
    source = Path(sys.argv[1])
    place = source / f'{name}.pt' if '/' in name else next(source.glob(f'*/{name}.pt'))
    data: Fixture = torch.load(place, weights_only=True)
    return data


def make(name: str) -> None:
    data = original(name)
    if name in PINNED:
        data = pinned(data, name)
    else:
        data = EDITED.get(name, network)(data)
    if name in SAME:
        data = shared(data, read(HERE / f'{SAME[name]}.pt.xz'), SAME[name])
    target = HERE / f'{name.replace("/", "_")}.pt.xz'
    write(data, target)
    print(f'{target.name}: {target.stat().st_size / 1000:.0f} kB', flush=True)


if __name__ == '__main__':
    chosen = sys.argv[2:] or [*EDITED, *WHOLE, *PINNED]
    for each in chosen:
        make(each)
