"""Weights on the hub: pushed to and fetched from a server on this machine that speaks what huggingface_hub asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from commands import ROOT, toolbox
from test_fine_tuning import log_of, runner_of, trained
from test_inference import cyclegan, image, save
from test_sampling import GAN

from toolbox import Sampler, Translator
from toolbox import train as toolbox_train
from toolbox.data.io import write_image
from toolbox.engine.facts import kept_facts
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.files.hub import fetch
from toolbox.hooks.results import add_rows
from toolbox.use.publishing import published

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
POINTS = 'configs/gan/synthetic.py'
TOKEN = 'hf_' + 'secretsecret'
EVALUATION = dict(type='PairedDataset', data_root='/home/alice/private', pipeline=[dict(type='Resize', size=[24, 32])])


class Hub(BaseHTTPRequestHandler):
    """The few endpoints; state is that of the server: repositories, each a list of commits, each files by name."""

    protocol_version = 'HTTP/1.1'

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        _, owner, name, *rest = unquote(self.path).split('/')
        commits = self.server.repos.get(f'{owner}/{name}')
        if commits is None or (self.server.private and self.headers.get('Authorization') != f'Bearer {TOKEN}'):
            return self.say(404, {'error': 'x'}, {'X-Error-Code': 'RepoNotFound'})
        revision, file = rest[1], '/'.join(rest[2:])
        number = len(commits) - 1 if revision == 'main' else next(
            (i for i in range(len(commits)) if self.oid(i) == revision), None)
        if number is None:
            return self.say(404, {'error': 'x'}, {'X-Error-Code': 'RevisionNotFound'})
        if file not in commits[number]:
            return self.say(404, {'error': 'x'}, {'X-Error-Code': 'EntryNotFound', 'X-Repo-Commit': self.oid(number)})
        content = commits[number][file]
        headers = {'X-Repo-Commit': self.oid(number), 'ETag': f'"{hashlib.sha256(content).hexdigest()}"'}
        return self.say(200, content, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        self.server.asked.append(self.path)
        if self.headers.get('Authorization') != f'Bearer {TOKEN}':
            return self.say(401, {'error': f'Invalid credentials: {self.headers.get("Authorization")}'})
        if self.path == '/api/repos/create':
            asked = json.loads(body)
            repo = f'{asked["organization"]}/{asked["name"]}'
            self.server.private = asked.get('visibility') == 'private'
            self.server.repos.setdefault(repo, [])
            return self.say(200, {'url': f'{self.server.url}/{repo}', 'name': repo, 'id': repo})
        if '/preupload/' in self.path:
            files = [dict(path=file['path'], shouldIgnore=False, uploadMode='lfs' if file['path'].endswith(
                '.safetensors') else 'regular') for file in json.loads(body)['files']]
            return self.say(200, {'files': files})
        if self.path.endswith('/info/lfs/objects/batch'):
            objects = [dict(one, actions=dict(upload=dict(href=f'{self.server.url}/lfs/{one["oid"]}')))
                       for one in json.loads(body)['objects']]
            return self.say(200, {'transfer': 'basic', 'objects': objects})
        if self.path == '/api/validate-yaml':
            return self.say(200, {'errors': [], 'warnings': []})
        assert '/commit/' in self.path
        lines = [json.loads(line) for line in body.splitlines()]
        files = {line['value']['path']: base64.b64decode(line['value']['content'])
                 for line in lines if line['key'] == 'file'}
        files |= {line['value']['path']: self.server.large[line['value']['oid']]
                  for line in lines if line['key'] == 'lfsFile'}
        commits = self.server.repos['/'.join(self.path.split('/')[3:5])]
        commits.append({**(commits[-1] if commits else {}), **files})
        return self.say(200, {'commitUrl': f'{self.server.url}/x/y/commit/1', 'commitOid': self.oid(len(commits) - 1),
                              'hookOutput': ''})

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers['Content-Length']))
        self.server.large[hashlib.sha256(content).hexdigest()] = content
        self.say(200, {})

    @staticmethod
    def oid(number: int) -> str:
        return f'{number + 1:040x}'

    def say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in {'Content-Length': str(len(body)), 'Content-Type': 'application/json',
                           **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    package = pytest.importorskip('huggingface_hub',
                                  reason="needs huggingface_hub: pip install -c constraints.txt -e '.[hub]'")
    with ThreadingHTTPServer(('127.0.0.1', 0), Hub) as server:
        server.daemon_threads = True
        server.repos, server.large, server.asked, server.private = {}, {}, [], False
        server.url = f'http://127.0.0.1:{server.server_port}'
        address = server.url + '/{repo_id}/resolve/{revision}/{filename}'
        for name, value in (('ENDPOINT', server.url), ('HUGGINGFACE_CO_URL_TEMPLATE', address),
                            ('HF_HUB_CACHE', str(tmp_path / 'cache')), ('HF_XET_CACHE', str(tmp_path / 'xet')),
                            ('HF_HUB_OFFLINE', False),
                            ('HF_HUB_DISABLE_XET', True)):
            monkeypatch.setattr(f'huggingface_hub.constants.{name}', value)
        monkeypatch.setenv('HF_TOKEN', TOKEN)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        package.close_session()


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work directory with scores, samples, and things that are nobody's business in its config."""
    folder = tmp_path_factory.mktemp('run')
    config = dict(model=cyclegan(), work_dir='/home/alice/runs', val_dataloader=dict(dataset=EVALUATION),
                  train_dataloader=dict(dataset=dict(EVALUATION, data_root='/home/alice/more')),
                  visualizer=dict(vis_backends=[dict(type='WandbVisBackend', init_kwargs=dict(key='wandb-secret'))]))
    save(folder / 'iter_7.pth', cyclegan(), config=config, meta=dict(iter=7, seed=3))
    (folder / 'last_checkpoint').write_text('iter_7.pth')
    write_image(folder / 'samples/latest.png', image(20, 30))
    add_rows(folder, [dict(stage='val', iteration='7', name='FID|<b>', value='12.5', data='Pairs mine',
                           protocol='InceptionV3, 100 outputs')])
    return folder


