"""The page to paint on: what the model is asked, what HTTP lets through, and the page itself in a browser."""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import toolbox
from PIL import Image
from test_inference import cyclegan, save
from test_label_maps import CLASSES, PAINTER, PORT, painter, scene

from toolbox import Translator
from toolbox.data.io import read_image, read_numbers, write_image
from toolbox.data.semantics import coloured
from toolbox.errors import ConfigError, DataError
from toolbox.methods.directions import LabelMap
from toolbox.painting.painter import REFERENCES, Painter, packed, unpacked
from toolbox.painting.server import routes
from toolbox.serving import http as http_module
from toolbox.serving.http import Server

JSON, BYTES = 'application/json', 'application/octet-stream'


@pytest.fixture(scope='module')
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator(painter(tmp_path_factory.mktemp('run') / 'painter.pth', 24, 32), 'restyle', device='cpu')


@pytest.fixture(scope='module')
def page(translator: Translator) -> Iterator[Server]:
    """A page that is served to this process."""
    painter = Painter(translator)
    with Server(routes(painter)) as server:
        server.painter = painter
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def request(**changes: Any) -> dict[str, Any]:
    return {**packed(scene()), 'direction': 'restyle', 'seed': 3, 'reference': None, **changes}


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def stored(image: np.ndarray, suffix: str = '.png') -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, {'.png': 'PNG', '.jpg': 'JPEG'}[suffix])
    return file.getvalue()


# What the model is asked


def test_a_request_gives_the_picture_of_the_translator(translator: Translator) -> None:
    paint = Painter(translator)
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    np.testing.assert_array_equal(pixels(paint.picture(request())), translator(scene(), seed=3))
    assert not np.array_equal(pixels(paint.picture(request(seed=4))), translator(scene(), seed=3))
    kept = paint.reference(stored(photo))
    made = pixels(paint.picture(request(seed=None, reference=kept['reference'])))
    np.testing.assert_array_equal(made, translator(scene(), reference=photo))
    np.testing.assert_array_equal(pixels(base64.b64decode(kept['picture'])), photo)
    assert made.shape == (24, 32, 3)


def test_facts_tell_the_page_what_there_is(translator: Translator, tmp_path: Path) -> None:
    facts = Painter(translator).facts()
    assert json.loads(json.dumps(facts)) == facts and facts['objects']
    assert facts['classes'][2] == dict(name='car', colour=list(PORT.palette[2]))
    assert facts['directions'] == [dict(name='restyle', seed=True, reference=True),
                                   dict(name='paint', seed=True, reference=False)]
    np.testing.assert_array_equal(unpacked(facts['start']), np.zeros((24, 32)))
    write_image(tmp_path / 'x.png', coloured(np.kron(scene(), np.ones((2, 2), np.uint8)), PORT.palette))
    np.testing.assert_array_equal(Painter(translator, tmp_path / 'x.png').start, scene())
    assert Painter(translator, size=(10, 12)).start.shape == (10, 12)
    with pytest.raises(ConfigError, match='a label map of 10x2000 pixels: sides go from 1 to 1024'):
        Painter(translator, size=(10, 2000))


def test_a_label_map_goes_through_its_file_unchanged(translator: Translator, tmp_path: Path) -> None:
    paint = Painter(translator)
    file = paint.file(packed(scene()))
    (tmp_path / 'x.png').write_bytes(file)
    np.testing.assert_array_equal(read_numbers(tmp_path / 'x.png'), scene())
    np.testing.assert_array_equal(read_image(tmp_path / 'x.png'), coloured(scene(), PORT.palette))
    for data in (file, stored(coloured(scene(), PORT.palette)), stored(scene())):
        np.testing.assert_array_equal(unpacked(paint.read(data)), scene())
    numbered = Translator(save(tmp_path / 'a.pth', PAINTER, facts=dict(
        classes=list(CLASSES), palette=PORT.palette, unknown=False, numbers=[7, 3, 9, 200])), device='cpu')
    (tmp_path / 'y.png').write_bytes(Painter(numbered).file(packed(scene())))
    np.testing.assert_array_equal(read_numbers(tmp_path / 'y.png'), np.array([7, 3, 9, 200])[scene()])
    np.testing.assert_array_equal(read_image(tmp_path / 'y.png'), coloured(scene(), PORT.palette))
    np.testing.assert_array_equal(numbered(tmp_path / 'y.png'), numbered(scene()))
    paint.port = LabelMap('labels', 300)
    many = np.arange(24 * 32).reshape(24, 32) % 300
    np.testing.assert_array_equal(pixels(paint.file(packed(many))), many)


