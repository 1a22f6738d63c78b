"""Networks of NVlabs/MUNIT, which are also those of mingyuliutw/UNIT in its later version, and their files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..features.classifiers import CaffeVGG16, torchvision_names, vgg
from ..losses.adversarial import AdversarialLoss
from ..losses.perceptual import PerceptualLoss
from ..norms import INSTANCE_NORM, NO_NORM
from ..registry import BACKBONES, DISCRIMINATORS, build
from .base import TRACKED, Recipe

GEN = {'dim': 64, 'activ': 'relu', 'n_downsample': 2, 'n_res': 4, 'pad_type': 'reflect'}
ADAIN_GEN = {**GEN, 'style_dim': 8, 'mlp_dim': 256}
DIS = {'dim': 64, 'norm': 'none', 'activ': 'lrelu', 'n_layer': 4, 'gan_type': 'lsgan', 'num_scales': 3,
       'pad_type': 'reflect'}
STYLE_DOWNS = 4  # fixed in the authors' code
LAYER = 'relu5_3'
NORMS: dict[str, dict[str, Any]] = {'none': NO_NORM, 'sn': NO_NORM, 'in': INSTANCE_NORM,
                                    'ln': {'type': 'LN', 'form': 'munit'}, 'bn': {'type': 'BN'}}
SLOPES = {'lrelu': 0.2, 'relu': 0.0}


class OfficialGenerator(nn.Module):
    """AdaINGen: the content and the style of an image, its content in a given style, and in its own."""

    def __init__(self, content: nn.Module, style: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.content, self.style, self.decoder = content, style, decoder

    def forward(self, x: Tensor, style: Tensor) -> tuple[Tensor, ...]:
        content, own = self.content(x), self.style(x)
        return (content, own[:, :, None, None], self.decoder(content, style.flatten(1)), self.decoder(content, own))


class OfficialVAE(nn.Module):
    """VAEGen: the mean of an image's code, what is decoded from it, and from it with noise."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, ...]:
        mean = self.encoder(x)
        found = (mean, self.decoder(mean))
        return found if noise is None else (*found, self.decoder(mean + noise))


class OfficialDiscriminator(nn.Module):
    """MsImageDis: the logits of each scale; with fakes, too, its losses and those of the generator, LSGAN and NSGAN.

    The authors' spectral normalisation improves its estimate in evaluation, too.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.losses = [AdversarialLoss(mode, scales='sum') for mode in ('lsgan', 'vanilla')]

    def forward(self, x: Tensor, fake: Tensor | None = None) -> tuple[Any, ...]:
        real = self.net.train()(x)
        if fake is None:
            return tuple(real)
        fakes = self.net(fake)
        both = [(loss(fakes, real=False, for_D=True) + loss(real, real=True, for_D=True), loss(fakes, real=True))
                for loss in self.losses]
        return (*real, *both[0], *both[1])


class OfficialVGG(nn.Module):
    """Vgg16: an image as the network sees it, its features, and their distance to those of a target."""

    def __init__(self) -> None:
        super().__init__()
        self.net = vgg(2, 2, 3, 3, 3, pooled=3)
        self.net.keep((LAYER,))

    def forward(self, x: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        features = CaffeVGG16((LAYER,), weights='random')
        features.net.to(x.dtype).load_state_dict(self.net.state_dict())
        loss = PerceptualLoss(layers={LAYER: 1.0}, distance='l2', instance_norm=True, features=features)
        return features.normalised(x), features.taps(x)[LAYER], loss(x, target).reshape(1)


def flat(args: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Arguments of an official network, with those within ``params`` and the authors' defaults.

    Raises:
        CheckpointError: our networks have no such form.
    """
    if not isinstance(args['params'], dict):
        raise CheckpointError("params: expected the dict of gen or dis in the authors' config, found "
                              f'{args["params"]!r}.')
    found = {'input_dim': args['input_dim'], **{name: args['params'].get(name, defaults[name]) for name in defaults}}
    allowed: dict[str, Collection[str]] = {'pad_type': ('reflect',), 'activ': ('relu',)}
    if 'norm' in defaults:
        allowed |= {'activ': SLOPES, 'norm': NORMS}
    for name, values in allowed.items():
        if found[name] not in values:
            raise CheckpointError(f'params.{name}: {found[name]!r} cannot be converted, only {", ".join(values)}.')
    return found


def content_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of the content encoder in an official AdaINGen, or of the encoder in a VAEGen."""
    return {'type': 'MUNITContentEncoder', 'in_channels': args['input_dim'], 'base_channels': args['dim'],
            'downs': args['n_downsample'], 'blocks': args['n_res']}


def style_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of the style encoder in an official AdaINGen."""
    return {'type': 'MUNITStyleEncoder', 'in_channels': args['input_dim'], 'base_channels': args['dim'],
            'style': args['style_dim'], 'downs': STYLE_DOWNS}