def push(run: Path, *argv: str) -> tuple[int, str, str]:
    return toolbox('push', str(run), 'alice/zebras', '--license', 'cc-by-nc-4.0', '--data', 'horse2zebra', *argv)


def test_what_is_pushed_translates_as_the_run_does(hub: Any, run: Path, tmp_path: Path) -> None:
    code, out, err = push(run)
    assert code == 0, err
    first = re.search(r"Translator\('(hf://alice/zebras@\w{40})'\)", out)[1]
    assert {*hub.repos['alice/zebras'][0]} == {'README.md', 'config.json', 'model.safetensors', 'samples.png'}
    photo, expected = image(20, 31), Translator(run, device='cpu')
    for address in ('hf://alice/zebras', first):
        fetched = Translator(address, device='cpu')
        for direction in ('AtoB', 'BtoA'):
            np.testing.assert_array_equal(fetched(photo, direction), expected(photo, direction))
    assert fetched.prepare.size(100, 100) == expected.prepare.size(100, 100) == (24, 32)
    asked = {path.rpartition('/')[2] for path in hub.asked if '/resolve/' in path}
    assert asked == {'model.safetensors'}, 'nothing else is even fetched'

    other = save(tmp_path / 'other.pth', cyclegan(), seed=5)
    assert toolbox('push', str(other), 'alice/zebras', '--license', 'mit', '--data', 'x')[0] == 0
    np.testing.assert_array_equal(Translator('hf://alice/zebras', device='cpu')(photo),
                                  Translator(other, device='cpu')(photo))
    np.testing.assert_array_equal(Translator(first, device='cpu')(photo), expected(photo), 'a revision is for ever')
    (tmp_path / 'in').mkdir()
    write_image(tmp_path / 'in/x.png', photo)
    assert toolbox('translate', first, str(tmp_path / 'in'), str(tmp_path / 'out'), '--device', 'cpu')[0] == 0
    gan = save(tmp_path / 'gan.pth', GAN)
    assert toolbox('push', str(gan), 'alice/digits', '--license', 'mit', '--data', 'digits')[0] == 0
    np.testing.assert_array_equal(Sampler('hf://alice/digits', 'cpu').sample(3), Sampler(gan, 'cpu').sample(3))
    assert "Sampler('hf://alice/digits').sample(8" in hub.repos['alice/digits'][0]['README.md'].decode()