def test_a_run_that_takes_no_label_maps_is_refused(tmp_path: Path) -> None:
    run = save(tmp_path / 'a.pth', cyclegan())
    code, _, err = toolbox('paint', str(run), '--device', 'cpu')
    assert code == 2 and 'CycleGAN does not make pictures from label maps alone' in err


WRONG = {
    'a key too many': (request(more=1), 'expected height, width, ids, direction'),
    'no seed': ({key: value for key, value in request().items() if key != 'seed'}, 'expected height, width'),
    'a direction': (request(direction='../paint'), r"direction: expected one of \['restyle', 'paint'\]"),
    'a list for a direction': (request(direction=['restyle']), 'direction: expected'),
    'a seed with a fraction': (request(seed=1.5), 'seed: expected a whole number'),
    'a seed of text': (request(seed='x' * 10**6), r'seed: .*found .{,60}\.$'),
    'a negative seed': (request(seed=-1), 'seed: expected'),
    'true for a seed': (request(seed=True), 'seed: expected'),
    'a large height': (request(height=10**9), 'expected whole numbers from 1 to 1024'),
    'no width': (request(width=0), 'expected whole numbers from 1 to 1024'),
    'text for a side': (request(height='24'), 'expected whole numbers'),
    'another size': (request(height=23), 'ids: expected 1472 bytes for 23x32 pixels, found 1536'),
    'ids that are no text': (request(ids=[0, 1]), 'ids: expected text in base64'),
    'ids in another code': (request(ids='ä' * 2048), 'ids: expected text in base64'),
    'a class too many': (request(**packed(np.full((24, 32), 4))), r'expected classes from 0 to 3, found \[4\]'),
    'a foreign reference': (request(seed=None, reference='/etc/passwd'), 'reference: this image is not here'),
    'a reference of no use': (request(reference={}), 'reference: this image is not here'),
}


@pytest.mark.fault
@pytest.mark.parametrize('case', WRONG)
def test_a_wrong_request_is_answered_by_a_sentence(translator: Translator, case: str) -> None:
    wrong, sentence = WRONG[case]
    with pytest.raises(DataError, match=sentence):
        Painter(translator).picture(wrong)


@pytest.mark.fault
def test_a_wrong_file_is_answered_by_a_sentence_without_its_place(translator: Translator) -> None:
    paint = Painter(translator)
    soft = coloured(scene(), PORT.palette)
    soft[0, 0] = 7
    whole = stored(soft)
    for data, sentence in ((b'', 'the file is empty'), (b'<svg/>', 'not a readable image'),
                           (whole[:-40], 'cut short|Cannot read'), (whole, r'no class has the colour \(7, 7, 7\)'),
                           (stored(np.full((8, 8), 9, np.uint8)), r'expected classes from 0 to 3, found \[9\]')):
        with pytest.raises(DataError, match=sentence) as error:
            paint.read(data)
        assert 'the file' in str(error.value) and '/tmp' not in str(error.value) and 'upload' not in str(error.value)
    with pytest.raises(DataError, match=r"'the file' .*not a readable image"):
        paint.reference(b'<svg/>')
    with pytest.raises(DataError, match='a reference of 2x5000 pixels: sides have at most 4096'):
        paint.reference(stored(np.zeros((2, 5000, 3), np.uint8)))


def test_only_the_last_references_are_kept(translator: Translator) -> None:
    paint = Painter(translator)
    names = [paint.reference(stored(np.full((8, 8, 3), 10 * i, np.uint8)))['reference'] for i in range(REFERENCES + 1)]
    assert len({*names}) == REFERENCES + 1
    paint.picture(request(seed=None, reference=names[1]))
    with pytest.raises(DataError, match='not here any more'):
        paint.picture(request(seed=None, reference=names[0]))


# What HTTP lets through


