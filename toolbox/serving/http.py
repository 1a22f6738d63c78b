"""HTTP for the programs and pages of one machine: who may ask, how much, and for how long. Knows nothing of images.

No path of a request is ever a path on the disk, and nothing is written to one. A page of somebody else in the same
browser cannot ask: requests must name this server as their host (no DNS name that was rebound) and, where a browser
says it, as their origin.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ..errors import ConfigError, DataError, UserError

MOST_BYTES = 32 * 2**20  # of a request
SILENT, LONGEST, LINGER = 10.0, 60.0, 2.0  # seconds that a client may say nothing, talk, and talk after its answer
WAIT = 60  # seconds that a question waits for its turn
CONNECTIONS = 256
HEADERS = {'Content-Security-Policy': "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
                                      "base-uri 'none'; form-action 'none'",
           'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store',
           'Connection': 'close'}
JSON, BYTES, PNG = 'application/json', 'application/octet-stream', 'image/png'
FULL = b'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'


@dataclass(frozen=True)
class Request:
    """A question: the fields behind the ? of its address, and its body with the type that it is said to have."""

    query: Mapping[str, str]
    kind: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back; ``retry`` is in how many seconds the same question may have another answer."""

    kind: str
    content: bytes
    status: HTTPStatus = HTTPStatus.OK
    retry: int | None = None


@dataclass(frozen=True)
class Routes:
    """What a server answers, by path.

    Attributes:
        files: (package, file in its folder ``page``, type).
        facts: what is told at once.
        questions: (the beginnings of types that a body may have, what makes the answer), one at a time.
    """

    files: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    facts: Mapping[str, Callable[[], Answer]] = field(default_factory=dict)
    questions: Mapping[str, tuple[tuple[str, ...], Callable[[Request], Answer]]] = field(default_factory=dict)

    def over(self, other: Routes) -> Routes:
        """These, and those of another one where these have none."""
        return Routes({**other.files, **self.files}, {**other.facts, **self.facts},
                      {**other.questions, **self.questions})


def page_of(package: str, *scripts: str) -> dict[str, tuple[str, str, str]]:
    """The files of the page in a package and what all pages share, as :class:`Routes` takes them."""
    return {'/': (package, 'index.html', 'text/html'), '/common.css': (__package__, 'common.css', 'text/css'),
            '/page.css': (package, 'page.css', 'text/css'),
            **{f'/{name}': (package, name, 'text/javascript') for name in scripts}}


class Refused(Exception):
    """A request that is answered by a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str, retry: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.retry = status, retry


class Server(ThreadingHTTPServer):
    """Answers questions one at a time; a few wait for their turn, more are sent away.

    Args:
        routes: the answers.
        host: address to listen at, also the name that requests must have.
        port: 0 for any free one.
        names: further names that requests may have, such as that of this machine.
        queue: questions that may be read, wait and be answered at a time; each takes up to ``MOST_BYTES``.

    Raises:
        ConfigError: the address or the port cannot be had.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, routes: Routes, host: str = '127.0.0.1', port: int = 0, names: Sequence[str] = (),
                 queue: int = 16) -> None:
        if queue < 1:
            raise ConfigError(f'queue: expected 1 or more, found {queue}.')
        self.routes, self.turn = routes, threading.Lock()
        self.seats, self.room = threading.BoundedSemaphore(queue), threading.BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f'{host}:{port}: cannot listen there ({error}). Choose another --port, or leave it out.'
                              ) from error
        local = {'127.0.0.1', 'localhost'} if is_local(host) else {'localhost'} if host == '0.0.0.0' else set()
        self.names, self.given = {host.lower(), *local}, {*map(str.lower, names)}
        self.url = f'http://{host}:{self.server_port}/'

    def is_ours(self, host: str) -> bool:
        """Whether the Host of a request is this server; where it listens at all addresses, any address is."""
        name, _, port = host.lower().rpartition(':') if ':' in host else (host.lower(), '', '80')
        if name in self.given:
            return True
        return port == str(self.server_port) and (name in self.names or ('0.0.0.0' in self.names and _is_address(name)))

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            with contextlib.suppress(OSError):
                request.sendall(FULL)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):  # a client that is gone is no error
            super().handle_error(request, client_address)


