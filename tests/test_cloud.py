"""The recipes of tools/cloud: the commands in them are run, with the environment of each machine faked, by two gloo
processes that are killed once and go on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import forked
import pytest
import yaml
from compared import tinter
from runs import EXACT, assert_equal
from test_launchers import free_port
from tiny import ROOT
from torch.distributed.run import config_from_args, parse_args

from toolbox.files.checkpoint import newest_intact, read_checkpoint

CLOUD = ROOT / 'tools/cloud'
# Stands for torchrun and srun in the recipes: says how it was called, and with which environment.
STAND_IN = ('#!{python}\nimport json, os, sys\n'
            'json.dump([sys.argv[1:], dict(os.environ)], open(os.environ["CALLED"], "w"))\n')


def skypilot(rank: int, port: str) -> tuple[str, dict[str, str]]:
    """The command of a machine, and what SkyPilot sets there."""
    recipe = yaml.safe_load((CLOUD / 'skypilot.yaml').read_text())
    return recipe['run'], {**recipe['envs'], 'SKYPILOT_NUM_NODES': '2', 'SKYPILOT_NODE_RANK': str(rank),
                           'SKYPILOT_NODE_IPS': '127.0.0.1\n127.0.0.2', 'SKYPILOT_NUM_GPUS_PER_NODE': '1',
                           'MASTER_PORT': port}


def kubeflow(rank: int, port: str) -> tuple[str, dict[str, str]]:
    trainer = yaml.safe_load((CLOUD / 'trainjob.yaml').read_text())['spec']['trainer']
    bash, option, script = trainer['command']
    assert (bash, option) == ('bash', '-c')
    return script, {**{entry['name']: entry['value'] for entry in trainer['env']}, 'PET_NNODES': '2',
                    'PET_NODE_RANK': str(rank), 'PET_NPROC_PER_NODE': '1', 'PET_MASTER_ADDR': '127.0.0.1',
                    'PET_MASTER_PORT': port}


def torchrun(rank: int, port: str) -> tuple[str, dict[str, str]]:
    """The line of docs/distributed.md."""
    text = (ROOT / 'docs/distributed.md').read_text()
    line = re.search(r'^NNODES=2 .*dist_train\.sh.*$', text, re.MULTILINE)[0]
    line = line.replace('NODE_RANK=0', f'NODE_RANK={rank}').replace('host0', '127.0.0.1').replace(' 8', ' 1')
    line = line.replace('configs/cyclegan/horse2zebra.py', '"$CONFIG"')
    return f'{line} --resume --work-dir "$WORK_DIR"', {'MASTER_PORT': port}


def called(script: str, env: dict[str, str], folder: Path, program: str) -> tuple[list[str], dict[str, str]]:
    """With which arguments and environment a script calls a program."""
    (stand_in := folder / program).write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o755)
    env = {**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}', 'CALLED': str(folder / 'called.json'), **env}
    subprocess.run(['bash', '-c', script], env=env, cwd=ROOT, check=True)
    argv, seen = yaml.safe_load((folder / 'called.json').read_text())
    return argv, seen


def start(recipe: Any, rank: int, port: str, folder: Path, given: dict[str, str]) -> forked.Started:
    """What the torchrun of a recipe starts on one machine."""
    script, env = recipe(rank, port)
    argv, env = called(script, {**env, **given}, folder, 'torchrun')
    with pytest.MonkeyPatch.context() as patch:  # torchrun takes what it is not told from there
        for name, value in env.items():
            patch.setenv(name, value)
        args = parse_args(argv)
        config, _, _ = config_from_args(args)
    assert (config.max_nodes, config.nproc_per_node, config.rdzv_configs['rank']) == (2, 1, rank)
    address, own_port = config.rdzv_endpoint.split(':')
    env |= {'RANK': str(rank), 'LOCAL_RANK': '0', 'WORLD_SIZE': '2', 'LOCAL_WORLD_SIZE': '1', 'MASTER_ADDR': address,
            'MASTER_PORT': own_port}
    return forked.Started(str(Path(args.training_script).resolve().relative_to(ROOT)), *args.training_script_args,
                          folder=folder, name=f'rank{rank}', env=env)


@pytest.fixture(scope='module')
def undisturbed(once: Any) -> Path:
    """A run of two processes that nothing happens to; its config kills a process where the environment says so."""
    def make(folder: Path) -> None:
        config = tinter(folder / 'config.py', weight=1.0, further=(
            "custom_hooks = [dict(type='Killer')]\ntrain_cfg = dict(max_iters=6)\nval_dataloader = None\n"
            'val_evaluator = None\n'
            f"default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=2))\nwork_dir = '{folder}/run'\n"))
        done = forked.torchrun('tools/train.py', config, '--launcher', 'pytorch', folder=folder)
        assert done.returncode == 0, done.stderr
    return once('cloud', make)


def given_to(undisturbed: Path, folder: Path) -> dict[str, str]:
    return {'CONFIG': str(undisturbed / 'config.py'), 'WORK_DIR': str(folder / 'run')}


def assert_same_end(undisturbed: Path, folder: Path) -> None:
    states = [read_checkpoint(run / 'run/iter_6.pth') for run in (undisturbed, folder)]
    for key in EXACT:
        assert_equal(*(state.get(key) for state in states), key)


@pytest.mark.fault
@pytest.mark.dist
@pytest.mark.parametrize('recipe', [skypilot, kubeflow, torchrun], ids=lambda recipe: recipe.__name__)
def test_a_recipe_goes_on_after_a_machine_was_taken_away(recipe: Any, undisturbed: Path, tmp_path: Path) -> None:
    given = given_to(undisturbed, tmp_path)
    port = free_port()
    machines = [start(recipe, rank, port, tmp_path, {**given, 'KILLED_AT': f'run {5 * rank}'}) for rank in range(2)]
    codes = [machine.wait().returncode for machine in machines]
    assert codes[1] == -signal.SIGKILL and codes[0] not in (0, None)
    assert newest_intact(tmp_path / 'run')[0].name in ('iter_2.pth', 'iter_4.pth')  # 4 may have been on its way
    port = free_port()
    machines = [start(recipe, rank, port, tmp_path, given) for rank in range(2)]
    assert [machine.wait().returncode for machine in machines] == [0, 0], machines[0].stderr + machines[1].stderr
    assert re.search('resumed at [24]', machines[0].stdout)
    assert_same_end(undisturbed, tmp_path)


@pytest.mark.fault
@pytest.mark.dist
def test_a_slurm_job_that_is_preempted_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    """srun's tasks get its signal; the job asks to be queued again, and the same file goes on."""
    (tmp_path / 'scontrol').write_text('#!/bin/sh\n[ "$1" = show ] && echo 127.0.0.1\n')
    (tmp_path / 'scontrol').chmod(0o755)
    script = (CLOUD / 'slurm.sbatch').read_text()
    argv, env = called(script, given_to(undisturbed, tmp_path), tmp_path, 'srun')
    assert argv[:3] == ['--kill-on-bad-exit=1', 'python', '-u'] and '--signal=USR1@120' in script

    def tasks(further: dict[str, str]) -> list[forked.Started]:
        port = free_port()
        return [forked.Started(*argv[3:], folder=tmp_path, name=f'task{rank}', env={
            **env, 'SLURM_PROCID': str(rank), 'SLURM_NTASKS': '2', 'SLURM_LOCALID': str(rank),
            'SLURM_NODELIST': 'node[1-2]', 'MASTER_PORT': port, **further}) for rank in range(2)]

    stopped = tasks({'SIGNALLED_AT': 'run 3'})
    assert [task.wait().returncode for task in stopped] == [75, 75], stopped[0].stderr
    again = tasks({})
    assert [task.wait().returncode for task in again] == [0, 0], again[0].stderr
    assert 'resumed at' in again[0].stdout
    assert_same_end(undisturbed, tmp_path)


def test_the_image_holds_what_its_recipe_names() -> None:
    for line in (CLOUD / 'Dockerfile').read_text().splitlines():
        word, *rest = shlex.split(line, comments=True) or ['']
        assert word in ('', 'FROM', 'WORKDIR', 'RUN', 'COPY', 'CMD')
        if word == 'RUN':
            assert rest[:2] == ['pip', 'install'] and (ROOT / 'constraints.txt').exists()
    setup = yaml.safe_load((CLOUD / 'skypilot.yaml').read_text())['setup']
    for path in re.findall(r'tools/\S+', setup + (CLOUD / 'trainjob.yaml').read_text().partition('command:')[2]):
        assert (ROOT / path).exists(), path