def ask(page: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection('127.0.0.1', page.server_port, timeout=30)
    connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_the_page_is_served_and_pictures_are_made(page: Server, translator: Translator) -> None:
    for path, kind in (('/', 'text/html'), ('/page.js', 'text/javascript'), ('/page.css', 'text/css'),
                       ('/common.css', 'text/css')):
        status, headers, body = ask(page, 'GET', path)
        assert status == 200 and headers['Content-Type'].startswith(kind) and len(body) > 500
        assert "default-src 'self'" in headers['Content-Security-Policy'] and 'Access-Control' not in str(headers)
    status, _, body = ask(page, 'GET', '/facts')
    assert status == 200 and json.loads(body) == page.painter.facts()
    status, headers, body = ask(page, 'POST', '/picture', json.dumps(request()).encode(), Content_Type=JSON)
    assert (status, headers['Content-Type']) == (200, 'image/png')
    np.testing.assert_array_equal(pixels(body), translator(scene(), seed=3))
    status, _, body = ask(page, 'POST', '/read', stored(scene()), Content_Type=BYTES)
    np.testing.assert_array_equal(unpacked(json.loads(body)), scene())


HOSTILE: dict[str, tuple[int, str, str, str, bytes | None, dict[str, str]]] = {
    'a path out of the folder': (404, 'no such page', 'GET', '/../../../etc/passwd', None, {}),
    'the same in disguise': (404, 'no such page', 'GET', '/%2e%2e/painter.py', None, {}),
    'a question by its file': (404, 'no such question', 'POST', '/page.js', b'{}', {'Content-Type': JSON}),
    'another name of this server': (403, 'nobody but itself', 'GET', '/facts', None, {'Host': 'evil.example:80'}),
    'a name for its port alone': (403, 'nobody but itself', 'GET', '/', None, {'Host': '127.0.0.1'}),
    'a page of another origin': (403, 'nobody but itself', 'POST', '/picture', b'{}',
                                 {'Content-Type': JSON, 'Origin': 'http://evil.example'}),
    'a form of another origin': (400, 'Content-Type: expected application/json', 'POST', '/picture', b'{}',
                                 {'Content-Type': 'text/plain'}),
    'no JSON': (400, 'expected JSON', 'POST', '/picture', b'{', {'Content-Type': JSON}),
    'deep JSON': (400, 'expected JSON', 'POST', '/picture', b'[' * 10**5, {'Content-Type': JSON}),
    'a list': (400, 'an object of JSON', 'POST', '/picture', b'[]', {'Content-Type': JSON}),
    'a huge number': (400, 'expected', 'POST', '/picture', b'{"seed": ' + b'9' * 5000 + b'}', {'Content-Type': JSON}),
    'a file that is too large': (413, r'4096 MB is too large: at most 32 MB', 'POST', '/read', b'x',
                                 {'Content-Type': BYTES, 'Content-Length': str(2**32)}),
    'a length that is none': (400, 'Content-Length: expected', 'POST', '/read', b'x',
                              {'Content-Type': BYTES, 'Content-Length': '-5'}),
    'a file that is no image': (400, 'not a readable image', 'POST', '/read', b'#!/bin/sh', {'Content-Type': BYTES}),
}


@pytest.mark.fault
@pytest.mark.parametrize('case', HOSTILE)
def test_a_hostile_request_is_answered_by_a_sentence(page: Server, case: str,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    expected, sentence, method, path, body, headers = HOSTILE[case]
    status, _, answer = ask(page, method, path, body, **headers)
    assert status == expected and sentence in json.loads(answer)['error']
    assert 'Traceback' not in capsys.readouterr().err
    assert ask(page, 'GET', '/')[0] == 200


def test_preflights_are_not_granted(page: Server) -> None:
    status, headers, _ = ask(page, 'OPTIONS', '/picture', Origin='http://evil.example')
    assert status == 501 and 'Access-Control-Allow-Origin' not in headers


@pytest.mark.fault
def test_a_bug_is_told_to_the_window_and_not_to_the_page(page: Server, monkeypatch: pytest.MonkeyPatch,
                                                         capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(page.painter, 'picture', lambda _: 1 / 0)
    status, _, answer = ask(page, 'POST', '/picture', json.dumps(request()).encode(), Content_Type=JSON)
    assert (status, json.loads(answer)) == (500, {'error': 'An error of this program; its window says more.'})
    assert 'ZeroDivisionError' in capsys.readouterr().err


def test_the_model_answers_one_request_at_a_time(page: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, 'WAIT', 0.1)
    with page.turn:
        status, _, answer = ask(page, 'POST', '/read', stored(scene()), Content_Type=BYTES)
        assert (status, 'take their time' in json.loads(answer)['error']) == (503, True)
        assert ask(page, 'GET', '/')[0] == 200
    assert ask(page, 'POST', '/read', stored(scene()), Content_Type=BYTES)[0] == 200


def test_a_port_in_use_is_an_error_with_its_cure(page: Server) -> None:
    with pytest.raises(ConfigError, match=rf'127.0.0.1:{page.server_port}: cannot listen there .* another --port'):
        Server(page.routes, port=page.server_port)
    with pytest.raises(ConfigError, match='cannot listen there'):
        Server(page.routes, port=70000)
