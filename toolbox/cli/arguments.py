"""Arguments shared by several commands."""

from __future__ import annotations

import argparse
import os
from typing import Any

# Additional inputs of a direction, by kind (toolbox.use.translator.KINDS).
FURTHER = {'image': 'an additional image', 'labels': 'the class of every pixel',
           'instances': 'the object of every pixel (left out: connected areas of one class)',
           'mask': 'white where something is missing'}


class Extend(argparse.Action):
    """Values of an option that is given several times are put together; the first ones replace the default."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if before is self.default else before), *values])


def require_at_least(args: argparse.Namespace, **least: int) -> None:
    """Raise :class:`ConfigError` for a number that is given and below its least."""
    from ..errors import ConfigError
    for name, lowest in least.items():
        value = getattr(args, name)
        if value is not None and value < lowest:
            raise ConfigError(f'--{name}: expected at least {lowest}, found {value}.')


def add_config_arguments(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    parser.add_argument('config', metavar='CONFIG', nargs=nargs, default='',
                        help='a Python config (configs/cyclegan/horse2zebra.py), or the name of one '
                        '(cyclegan/horse2zebra); toolbox list configs shows the names')
    parser.add_argument('--cfg-options', nargs='+', action=Extend, metavar='KEY=VALUE', default=[],
                        help='override values of the config: model.pool_size=0 train_dataloader.batch_size=4')


def add_run_arguments(parser: argparse.ArgumentParser, device: bool = True) -> None:
    parser.add_argument('run', metavar='RUN', help='work directory of a training run, a checkpoint file, or '
                        'hf://user/name[@revision]')
    parser.add_argument('--checkpoint', default='last',
                        help="which one of the run: 'last' (default), 'best' or a file name")
    parser.add_argument('--plugins', nargs='+', action=Extend, default=[], metavar='MODULE',
                        help='modules that you trust and that define parts of the run (its custom_imports)')
    if device:
        parser.add_argument('--device', help="'cpu', 'cuda' ...; a GPU if there is one by default")


def add_input_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('input', metavar='INPUT', help='file, folder or quoted pattern')


def add_further_arguments(parser: argparse.ArgumentParser) -> None:
    """The inputs of a direction that takes several, beside the first one."""
    for kind, help_ in FURTHER.items():
        parser.add_argument(f'--{kind}', metavar='INPUT',
                            help=f'{help_}: a file, or a folder with files of the same names')


def add_size_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked of methods that make results of any size."""
    parser.add_argument('--size', type=height_and_width, metavar='HxW',
                        help='height and width of the results, for methods that make any (SinGAN)')
    parser.add_argument('--start', type=int, metavar='SCALE', help='first scale that makes something new, for methods '
                        'with a pyramid of scales (SinGAN): 0 is the coarsest one')


def size_options(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_size_arguments` was given, as options of a direction."""
    return {name: getattr(args, name) for name in ('size', 'start') if getattr(args, name, None) is not None}


def height_and_width(text: str) -> tuple[int, int]:
    """'120x200' -> (120, 200)."""
    height, cross, width = text.lower().partition('x')
    if not (cross and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f'expected HEIGHTxWIDTH in pixels, such as 120x200, found {text!r}')
    return int(height), int(width)


def further_inputs(args: argparse.Namespace) -> dict[str, str]:
    """What :func:`add_further_arguments` was given, by kind."""
    return {kind: getattr(args, kind) for kind in FURTHER if getattr(args, kind)}


def add_listening_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at; by default (127.0.0.1) this machine '
                        'alone reaches it')
    parser.add_argument('--port', type=int, default=8080, help='0 for any free one (default 8080)')
    parser.add_argument('--name', nargs='+', action=Extend, default=[],
                        help='further names that requests may call this machine by, such as that of a proxy')


def add_launcher_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    # Old launchers pass it; newer ones set the environment variable of this name.
    parser.add_argument('--local-rank', '--local_rank', type=int, help=argparse.SUPPRESS)


def launcher_options(args: argparse.Namespace) -> dict[str, str]:
    """What the arguments of :func:`add_launcher_arguments` change in a config."""
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return {} if args.launcher == 'none' else {'launcher': args.launcher}


def how_to_translate(args: argparse.Namespace, checkpoint: object) -> str:
    """The command that translates with a checkpoint, in the style of the current command."""
    return f'{command(args, "translate")} {checkpoint} IMAGE_OR_FOLDER OUT'


def how_to_sample(args: argparse.Namespace, checkpoint: object) -> str:
    """The command that makes images with a checkpoint, in the style of the current command."""
    return f'{command(args, "sample")} {checkpoint} samples.png'


def command(args: argparse.Namespace, name: str) -> str:
    """Another command, in the style of the current one."""
    return f'toolbox {name}' if args.prog.startswith('toolbox') else f'python tools/{name}.py'
