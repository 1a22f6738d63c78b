from __future__ import annotations

import http.server
import io
import runpy
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from toolbox.data.fetch import download
from toolbox.data.fetch.download import extract, sha256
from toolbox.data.fetch.prepare import prepare
from toolbox.data.fetch.published import SETS
from toolbox.data.io import write_image
from toolbox.errors import DataError
from toolbox.registry import DATASETS, build

ROOT = Path(__file__).resolve().parents[1]


def png(folder: Path) -> bytes:
    write_image(folder / 'pixel.png', np.zeros((4, 8, 3), np.uint8))
    return (folder / 'pixel.png').read_bytes()


def make_zip(path: Path, names: list[str], content: bytes) -> Path:
    with zipfile.ZipFile(path, 'w') as file:
        for name in names:
            file.writestr(name, content)
    return path


def make_tar(path: Path, members: list[tuple[str, bytes | None, bytes]]) -> Path:
    """Members are (name, type or None, content or link target)."""
    with tarfile.open(path, 'w:gz') as file:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            if kind is None:
                info.size = len(content)
            else:
                info.type, info.linkname = kind, content.decode()
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def horse_archive(tmp_path: Path) -> Path:
    names = [f'horse2zebra/{part}/{i}.png' for part in SETS['horse2zebra'].folders for i in range(2)]
    return make_zip(tmp_path / 'source.zip', [*names, '__MACOSX/x'], png(tmp_path))


class Server:
    """A file server on the loopback that can cut a connection and remembers the ranges it was asked for."""

    def __init__(self) -> None:
        self.content = b''
        self.cut_after: int | None = None
        self.supports_range = True
        self.ranges: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: object) -> None:
                """Keeps the test output clean."""

        self.http = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.http.server_port}/set.zip'

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get('Range')
        self.ranges.append(wanted)
        start = int(wanted.removeprefix('bytes=').rstrip('-')) if wanted and self.supports_range else 0
        if start >= len(self.content):
            handler.send_response(416)
            handler.send_header('Content-Range', f'bytes */{len(self.content)}')
            handler.send_header('Content-Length', '0')
            handler.end_headers()
            return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:self.cut_after])


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield running
    running.http.shutdown()
    thread.join()
    running.http.server_close()


def test_local_archive_becomes_a_set(tmp_path: Path, horse_archive: Path, capsys: pytest.CaptureFixture) -> None:
    root = tmp_path / 'data'
    folder = prepare('horse2zebra', root, url=horse_archive.as_uri())
    assert folder == root / 'horse2zebra'
    assert len(build({'type': 'UnpairedDataset', 'data_root': str(folder)}, DATASETS)) == 2
    assert not (folder / '__MACOSX').exists()
    text = capsys.readouterr().out
    assert 'trainA 2 images' in text and 'published with 1067' in text and sha256(horse_archive) in text
    assert (root / 'horse2zebra.zip.sha256').read_text().startswith(sha256(horse_archive))
    assert sorted(p.name for p in root.iterdir()) == ['horse2zebra', 'horse2zebra.zip', 'horse2zebra.zip.sha256']
    prepare('horse2zebra', root, url='http://127.0.0.1:1/never-asked.zip')
    assert 'Downloading' not in capsys.readouterr().out


def test_tar_of_pairs_becomes_a_set(tmp_path: Path) -> None:
    content = png(tmp_path)
    parts = SETS['pix2pix_facades'].folders
    (tmp_path / 'data').mkdir()
    make_tar(tmp_path / 'data/pix2pix_facades.tar.gz', [(f'facades/{part}/1.png', None, content) for part in parts])
    folder = prepare('pix2pix_facades', tmp_path / 'data')
    assert build({'type': 'PairedDataset', 'data_root': str(folder)}, DATASETS)[0]['A'].shape == (3, 4, 4)


@pytest.mark.fault
def test_cut_download_is_resumed(tmp_path: Path, server: Server, horse_archive: Path) -> None:
    server.content, server.cut_after = horse_archive.read_bytes(), 500
    with pytest.raises(DataError, match=r'(?s)500 bytes are kept.*the same command'):
        prepare('horse2zebra', tmp_path / 'data', url=server.url)
    server.cut_after = None
    prepare('horse2zebra', tmp_path / 'data', url=server.url)
    assert server.ranges == [None, 'bytes=500-']
    assert (tmp_path / 'data/horse2zebra.zip').read_bytes() == server.content


def test_server_without_ranges_starts_over(tmp_path: Path, server: Server) -> None:
    server.content, server.supports_range = b'0123456789' * 100, False
    (tmp_path / 'x.zip.part').write_bytes(b'garbage')
    download.download(server.url, tmp_path / 'x.zip')
    assert (tmp_path / 'x.zip').read_bytes() == server.content