def test_the_card_tells_what_it_is_and_nothing_that_is_private(run: Path, tmp_path: Path) -> None:
    code, out, err = push(run, '--dry-run', str(tmp_path / 'card'))
    assert code == 0 and 'nothing was sent' in out, err
    card = (tmp_path / 'card/README.md').read_text()
    head, text = card.removeprefix('---\n').split('\n---\n')
    assert head.splitlines()[:3] == ['license: cc-by-nc-4.0', 'library_name: gan-toolbox',
                                     'pipeline_tag: image-to-image']
    assert 'CycleGAN, trained on horse2zebra for 7 iterations with the seed 3' in text
    assert '| 7 | 12.5 |' in text and 'InceptionV3, 100 outputs' in text and 'FID\\|&lt;b>' in text
    assert "Translator('hf://alice/zebras', 'AtoB')" in text and '](samples.png)' in text
    assert json.loads((tmp_path / 'card/config.json').read_text())['config']['model'] == cyclegan()
    for file in (tmp_path / 'card').iterdir():
        for secret in (b'alice/', b'wandb', b'work_dir', b'data_root'):
            assert secret not in file.read_bytes().replace(b'alice/zebras', b''), (file, secret)
    assert published(read_checkpoint(run / 'iter_7.pth')['config'])['val_dataloader'] == dict(
        dataset=dict(type='PairedDataset', pipeline=EVALUATION['pipeline']))


