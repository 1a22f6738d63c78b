"""The scripts in tools/, called as a user calls them."""

import json
import re
import subprocess

import pytest
from commands import ROOT, command
from tiny import METHOD_CONFIGS, tiny_config

from toolbox.benchmarks.step import measure_step

# The embedded world, with networks that take a millisecond.
TINY = ['model.G.base_channels=2', 'model.G.downs=4', 'model.D.base_channels=2', 'model.D.layers=1',
        'train_dataloader.dataset.size=32', 'val_dataloader.dataset.size=32', 'val_dataloader.dataset.length=4']
PIX2PIX = 'configs/pix2pix/synthetic.py'


@pytest.fixture
def tool(monkeypatch):
    """Run a script of tools/ from the root of the repository; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(ROOT)
    return lambda name, *args: command(name, *map(str, args))


def train_args(work_dir, iters=2, *more):
    return [PIX2PIX, '--work-dir', work_dir, '--cfg-options', *TINY, f'train_cfg.max_iters={iters}', *more]


def test_train_resume_test_translate_report(tool, tmp_path):
    run = tmp_path / 'run'
    assert tool('train.py', *train_args(run))[0] == 0
    code, _, err = tool('train.py', *train_args(run))
    assert code == 2
    assert f'{run} already contains a run (iter_2.pth); pass --resume to continue it, or --work-dir to start' in err
    code, out, _ = tool('train.py', *train_args(run, 4), '--resume')
    assert (code, 'resumed at 2' in out, (run / 'iter_4.pth').exists()) == (0, True, True)
    code, out, _ = tool('train.py', *train_args(tmp_path / 'other', 4), '--resume', run / 'iter_2.pth')
    assert (code, 'resumed at 2' in out) == (0, True)

    code, out, _ = tool('test.py', PIX2PIX, run, '--out', tmp_path / 'images', '--cfg-options', *TINY)
    scores = json.loads((run / 'test' / 'results.json').read_text())
    assert code == 0
    assert f"PSNR: {scores['PSNR']}" in out
    assert scores['PSNR_images'] == 4
    assert len(list((tmp_path / 'images' / 'fake_B').iterdir())) == 4

    code, out, _ = tool('translate.py', run, tmp_path / 'images' / 'fake_B', tmp_path / 'again')
    assert (code, len(list((tmp_path / 'again').iterdir()))) == (0, 4)
    code, out, _ = tool('report.py', run)
    assert (code, out.strip()) == (0, str(run / 'report.html'))


def test_dry_run_builds_everything_and_leaves_nothing(tool, tmp_path):
    sets = "[dict(type='PSNR'),dict(type='KID',pred='fake_B',target='B',features=dict(type='RandomFeatures'))]"
    code, out, _ = tool('train.py', *train_args(tmp_path / 'run', 1000), f'val_evaluator={sets}', '--dry-run')
    assert code == 0 and 'KID' in out  # which needs more than one image
    assert re.search(r'dry run: everything works; [\d.e-]+ s per iteration, \w+ for the 1000 iterations', out)
    assert not (tmp_path / 'run').exists()


def test_flags_change_what_they_say(tool, tmp_path):
    code, out, _ = tool('train.py', *train_args(tmp_path / 'run'), '--amp', 'bf16-slow',
                        '--no-validate')
    assert (code, 'no validation' in out, 'validation |' in out) == (0, True, False)
    assert "'amp': 'bf16-slow'" in (tmp_path / 'run' / 'config.py').read_text()


def test_print_config_shows_what_will_run(tool, tmp_path):
    code, out, _ = tool('print_config.py', PIX2PIX, '--cfg-options', 'model.w_rec=7')
    assert code == 0
    assert "'w_rec': 7" in out
    assert 'InfiniteSampler' in out
    (tmp_path / 'copy.py').write_text(out)
    assert tool('print_config.py', tmp_path / 'copy.py')[1] == out


def test_demo_says_where_the_picture_is(tool, tmp_path):
    code, out, _ = tool('demo.py', '--work-dir', tmp_path / 'demo', '--iters', 1)
    assert code == 0
    for line in ('picture', 'report'):
        path = re.search(rf'^{line} +(\S+)$', out, re.M).group(1)
        assert path.startswith(str(tmp_path))
        assert (tmp_path / path).stat().st_size > 1000
    assert 'oracle score' in out


def test_benchmark_measures_step_ratio_and_overhead(tool):
    config, tiny = 'configs/cyclegan/synthetic.py', [f'model.{n}.base_channels=2'
                                                     for n in ('G_AB', 'G_BA', 'D_A', 'D_B')]
    out = tool('benchmark.py', config, '--size', 32, '--iters', 2, '--cfg-options', *tiny)[1]
    assert re.search(r'at 32 px, batch 1: [\d.]+ it/s \([\d.]+ s, median of 2; '
                     r'CPU time [\d.]+ s, \d+ page faults\), peak memory [\d.]+ GB', out)
    out = tool('benchmark.py', config, '--size', 32, '--iters', 2, '--against-plain-loop', '--shared',
               '--cfg-options', *tiny)[1]
    assert float(re.search(r'toolbox / plain loop = ([\d.]+)', out).group(1)) > 0
    out = tool('benchmark.py', config, '--size', 32, '--overhead', '--iters', 2)[1]
    assert float(re.search(r'in a step, around .*: ([\d.]+) ms of CPU time \(median of 400\)', out).group(1)) > 0
    early, late = (float(x) for x in re.findall(r'overhead ([\d.]+) ms', out))
    assert late < 3 * early + 0.1  # it does not grow with the length of the training


def test_overhead_of_an_iteration_does_not_depend_on_a_full_history(tool):
    """A full history is copied by np.append, which always takes some ms of CPU time; others disturb at times."""
    for _ in range(3):
        out = tool('benchmark.py', 'configs/cyclegan/synthetic.py', '--size', 32, '--overhead', '--iters', 5)[1]
        assert 'from iteration 250000' in out
        early, late = (float(x) for x in re.findall(r'overhead (-?[\d.]+) ms', out))
        if late < 3 * early + 0.2:
            return
    raise AssertionError(out)


@pytest.mark.parametrize('script', sorted(p.name for p in (ROOT / 'tools').glob('*.sh')))
def test_launch_scripts_are_valid_shell_and_executable(script):
    path = ROOT / 'tools' / script
    assert subprocess.run(['bash', '-n', path]).returncode == 0
    assert path.stat().st_mode & 0o111
    assert subprocess.run(['bash', path], capture_output=True).returncode != 0  # arguments are required


@pytest.mark.parametrize('script', sorted(p.name for p in (ROOT / 'tools').glob('*.py')))
def test_help_explains_every_argument(script, tool):
    code, out, _ = tool(script, '--help')
    assert code == 0
    assert len(out) > 100


@pytest.mark.parametrize('path', METHOD_CONFIGS.values(), ids=METHOD_CONFIGS)
def test_benchmark_measures_the_step_of_every_method(path, images, tmp_path, capsys):
    cfg = tiny_config(path, tmp_path, images)
    measure_step(cfg, 32, 1)
    assert re.search(rf'at 32 px, batch {cfg.train_dataloader.batch_size}: [\d.e+]+ it/s', capsys.readouterr().out)