@pytest.mark.fault
@pytest.mark.parametrize('extra', [b'', b'too long'])
def test_complete_or_overlong_part_is_handled(tmp_path: Path, server: Server, extra: bytes) -> None:
    server.content = b'0123456789' * 100
    (tmp_path / 'x.zip.part').write_bytes(server.content + extra)
    download.download(server.url, tmp_path / 'x.zip')
    assert (tmp_path / 'x.zip').read_bytes() == server.content
    assert len(server.ranges) == (2 if extra else 1)


@pytest.mark.fault
def test_no_connection_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        prepare('horse2zebra', tmp_path, url='http://127.0.0.1:1/horse2zebra.zip')
    text = str(error.value)
    assert 'http://127.0.0.1:1/horse2zebra.zip' in text and str(tmp_path / 'horse2zebra.zip') in text
    assert 'run the same command again' in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault
def test_wrong_checksum_is_refused(tmp_path: Path, horse_archive: Path) -> None:
    with pytest.raises(DataError, match=r'(?s)SHA-256.*not the expected one'):
        prepare('horse2zebra', tmp_path / 'data', url=horse_archive.as_uri(), sha256='0' * 64)
    assert not (tmp_path / 'data/horse2zebra').exists()
    (tmp_path / 'data/horse2zebra.zip.sha256').write_text('1' * 64 + '  horse2zebra.zip\n')
    with pytest.raises(DataError, match='recorded in'):
        prepare('horse2zebra', tmp_path / 'data')
    prepare('horse2zebra', tmp_path / 'data', sha256=sha256(horse_archive).upper())


@pytest.mark.fault
def test_incomplete_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    source = make_zip(tmp_path / 'source.zip', ['horse2zebra/trainA/1.png'], png(tmp_path))
    with pytest.raises(DataError, match='trainB'):
        prepare('horse2zebra', tmp_path / 'data', url=source.as_uri())
    assert sorted(p.name for p in (tmp_path / 'data').iterdir()) == ['horse2zebra.zip']


@pytest.mark.fault
@pytest.mark.parametrize('content', [b'<html>Please log in</html>', b''])
def test_a_bad_download_does_not_stand_in_the_way_of_a_good_one(content: bytes, tmp_path: Path,
                                                                horse_archive: Path) -> None:
    (tmp_path / 'data').mkdir()
    archive = tmp_path / 'data/horse2zebra.zip'
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r'horse2zebra.zip.* cannot be unpacked: .*Delete it and run'):
        prepare('horse2zebra', tmp_path / 'data')
    archive.unlink()
    (tmp_path / 'data/horse2zebra.zip.sha256').write_text('')  # as after a power failure
    assert prepare('horse2zebra', tmp_path / 'data', url=horse_archive.as_uri()).is_dir()


@pytest.mark.parametrize('top', ['', 'a/horse2zebra/'])
def test_an_archive_of_another_kind_and_with_other_files_becomes_a_set(top: str, tmp_path: Path) -> None:
    parts = ('trainA', 'trainB', 'testA', 'testB')
    entries = [(f'{top}{part}/1.png', None, png(tmp_path)) for part in parts]
    make_tar(tmp_path / 'own.tar.gz', [*entries, (f'{top}README.txt', None, b'x'), ('.DS_Store', None, b'x')])
    folder = prepare('horse2zebra', tmp_path / 'data', url=(tmp_path / 'own.tar.gz').as_uri())
    assert all((folder / part / '1.png').exists() for part in parts)


def test_unknown_and_undistributable_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'horse2zebra'"):
        prepare('horse2zebr', tmp_path)
    with pytest.raises(DataError, match='may not be redistributed'):
        prepare('cityscapes', tmp_path)


@pytest.mark.fault
@pytest.mark.parametrize('name', ['x.zip', 'x.tar.gz'])
def test_damaged_archives_are_refused(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    content = rng.bytes(20_000)
    path = tmp_path / name
    whole = make_zip(path, ['a.png'], content) if name == 'x.zip' else make_tar(path, [('a.png', None, content)])
    path.write_bytes(whole.read_bytes()[:9_000])
    with pytest.raises(DataError, match=r'9000 bytes.*cannot be unpacked'):
        extract(path, tmp_path / 'inside')


def test_script_lists_prepares_and_explains(
        tmp_path: Path, horse_archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def script(*args: str) -> int:
        monkeypatch.setattr(sys, 'argv', ['prepare_data.py', *args])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(ROOT / 'tools/prepare_data.py'), run_name='__main__')
        return exit_.value.code

    assert script() == 0
    assert 'summer2winter_yosemite' in capsys.readouterr().out
    assert script('horse2zebra', '--url', horse_archive.as_uri(), '--root', str(tmp_path / 'd')) == 0
    assert 'trainB 2 images' in capsys.readouterr().out
    assert script('horse2zebre', '--root', str(tmp_path / 'd')) == 2
    assert "Did you mean 'horse2zebra'" in capsys.readouterr().err