@pytest.mark.fault
def test_what_the_hub_refuses_is_one_sentence_without_the_token(hub: Any, run: Path, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    with pytest.raises(CheckpointError, match='there is no such repository, or it is private') as error:
        Translator('hf://alice/none')
    said.append(error)
    push(run, '--private')
    with pytest.raises(CheckpointError, match='no such revision') as error:
        Translator('hf://alice/zebras@v9')
    said.append(error)
    hub.repos['alice/empty'] = [{'README.md': b'x'}]
    with pytest.raises(CheckpointError, match=r'holds no model.safetensors, so that no toolbox push'):
        Translator('hf://alice/empty')
    for wrong in ('hf://alice', 'hf://alice/../x', 'hf://a/b@', 'hf://a/b/c', 'hf://a/b@../x y'):
        with pytest.raises(ConfigError, match='expected hf://user/name or hf://user/name@revision'):
            fetch(wrong)
    with pytest.raises(ConfigError, match=r"'best' means nothing.*hf://user/name@REVISION"):
        Translator('hf://alice/zebras', checkpoint='best')
    for bad in (f'{TOKEN}x', f'{TOKEN}\nx'):
        monkeypatch.setenv('HF_TOKEN', bad)
        code, out, err = push(run)
        assert code == 2 and 'hf://alice/zebras: ' in err and 'secret' not in out + err, err
        with pytest.raises(CheckpointError, match='hf://alice/zebras: ') as error:
            Translator('hf://alice/zebras')
        said.append(error)
    assert all('secret' not in str(e.value) and e.value.__suppress_context__ for e in said)
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    code, _, err = toolbox('test', 'cyclegan/synthetic', 'hf://alice/zebras')
    assert code == 2 and '--work-dir' in err
    for argv, text in ((('--license', 'MIT License'), 'expected an identifier'), (('--data', ' '), '--data')):
        code, _, err = push(run, *argv, '--dry-run', str(tmp_path / 'x'))
        assert code == 2 and text in err
    assert 'expected the name of a repository' in toolbox('push', str(run), 'x', '--license', 'mit', '--data', 'x')[2]


@pytest.mark.fault
def test_without_a_connection_it_is_what_was_fetched_last(hub: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(run)
    photo = image(20, 20)
    expected = Translator('hf://alice/zebras', device='cpu')(photo)
    hub.shutdown()
    hub.server_close()
    sys.modules['huggingface_hub'].close_session()
    monkeypatch.setattr('huggingface_hub.utils._http.time.sleep', lambda _: None)  # between its attempts
    np.testing.assert_array_equal(Translator('hf://alice/zebras', device='cpu')(photo), expected)
    with pytest.raises(CheckpointError, match='it cannot be reached, and is not in the cache'):
        Translator('hf://alice/other')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    np.testing.assert_array_equal(Translator('hf://alice/zebras', device='cpu')(photo), expected)
    with pytest.raises(CheckpointError, match='not in the cache'):
        Translator('hf://alice/other')


@pytest.mark.fault
def test_files_of_the_hub_go_through_the_reader_of_strangers(hub: Any, run: Path) -> None:
    push(run)
    whole = hub.repos['alice/zebras'][0]['model.safetensors']
    for content, text in ((b'\x80\x04cos\nsystem\n', 'damaged, or not a safetensors file'), (whole[:-50], 'damaged'),
                          (whole.replace(b'ResnetGenerator', b'torch.os.system'), 'not')):
        hub.repos['alice/zebras'].append({'model.safetensors': content})
        with pytest.raises((CheckpointError, ConfigError), match=text):
            Translator('hf://alice/zebras', device='cpu')


@pytest.mark.fault
def test_a_missing_package_is_one_error_with_its_install_line(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ConfigError, match=r"pip install 'gan-toolbox\[hub\]'"):
        Translator('hf://alice/zebras')
    with pytest.raises(ConfigError, match=r"pip install 'gan-toolbox\[hub\]'"):
        toolbox_train(POINTS, load_from='hf://alice/zebras', work_dir=str(tmp_path))


def test_a_training_starts_from_the_hub(hub: Any, tmp_path: Path, images: Path) -> None:
    source = trained(POINTS, tmp_path / 'old', images)
    assert toolbox('push', str(source), 'alice/ring', '--license', 'mit', '--data', 'ring')[0] == 0
    assert kept_facts({'load_from': 'hf://alice/ring'}) == kept_facts({'load_from': source})
    runner = runner_of(POINTS, tmp_path / 'new', images, load_from='hf://alice/ring', **{
        'randomness.seed': 5, 'optim_wrapper.G.optimizer.lr': 0.0})
    runner.train()
    saved = read_checkpoint(source)['state_dict']
    for name, value in runner.model.named_parameters():
        assert value.equal(saved[name]) == name.startswith('G.'), name
    assert 'load_from: hf://alice/ring has no weights of D, which starts untrained' in log_of(tmp_path / 'new')
    assert "load_from = 'hf://alice/ring'" in (tmp_path / 'new/config.py').read_text()


def test_the_commands_of_the_page_run(hub: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'work_dirs').mkdir()
    (tmp_path / 'work_dirs/horse2zebra').symlink_to(run)
    write_image(tmp_path / 'horses/x.png', image(20, 20))
    page = (ROOT / 'docs/hub.md').read_text()
    lines = [line.partition(' #')[0] for block in re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
             for line in block.splitlines() if line.startswith('toolbox ')]
    assert len(lines) >= 3
    for line in lines:
        line = line.replace('@REVISION', f'@{Hub.oid(0)}')
        assert toolbox(*shlex.split(line)[1:])[0] == 0, line
    assert (tmp_path / 'zebras/x.png').exists() and (tmp_path / 'card/README.md').exists()
