"""The service: what programs get over HTTP, what strangers do not, and what happens when many ask at once."""

from __future__ import annotations

import http.client
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, toolbox
from PIL import Image
from test_inference import cyclegan, image, save
from test_label_maps import PORT, painter, scene

from toolbox import Translator
from toolbox.cli import serve
from toolbox.data.io import read_image, write_image
from toolbox.data.semantics import coloured
from toolbox.errors import ConfigError
from toolbox.serving import http as http_module
from toolbox.serving.http import Server
from toolbox.serving.service import MOST_PIXELS, Service

PNG, BYTES = 'image/png', 'application/octet-stream'
HOLES = {'type': 'HoleFiller', 'G': {'type': 'StrangeNet', 'in_channels': 4}}


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, 'PNG')
    return file.getvalue()


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@contextmanager
def served(service: Service, **options: Any) -> Iterator[Server]:
    with Server(service.routes(), **options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope='module')
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(save(tmp_path_factory.mktemp('run') / 'a.pth', cyclegan(), std=0.05), device='cpu')


@pytest.fixture(scope='module')
def styled(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(painter(tmp_path_factory.mktemp('run') / 'a.pth', 24, 32), 'restyle', device='cpu')


@pytest.fixture(scope='module')
def server(translator: Translator) -> Iterator[Server]:
    with served(Service(translator)) as running:
        yield running


def ask(server: Server, method: str, path: str, body: bytes | None = None, kind: str = PNG,
        **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection('127.0.0.1', server.server_port, timeout=30)
    try:
        connection.request(method, path, body, {**({'Content-Type': kind} if method == 'POST' else {}),
                                                **{name.replace('_', '-'): value for name, value in headers.items()}})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def form(**parts: bytes | str) -> tuple[bytes, str]:
    """A body of multipart/form-data as curl -F and browsers write it, and its type."""
    pieces = [b'--XxYy\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name.encode(), b'' if isinstance(value, str) else b'; filename="../../x.png"\r\nContent-Type: image/png',
        value.encode() if isinstance(value, str) else value) for name, value in parts.items()]
    return b''.join(pieces) + b'--XxYy--\r\n', 'multipart/form-data; boundary=XxYy'


def sentence(body: bytes) -> str:
    return json.loads(body)['error']


# What programs get


def test_an_image_goes_in_and_its_translation_comes_out(server: Server, translator: Translator) -> None:
    photo, deep = image(20, 31), image(20, 31, 1, np.uint16)[:, :, 0]
    status, headers, body = ask(server, 'POST', '/translate', png(photo))
    assert (status, headers['Content-Type']) == (200, PNG)
    np.testing.assert_array_equal(pixels(body), translator(photo))
    for path, kind, sent in (('/translate?direction=BtoA', BYTES, png(photo)),
                             ('/translate', *form(image=png(photo), direction='BtoA')[::-1]),
                             ('/translate', *form(B=png(photo), direction='BtoA')[::-1]),
                             ('/translate?direction=BtoA', *form(image=png(photo))[::-1])):
        status, _, body = ask(server, 'POST', path, sent, kind)
        assert status == 200, body
        np.testing.assert_array_equal(pixels(body), translator(photo, 'BtoA'))
    status, headers, body = ask(server, 'POST', '/translate?format=npy', png(deep))
    np.testing.assert_array_equal(np.load(io.BytesIO(body)), translator(deep))
    assert np.load(io.BytesIO(body)).dtype == np.uint16
    status, headers, body = ask(server, 'POST', '/translate?format=jpg', png(photo))
    assert headers['Content-Type'] == 'image/jpeg' and pixels(body).shape == (20, 31, 3)


def test_styles_and_further_inputs_are_fields_of_a_form(styled: Translator, tmp_path: Path) -> None:
    photo, labels = image(20, 20), scene()
    with served(Service(styled)) as server:
        for parts, guide in ((dict(labels=png(labels), seed='7'), dict(seed=7)),
                             (dict(image=png(coloured(labels, PORT.palette)), reference=png(photo)),
                              dict(reference=photo))):
            body, kind = form(**parts)
            status, _, body = ask(server, 'POST', '/translate', body, kind)
            assert status == 200, body
            np.testing.assert_array_equal(pixels(body), styled(labels, **guide))
        assert not np.array_equal(styled(labels, seed=7), styled(labels, seed=8))
        info = json.loads(ask(server, 'GET', '/info')[2])
        assert info['directions']['restyle'] == dict(
            inputs=[dict(name='labels', kind='labels', classes=4), dict(name='instances', kind='instances')],
            scale=1, options=['seed', 'reference'])
        assert info['size'] == dict(height=24, width=32)
    filler = Translator(save(tmp_path / 'a.pth', HOLES), device='cpu')
    mask = 255 * (np.arange(32 * 32).reshape(32, 32) % 7 < 3).astype(np.uint8)
    with served(Service(filler)) as server:
        body, kind = form(image=png(image(32, 32)), mask=png(mask))
        status, _, body = ask(server, 'POST', '/translate', body, kind)
        np.testing.assert_array_equal(pixels(body), filler(dict(img=image(32, 32), mask=mask)))
        assert 'takes' in sentence(ask(server, 'POST', '/translate', png(image(32, 32)))[2])


def test_facts_and_health_are_told(server: Server, translator: Translator) -> None:
    assert json.loads(ask(server, 'GET', '/health')[2]) == dict(status='ok')
    info = json.loads(ask(server, 'GET', '/info')[2])
    assert info['method'] == 'CycleGAN' and [*info['directions']] == ['AtoB', 'BtoA'] and info['direction'] == 'AtoB'
    assert info['directions']['AtoB'] == dict(inputs=[dict(name='A', kind='image')], scale=1, options=[])
    assert info['most_pixels'] == MOST_PIXELS and str(translator.path.parent) not in json.dumps(info)
    for path, kind in (('/', 'text/html'), ('/page.js', 'text/javascript'), ('/page.css', 'text/css'),
                       ('/common.css', 'text/css')):
        status, headers, body = ask(server, 'GET', path)
        assert status == 200 and headers['Content-Type'].startswith(kind) and len(body) > 500
        assert "default-src 'self'" in headers['Content-Security-Policy'] and 'Access-Control' not in str(headers)


def test_curl_s_question_before_a_large_body_is_answered_when_the_body_will_be_read(server: Server) -> None:
    body = png(image(20, 20))
    with socket.create_connection(('127.0.0.1', server.server_port), 10) as client:
        head = (f'POST /translate HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nContent-Type: image/png\r\n'
                f'Content-Length: {{}}\r\nExpect: 100-continue\r\n\r\n')
        client.sendall(head.format(len(body)).encode())
        assert client.recv(100).startswith(b'HTTP/1.1 100 Continue\r\n\r\n')
        client.sendall(body)
        assert client.recv(100).startswith(b'HTTP/1.1 200')
    with socket.create_connection(('127.0.0.1', server.server_port), 10) as client:
        client.sendall(head.format(2**34).encode())
        assert client.recv(100).startswith(b'HTTP/1.1 413')


# What strangers do not get

GOOD = png(image(20, 20))
HEAD = b'IHDR' + (10000).to_bytes(4, 'big') * 2 + b'\x08\x02\0\0\0'
HUGE = GOOD[:8] + (13).to_bytes(4, 'big') + HEAD + zlib.crc32(HEAD).to_bytes(4, 'big') + GOOD[33:]
HOSTILE: dict[str, tuple[int, str, str, Any, dict[str, str]]] = {
    'a path out of the folder': (404, 'no such page', '/../../etc/passwd', None, {}),
    'the same in disguise': (404, 'no such page', '/%2e%2e/service.py', None, {}),
    'another name of this server': (403, 'nobody but itself', '/info', None, {'Host': 'evil.example:80'}),
    'a page of another origin': (403, 'nobody but itself', '/translate', GOOD, {'Origin': 'http://evil.example'}),
    'a sandboxed page': (403, 'nobody but itself', '/translate', GOOD, {'Origin': 'null'}),
    'a form of another kind': (400, 'Content-Type: expected image/ or', '/translate', GOOD,
                               {'Content_Type': 'text/plain'}),
    'a file that is too large': (413, '4096 MB is too large', '/translate', b'x', {'Content_Length': str(2**32)}),
    'a length that is none': (400, 'Content-Length: expected', '/translate', b'x', {'Content_Length': '-1'}),
    'a body in pieces': (400, 'Content-Length: expected', '/translate', b'x', {'Transfer_Encoding': 'chunked'}),
    'no image': (400, 'not a readable image', '/translate', b'#!/bin/sh', {}),
    'nothing': (400, 'no image in the request|empty', '/translate', b'', {}),
    'half an image': (400, 'cut short', '/translate', GOOD[:-40], {}),
    'a bomb': (400, 'A: .*10000x10000 pixels .* too large: at most 4194304', '/translate', HUGE, {}),
    'an archive': (400, 'archives are not taken', '/translate', b'PK\x03\x04' + b'\0' * 99, {}),
    'a pickle in an array': (400, 'no readable array|allow_pickle', '/translate',
                             b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
                             + b' ' * 59 + b'\n\x80\x04N.', {}),
    'another direction': (400, "direction: expected one of .'AtoB', 'BtoA'.", '/translate?direction=../x', GOOD, {}),
    'a field of no meaning': (400, "not at 'path'", '/translate?path=/etc/passwd', GOOD, {}),
    'an option that it does not have': (400, "AtoB looks at \\['A'\\] and \\[\\], but not at 'seed'",
                                        '/translate?seed=1', GOOD, {}),
    'a format': (400, 'format: expected one of', '/translate?format=exe', GOOD, {}),
    'a field twice': (400, 'given twice', '/translate?direction=AtoB&direction=BtoA', GOOD, {}),
    'many fields': (400, 'cannot be read', '/translate?' + '&'.join(f'a{i}=1' for i in range(30)), GOOD, {}),
    'a form without a boundary': (400, 'names no boundary', '/translate', GOOD,
                                  {'Content_Type': 'multipart/form-data'}),
    'a form that ends early': (400, 'ends too early', '/translate', form(image=GOOD)[0][:-6],
                               {'Content_Type': form()[1]}),
    'a form of many parts': (400, 'more than 20 parts', '/translate', form(**{f'p{i}': 'x' for i in range(40)})[0],
                             {'Content_Type': form()[1]}),
    'a part without a name': (400, 'a part has no name', '/translate', b'--XxYy\r\n\r\n\r\nx\r\n--XxYy--',
                              {'Content_Type': form()[1]}),
    'two images of one name': (400, 'two parts', '/translate', form(image=GOOD)[0][:-10] + form(image=GOOD)[0],
                               {'Content_Type': form()[1]}),
}


@pytest.mark.fault
@pytest.mark.parametrize('case', HOSTILE)
def test_a_hostile_request_to_the_service_is_answered_by_a_sentence(server: Server, translator: Translator, case: str,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    expected, text, path, body, headers = HOSTILE[case]
    headers = dict(headers)
    kind = headers.pop('Content_Type', PNG)
    status, _, answer = ask(server, 'GET' if body is None else 'POST', path, body, kind, **headers)
    assert status == expected and re.search(text, sentence(answer)), answer
    assert str(translator.path.parent) not in sentence(answer)
    assert 'Traceback' not in capsys.readouterr().err
    assert ask(server, 'GET', '/health')[0] == 200


@pytest.mark.fault
def test_results_larger_than_allowed_and_options_that_are_no_numbers_are_refused(styled: Translator,
                                                                                 translator: Translator) -> None:
    with served(Service(styled)) as server:
        for seed, text in (('-1', 'seed: expected a whole number'), ('9' * 30, 'seed: expected'), ('1.5', 'seed: exp')):
            body, kind = form(image=png(scene()), seed=seed)
            status, _, answer = ask(server, 'POST', '/translate', body, kind)
            assert status == 400 and text in sentence(answer)
    with served(Service(translator, most_pixels=399)) as server:
        assert 'at most 399 are taken' in sentence(ask(server, 'POST', '/translate', GOOD)[2])
    small = Service(translator, most_pixels=400)
    with served(small) as server, pytest.MonkeyPatch.context() as patch:
        assert ask(server, 'POST', '/translate', GOOD)[0] == 200
        patch.setattr(translator, 'size_of', lambda *_: (100, 65))
        assert 'the result would have 100x65 pixels' in sentence(ask(server, 'POST', '/translate', GOOD)[2])


def until(is_so: Callable[[], bool]) -> None:
    """Wait; what has not come about in a minute never will."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.fault
def test_a_slow_client_is_left_and_does_not_hold_up_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, 'SILENT', 0.3)
    monkeypatch.setattr(http_module, 'LONGEST', 2.0)
    head = (f'POST /translate HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nContent-Type: image/png\r\n'
            f'Content-Length: 1000\r\n\r\n').encode()
    with socket.create_connection(('127.0.0.1', server.server_port), 60) as silent, \
            socket.create_connection(('127.0.0.1', server.server_port), 60) as drop, \
            socket.create_connection(('127.0.0.1', server.server_port), 60) as wordless:
        start = time.monotonic()
        silent.sendall(head + b'x')
        drop.sendall(head)
        while time.monotonic() < start + 0.8:  # never silent for long, and never done
            drop.sendall(b'x')
            time.sleep(0.1)
        assert ask(server, 'POST', '/translate', GOOD)[0] == 200
        assert silent.recv(20).startswith(b'HTTP/1.1 408')
        assert drop.recv(20).startswith(b'HTTP/1.1 408')
        assert wordless.recv(20) == b'', 'closed'


@pytest.mark.fault
def test_when_too_many_wait_more_are_sent_away_and_told_when_to_come_again(translator: Translator,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, 'CONNECTIONS', 3)
    with served(Service(translator), queue=1) as server, server.turn, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, 'POST', '/translate', GOOD)
        until(lambda: not server.seats._value)
        status, headers, body = ask(server, 'POST', '/translate', GOOD)
        assert (status, headers['Retry-After']) == (503, '1') and 'Too many requests' in sentence(body)
        assert ask(server, 'GET', '/health')[0] == 200
        until(lambda: server.room._value == 2)  # all but the one that waits have left
        with socket.create_connection(('127.0.0.1', server.server_port)), \
                    socket.create_connection(('127.0.0.1', server.server_port)):
            until(lambda: not server.room._value)
            assert ask(server, 'GET', '/health')[0] == 503
        server.turn.release()
        assert waiting.result()[0] == 200
        until(lambda: server.room._value == 3)
        assert ask(server, 'POST', '/translate', GOOD)[0] == 200, 'its seat is free again'
        server.turn.acquire()
    with pytest.raises(ConfigError, match='queue: expected 1 or more'):
        Server(server.routes, queue=0)


def test_names_that_the_owner_gives_are_those_of_the_server(translator: Translator) -> None:
    with served(Service(translator), names=['gpu.example']) as server:
        for host, status in (('gpu.example', 200), ('GPU.example:443', 200), ('cpu.example', 403)):
            assert ask(server, 'GET', '/health', Host=host)[0] == status
        assert ask(server, 'GET', '/health', Host='gpu.example', Origin='https://gpu.example')[0] == 200


@pytest.mark.parametrize(('host', 'names'), [
    ('127.0.0.1', ('127.0.0.1', 'localhost', 'LOCALHOST')), ('127.0.0.2', ('127.0.0.2', 'localhost')),
    ('0.0.0.0', ('127.0.0.1', 'localhost', '10.0.0.7'))])
def test_a_server_answers_at_the_addresses_that_lead_to_it(host: str, names: tuple[str, ...],
                                                           translator: Translator) -> None:
    with served(Service(translator), host=host) as server:
        for name in names:
            assert server.is_ours(f'{name}:{server.server_port}'), name
            assert not server.is_ours(f'{name}:{server.server_port + 1}')
        assert not server.is_ours(f'evil.example:{server.server_port}')


def line(server: Server, first: str) -> bytes:
    """The answer to a request with this first line."""
    with socket.create_connection(('127.0.0.1', server.server_port), 10) as client:
        client.sendall(f'{first} HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n'.encode())
        return b''.join(iter(lambda: client.recv(4096), b''))


def test_an_address_that_is_none_is_answered_by_a_sentence(server: Server) -> None:
    answer = line(server, 'GET http://[/')
    assert answer.startswith(b'HTTP/1.1 400') and b'http://[/: no address' in answer


def test_probes_ask_for_the_head_alone(server: Server) -> None:
    answer = line(server, 'HEAD /health')
    length = len(ask(server, 'GET', '/health')[2])
    assert answer.startswith(b'HTTP/1.1 200') and answer.endswith(b'\r\n\r\n') and length
    assert f'Content-Length: {length}\r\n'.encode() in answer


# Many at once

OPENED: list[str] | None = None


def _note(event: str, args: tuple[Any, ...]) -> None:
    if OPENED is not None and event == 'open' and not isinstance(args[0], int) and (
            set('wax+') & set(str(args[1] or '')) or int(args[2] or 0) & 0o3):
        OPENED.append(str(args[0]))


def resident() -> int:
    return int(re.search(r'VmRSS:\s+(\d+)', Path('/proc/self/status').read_text())[1]) << 10


@pytest.mark.fault
@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_two_hundred_at_once_are_answered_or_sent_away_in_bounded_memory_without_a_file(
        translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    global OPENED
    monkeypatch.setattr(http_module, 'SILENT', 2.0)
    cases = [case for case in HOSTILE if 'the folder' not in case]
    large = image(700, 700).tobytes()  # 1.5 MB that are no image
    expected = translator(image(20, 20))

    def client(number: int) -> tuple[int, bool]:
        if number % 4 < 2:
            status, _, body = ask(server, 'POST', '/translate', GOOD)
            return status, status != 200 or np.array_equal(pixels(body), expected)
        if number % 4 == 2:
            return ask(server, 'POST', '/translate', large)[0], True
        wanted, _, path, body, headers = HOSTILE[cases[number // 4 % len(cases)]]
        headers = dict(headers)
        kind = headers.pop('Content_Type', PNG)
        status = ask(server, 'GET' if body is None else 'POST', path, body, kind, **headers)[0]
        return status, status in (wanted, 503)

    sys.addaudithook(_note)
    with served(Service(translator), queue=8) as server:
        ask(server, 'POST', '/translate', GOOD)
        before, OPENED = resident(), []
        with ThreadPoolExecutor(200) as pool:
            answers = [*pool.map(client, range(200))]
        grown, written = resident() - before, OPENED
        OPENED = None
        assert all(is_right for _, is_right in answers)
        counts = Counter(status for status, _ in answers)
        assert set(counts) <= {200, 400, 403, 404, 413, 503} and counts[200] >= 8 and counts[503], counts
        assert grown < 200 * 2**20 and written == []
        until(lambda: server.seats._value == 8 and server.room._value == http_module.CONNECTIONS)
        assert ask(server, 'POST', '/translate', GOOD)[0] == 200


# The command


def test_the_command_serves_a_page_to_paint_on_for_label_maps_and_examples_for_images(
        translator: Translator, styled: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / '2.png', image(20, 20))
    write_image(tmp_path / 'a/10.jpg', image(20, 20))
    found: dict[str, Any] = {}

    def look(server: Server, what: str) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        found['page'] = ask(server, 'GET', '/')[2].decode()
        found['info'] = json.loads(ask(server, 'GET', '/info')[2])
        found['example'] = [ask(server, 'GET', f'/examples/{name}')[2] for name in found['info']['examples']]
        found['picture'] = ask(server, 'POST', '/translate', png(scene()))[2]
        server.shutdown()
        thread.join()

    monkeypatch.setattr(http_module, 'run_until_interrupted', look)
    argv = ('--device', 'cpu', '--port', '0', '--images', str(tmp_path))
    assert toolbox('serve', str(translator.path), *argv)[0] == 0
    assert 'Translate an image' in found['page'] and found['info']['examples'] == ['0.png', '1.jpg']
    assert found['example'] == [(tmp_path / '2.png').read_bytes(), (tmp_path / 'a/10.jpg').read_bytes()]
    assert toolbox('serve', str(styled.path), *argv, '--direction', 'restyle')[0] == 0
    assert 'Paint a label map' in found['page'] and found['info']['method'] == 'MapPainter'
    np.testing.assert_array_equal(pixels(found['picture']), styled(scene()))
    code, _, err = toolbox('serve', str(translator.path), '--device', 'cpu', '--images', str(tmp_path / 'none'))
    assert code == 2 and 'No such folder' in err
    assert 'curl' in str(serve.__doc__)


def test_the_commands_of_the_page_run(translator: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curl = shutil.which('curl') or pytest.skip('needs curl')
    (tmp_path / 'work_dirs').mkdir()
    (tmp_path / 'work_dirs/horse2zebra').symlink_to(translator.path.parent)
    (translator.path.parent / 'last_checkpoint').write_text('iter_7.pth')
    shutil.copy(translator.path, translator.path.with_name('iter_7.pth'))
    write_image(tmp_path / 'horses/horse.jpg', image(20, 20))
    shutil.copy(tmp_path / 'horses/horse.jpg', tmp_path / 'horse.jpg')
    monkeypatch.chdir(tmp_path)
    block, = re.findall(r'```bash\n(.*?)```', (ROOT / 'docs/serve.md').read_text(), re.DOTALL)
    command, *curls = block.splitlines()
    said: list[str] = []

    def answer(server: Server, what: str) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        for line in curls:
            line = line.replace('curl ', f'{curl} -sS ', 1).replace(':8080', f':{server.server_port}')
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=True)
            said.append(done.stdout)
        server.shutdown()
        thread.join()

    monkeypatch.setattr(http_module, 'run_until_interrupted', answer)
    assert toolbox(*command.split()[1:], '--port', '0', '--device', 'cpu')[0] == 0
    np.testing.assert_array_equal(read_image('zebra.png'), translator('horse.jpg'))
    with Image.open('horse_again.jpg') as again:
        assert again.format == 'JPEG'
    assert json.loads(said[-2])['method'] == 'CycleGAN' and json.loads(said[-1]) == dict(status='ok')
