"""Run the tests of ``mutants.py`` on their mutants: python tests/run_mutants.py [WORD ...]

Each test must pass on the code as it is and fail on its mutant. With words, the mutants of files, tests or reasons that
have one of them.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[1]
HOOK = ROOT / 'tests/mutated'
FROM_OUTSIDE = ('PYTEST_', 'PARITY')  # what a test process gets from one around it


def problems(mutant: Mutant) -> list[str]:
    """What is out of date: found without running anything."""
    source, (file, _, test) = (ROOT / mutant.file).read_text(), mutant.test.partition('::')
    found = []
    if (count := source.count(mutant.old)) != 1:
        found.append(f'{mutant.file} has {count} times: {mutant.old}')
    elif not compiles(source.replace(mutant.old, mutant.new)):
        found.append(f'{mutant.file} is not Python with: {mutant.new}')
    if test.partition('[')[0] not in tests_of(file):
        found.append(f'there is no test {mutant.test}')
    return found


def compiles(source: str) -> bool:
    try:
        return bool(ast.parse(source))
    except SyntaxError:
        return False


@functools.cache
def tests_of(file: str) -> set[str]:
    path = ROOT / 'tests' / file
    nodes = ast.walk(ast.parse(path.read_text())) if path.is_file() else ()
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def run_tests(tests: list[str], mutant: Mutant | None = None) -> tuple[int, str]:
    """Exit code of pytest, and the end of what it prints."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(FROM_OUTSIDE)}
    if mutant:
        module = mutant.file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')
        env['MUTANT'] = json.dumps([module, mutant.old, mutant.new])
        env['PYTHONPATH'] = os.pathsep.join([str(HOOK), *filter(None, [env.get('PYTHONPATH')])])
    with tempfile.TemporaryDirectory() as folder:  # of its own: pytest removes the older of a common one
        command = [sys.executable, '-m', 'pytest', '-q', '-x', '-m', '', '-p', 'no:cacheprovider', '--tb=line',
                   f'--basetemp={folder}/tests', *(f'tests/{test}' for test in tests)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.returncode, f'{done.stdout}{done.stderr}'[-2000:]


def verdict(mutant: Mutant) -> str:
    """'' if the test fails on the mutant, as it should; else what happens instead."""
    code, output = run_tests([mutant.test], mutant)
    if code == 1:
        return ''
    place = f'{mutant.file}: {mutant.new.strip()}'
    return f'SURVIVES {mutant.test}\n  {place}' if code == 0 else f'NOT RUN {mutant.test}\n  {place}\n{output}'


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in f'{m.file} {m.test} {m.why}' for word in words)]
    outdated = [problem for mutant in chosen for problem in problems(mutant)]
    if not chosen or outdated:
        print(*outdated or ['no mutant has these words'], sep='\n')
        return 1
    code, output = run_tests(sorted({mutant.test for mutant in chosen}))
    if code:
        print(f'the tests fail without a mutant:\n{output}')
        return 1
    survivors = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for mutant, outcome in zip(chosen, pool.map(verdict, chosen), strict=True):
            print(outcome or f'caught {mutant.file}: {mutant.why}', flush=True)
            survivors += bool(outcome)
    print(f'{len(chosen) - survivors} of {len(chosen)} mutants are caught')
    return int(survivors > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