def decoder_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of the decoder in an official VAEGen, or with its MLP in an AdaINGen."""
    shape = {'out_channels': args['input_dim'], 'base_channels': args['dim'], 'ups': args['n_downsample'],
             'blocks': args['n_res']}
    if 'style_dim' not in args:
        return {'type': 'UNITDecoder', **shape}
    return {'type': 'MUNITDecoder', **shape, 'style': args['style_dim'], 'hidden': args['mlp_dim']}


def discriminator_config(args: dict[str, Any]) -> dict[str, Any]:
    """Our config of an official MsImageDis."""
    return {'type': 'MultiscaleLogits', 'in_channels': args['input_dim'], 'base_channels': args['dim'],
            'scales': args['num_scales'], 'layers': args['n_layer'], 'norm': NORMS[args['norm']],
            'spectral': 'inner' if args['norm'] == 'sn' else 'none', 'slope': SLOPES[args['activ']]}


def _content_modules(args: dict[str, Any], official: str, ours: str) -> dict[str, str]:
    downs = args['n_downsample']
    table = {f'{official}.model.0.conv': f'{ours}.stem.conv'}
    table |= {f'{official}.model.{1 + i}.conv': f'{ours}.down.{i}.conv' for i in range(downs)}
    return table | _blocks(args, f'{official}.model.{1 + downs}', ours)


def _blocks(args: dict[str, Any], official: str, ours: str) -> dict[str, str]:
    return {f'{official}.model.{block}.model.{i}.conv': f'{ours}.blocks.{block}.conv{1 + i}'
            for block in range(args['n_res']) for i in range(2)}


def _decoder_modules(args: dict[str, Any]) -> dict[str, str]:
    """Residual blocks, an upsampling and a layer in turn, and the last layer."""
    ups = args['n_downsample']
    table = _blocks(args, 'dec.model.0', 'decoder') | {f'dec.model.{1 + 2 * ups}.conv': 'decoder.head'}
    for i in range(ups):
        table |= {f'dec.model.{2 + 2 * i}.conv': f'decoder.up.{i}.conv.1',
                  f'dec.model.{2 + 2 * i}.norm': f'decoder.up.{i}.norm'}
    return table


def generator_modules(args: dict[str, Any]) -> dict[str, str]:
    """Two encoders, a decoder, and the layers that :func:`read_generator` makes of the last one of the MLP."""
    args = flat(args, ADAIN_GEN)
    table = _content_modules(args, 'enc_content', 'content') | _decoder_modules(args)
    table |= {f'enc_style.model.{i}.conv': f'style.convs.{i}.conv' for i in range(1 + STYLE_DOWNS)}
    table |= {f'enc_style.model.{2 + STYLE_DOWNS}': 'style.head', 'mlp.model.0.fc': 'decoder.mlp.0',
              'mlp.model.1.fc': 'decoder.mlp.2'}
    return table | {f'mlp.model.2.fc.{2 * block + i}': f'decoder.blocks.{block}.norm{1 + i}.style.linear'
                    for block in range(args['n_res']) for i in range(2)}


def vae_modules(args: dict[str, Any]) -> dict[str, str]:
    """An encoder and a decoder."""
    args = flat(args, GEN)
    return _content_modules(args, 'enc', 'encoder') | _decoder_modules(args)


def discriminator_modules(args: dict[str, Any]) -> dict[str, str]:
    """A Sequential per scale, the finest first."""
    args, table = flat(args, DIS), {}
    layers = args['n_layer']
    for scale in range(args['num_scales']):
        table[f'cnns.{scale}.{layers}'] = f'net.scales.{scale}.{layers}'
        for i in range(layers):
            table |= {f'cnns.{scale}.{i}.{part}': f'net.scales.{scale}.{i}.{part}' for part in ('conv', 'norm')}
    return table


def read_generator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With torch's names of scale and offset, and one linear layer per AdaIN, whose scale comes first.

    In the authors' MLP the last layer gives the numbers of all AdaIN, offset and scale of each. No running statistics:
    those of AdaIN are never used, and those of instance norms are in files of PyTorch 0.3 alone.
    """
    found = {_plain(key): value for key, value in state.items() if key.rpartition('.')[2] not in TRACKED}
    layers = sum(1 for key in found if re.fullmatch(r'dec\.model\.0\.model\.\d+\.model\.[01]\.conv\.weight', key))
    for leaf in ('weight', 'bias'):
        if (whole := found.get(f'mlp.model.2.fc.{leaf}')) is not None and layers and not len(whole) % (2 * layers):
            del found[f'mlp.model.2.fc.{leaf}']
            for i, rows in enumerate(whole.chunk(layers)):
                offset, scale = rows.chunk(2)
                found[f'mlp.model.2.fc.{i}.{leaf}'] = torch.cat([scale, offset])
    return found


def read_discriminator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With torch's names of scale and offset, and of what belongs to spectral normalisation.

    Instance norms, which have no scale, have running statistics in files of PyTorch 0.3 alone.
    """
    found = {_plain(key).replace('.conv.module.', '.conv.').replace('weight_bar', 'weight_orig'): value
             for key, value in state.items()}
    return {key: value for key, value in found.items()
            if key.rpartition('.')[2] not in TRACKED or f'{key.rpartition(".")[0]}.weight' in found}


def _plain(key: str) -> str:
    return re.sub(r'norm\.gamma$', 'norm.weight', re.sub(r'norm\.beta$', 'norm.bias', key))


def _generator(args: dict[str, Any]) -> nn.Module:
    args = flat(args, ADAIN_GEN)
    return OfficialGenerator(*(build(config(args), BACKBONES)
                               for config in (content_config, style_config, decoder_config)))


def _vae(args: dict[str, Any]) -> nn.Module:
    args = flat(args, GEN)
    return OfficialVAE(*(build(config(args), BACKBONES) for config in (content_config, decoder_config)))


def _discriminator(args: dict[str, Any]) -> nn.Module:
    return OfficialDiscriminator(build(discriminator_config(flat(args, DIS)), DISCRIMINATORS))


RECIPES = {
    'AdaINGen': Recipe(_generator, generator_modules, ('input_dim', 'params'), read=read_generator),
    'VAEGen': Recipe(_vae, vae_modules, ('input_dim', 'params'), read=read_generator),
    'MsImageDis': Recipe(_discriminator, discriminator_modules, ('input_dim', 'params'), read=read_discriminator),
    'Vgg16': Recipe(lambda args: OfficialVGG(), lambda args: {f'features.{i}': f'net.features.{i}' for i in range(30)},
                    (), read=torchvision_names),
}
