"""The page over HTTP, for one user on the same machine: three files, facts, and four questions to a :class:`Painter`.

No path of a request is ever a path on the disk. A page of somebody else in the same browser cannot ask: requests must
name this server as their host (no DNS name that was rebound) and, where a browser says it, as their origin; and they
have a content type that browsers do not send across origins without asking first, which is never allowed.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from ..errors import ConfigError, DataError, UserError
from .painter import Painter

FILES = {'/': ('index.html', 'text/html'), '/page.css': ('page.css', 'text/css'),
         '/page.js': ('page.js', 'text/javascript'), '/canvas.js': ('canvas.js', 'text/javascript')}
MOST_BYTES = 32 * 2**20  # of a request
TIMEOUT = 30  # seconds that a client may be silent
WAIT = 60  # seconds that a request waits for its turn
HEADERS = {'Content-Security-Policy': "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
                                      "base-uri 'none'; form-action 'none'",
           'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store'}
JSON, BYTES, PNG = 'application/json', 'application/octet-stream', 'image/png'


class Refused(Exception):
    """A request that is answered by a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Server(ThreadingHTTPServer):
    """Waits for the page's requests; the model answers one at a time.

    Args:
        painter: the answers.
        host: address to listen at, also the name that requests must have.
        port: 0 for any free one.

    Raises:
        ConfigError: the address or the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, painter: Painter, host: str = '127.0.0.1', port: int = 0) -> None:
        self.painter, self.turn = painter, threading.Lock()
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f'{host}:{port}: cannot listen there ({error}). Choose another --port, or leave it out.'
                              ) from error
        self.names = {'127.0.0.1', 'localhost'} if is_local(host) else {host}
        self.url = f'http://{host}:{self.server_port}/'

    def is_ours(self, host: str) -> bool:
        """Whether the Host of a request is this server; where it listens at all addresses, any address is."""
        name, _, port = host.rpartition(':') if ':' in host else (host, '', '80')
        return port == str(self.server_port) and (name in self.names or ('0.0.0.0' in self.names and _is_address(name)))


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = TIMEOUT
    server_version, sys_version = 'toolbox', ''

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _get(self) -> tuple[str, bytes]:
        path = self.path.partition('?')[0]
        if path == '/facts':
            return JSON, json.dumps(self.server.painter.facts()).encode()
        if path not in FILES:
            raise Refused(HTTPStatus.NOT_FOUND, 'There is no such page.')
        name, kind = FILES[path]
        return f'{kind}; charset=utf-8', (files(__package__) / 'page' / name).read_bytes()

    def _post(self) -> tuple[str, bytes]:
        painter = self.server.painter
        questions: dict[str, tuple[str, Callable[[Any], Any]]] = {
            '/picture': (JSON, painter.picture), '/file': (JSON, painter.file),
            '/read': (BYTES, painter.read), '/reference': (BYTES, painter.reference)}
        if self.path not in questions:
            raise Refused(HTTPStatus.NOT_FOUND, 'There is no such question.')
        kind, ask = questions[self.path]
        if self.headers.get('Content-Type') != kind:
            raise Refused(HTTPStatus.BAD_REQUEST, f'Content-Type: expected {kind}.')
        body = self._body()
        question = _parsed(body) if kind == JSON else body
        if not self.server.turn.acquire(timeout=WAIT):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, 'Other requests take their time. Try again later.')
        try:
            answer = ask(question)
        finally:
            self.server.turn.release()
        return (PNG, answer) if isinstance(answer, bytes) else (JSON, json.dumps(answer).encode())

    def _body(self) -> bytes:
        text = self.headers.get('Content-Length', '')
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise Refused(HTTPStatus.BAD_REQUEST, 'Content-Length: expected the number of bytes.')
        if int(text) > MOST_BYTES:
            raise Refused(HTTPStatus.BAD_REQUEST, f'A file of {int(text) / 2**20:.0f} MB is too large: at most '
                          f'{MOST_BYTES >> 20} MB are taken. Scale it down.')
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise Refused(HTTPStatus.BAD_REQUEST, 'The request ended too early.')
        return body

    def _answer(self, find: Callable[[], tuple[str, bytes]]) -> None:
        try:
            host, origin = self.headers.get('Host', ''), self.headers.get('Origin')
            if not self.server.is_ours(host) or origin not in (None, f'http://{host}'):
                raise Refused(HTTPStatus.FORBIDDEN, 'This page answers nobody but itself.')
            status, (kind, answer) = HTTPStatus.OK, find()
        except Refused as error:
            status, kind, answer = error.status, JSON, _sentence(error)
        except UserError as error:
            status, kind, answer = HTTPStatus.BAD_REQUEST, JSON, _sentence(error)
        except (ConnectionError, TimeoutError):
            return
        except Exception:
            traceback.print_exc(file=sys.stderr)
            status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, JSON
            answer = _sentence('An error of this program; its window says more.')
        self._send(status, kind, answer)

    def _send(self, status: HTTPStatus, kind: str, answer: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in {**HEADERS, 'Content-Type': kind, 'Content-Length': str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
        except (ConnectionError, TimeoutError):  # the reader has gone
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the page shows what is wrong."""


def is_local(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return host == 'localhost' or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        question = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError('expected JSON.') from error
    if not isinstance(question, dict):
        raise DataError('expected an object of JSON.')
    return question


def _sentence(error: object) -> bytes:
    return json.dumps(dict(error=str(error))).encode()