class Patient(io.RawIOBase):
    """What a client sends, until it has been silent for too long, or the deadline is over."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.deadline = connection, time.monotonic() + LONGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(min(left, SILENT))
        return self.connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """One request; its connection is closed after the answer."""

    server: Server
    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'toolbox', ''
    is_unread = False  # whether a body may be on its way that nobody reads

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.patient = Patient(self.connection)
        self.rfile = io.BufferedReader(self.patient)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        """The answer to GET without its content."""
        self._answer(self._get)

    def do_POST(self) -> None:
        self.is_unread = True
        self._answer(self._post)

    def handle_expect_100(self) -> bool:
        """Not yet: the body is asked for when it will be read."""
        return True

    def _get(self) -> Answer:
        path, routes = self._address().path, self.server.routes
        if path in routes.facts:
            return routes.facts[path]()
        if path not in routes.files:
            raise Refused(HTTPStatus.NOT_FOUND, 'There is no such page.')
        package, name, kind = routes.files[path]
        return Answer(f'{kind}; charset=utf-8', (files(package) / 'page' / name).read_bytes())

    def _post(self) -> Answer:
        address = self._address()
        if address.path not in self.server.routes.questions:
            raise Refused(HTTPStatus.NOT_FOUND, 'There is no such question.')
        kinds, ask = self.server.routes.questions[address.path]
        kind = self.headers.get('Content-Type', '')
        if not kind.lower().startswith(kinds):
            raise Refused(HTTPStatus.BAD_REQUEST, f'Content-Type: expected {" or ".join(kinds)}.')
        query, length = _fields(address.query), self._length()
        if not self.server.seats.acquire(blocking=False):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, 'Too many requests wait already. Try again later.', retry=1)
        try:
            request = Request(query, kind, self._body(length))
            if not self.server.turn.acquire(timeout=WAIT):
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, 'Other requests take their time. Try again later.',
                              retry=10)
            try:
                return ask(request)
            finally:
                self.server.turn.release()
        finally:
            self.server.seats.release()

    def _address(self) -> SplitResult:
        try:
            return urlsplit(self.path)
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f'{self.path}: no address ({error}).') from error

    def _length(self) -> int:
        text = self.headers.get('Content-Length', '')
        if not (text.isascii() and text.isdigit() and len(text) < 12) or 'Transfer-Encoding' in self.headers:
            raise Refused(HTTPStatus.BAD_REQUEST, 'Content-Length: expected the number of bytes.')
        if int(text) > MOST_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f'A file of {int(text) / 2**20:.0f} MB is too large: at '
                          f'most {MOST_BYTES >> 20} MB are taken. Scale it down.')
        return int(text)

    def _body(self, length: int) -> bytes:
        if self.headers.get('Expect', '').lower() == '100-continue':
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
        try:
            body = self.rfile.read(length)
        except TimeoutError as error:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, f'The request was not there after {SILENT:.0f} seconds of '
                          f'silence or {LONGEST:.0f} in all.') from error
        if len(body) < length:
            raise Refused(HTTPStatus.BAD_REQUEST, 'The request ended too early.')
        self.is_unread = False
        return body

    def _answer(self, find: Callable[[], Answer]) -> None:
        self.close_connection = True
        try:
            self._refuse_strangers()
            answer = find()
        except Refused as error:
            answer = Answer(JSON, _sentence(error), error.status, error.retry)
        except UserError as error:
            answer = Answer(JSON, _sentence(error), HTTPStatus.BAD_REQUEST)
        except (ConnectionError, TimeoutError):
            return
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = Answer(JSON, _sentence('An error of this program; its window says more.'),
                            HTTPStatus.INTERNAL_SERVER_ERROR)
        with contextlib.suppress(OSError):  # the reader has gone
            self._send(answer)

    def _refuse_strangers(self) -> None:
        host, origin = self.headers.get('Host', ''), self.headers.get('Origin')
        if not self.server.is_ours(host) or origin not in (None, f'http://{host}', f'https://{host}'):
            raise Refused(HTTPStatus.FORBIDDEN, 'This page answers nobody but itself.')

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(LONGEST)  # for all of the answer
        self.send_response(answer.status)
        retry = {} if answer.retry is None else {'Retry-After': str(answer.retry)}
        for name, value in {**HEADERS, **retry, 'Content-Type': answer.kind,
                            'Content-Length': str(len(answer.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer.content)
        if self.is_unread:  # else the kernel would cut the connection before the client has read its answer
            self.connection.shutdown(socket.SHUT_WR)
            self.patient.deadline = time.monotonic() + LINGER
            while self.rfile.read1(2**16):
                pass

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the answer says what is wrong."""


def run_until_interrupted(server: Server, what: str) -> None:
    """Serve until Ctrl-C, and say where and for whom."""
    print(f'{what}: open {server.url} (Ctrl-C ends it)', flush=True)
    if not is_local(str(server.server_address[0])):
        print(f'Everybody who reaches {server.server_address[0]!s} can use it: there is no password.', flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    print()


def is_local(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return host == 'localhost' or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def as_json(content: object) -> Answer:
    return Answer(JSON, json.dumps(content).encode())


def parsed(body: bytes) -> Mapping[str, Any]:
    """The object in a body of JSON; :class:`DataError` if there is none."""
    try:
        question = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError('expected JSON.') from error
    if not isinstance(question, dict):
        raise DataError('expected an object of JSON.')
    return question


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _fields(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors='strict', max_num_fields=20)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f'The fields after the ? cannot be read ({error}).') from error
    if len(dict(pairs)) < len(pairs):
        raise Refused(HTTPStatus.BAD_REQUEST, 'A field after the ? is given twice.')
    return dict(pairs)


def _sentence(error: object) -> bytes:
    return json.dumps(dict(error=str(error))).encode()
