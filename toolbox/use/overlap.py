"""Work on what comes next while the present is worked on: files are read and written beside the networks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')


def ahead(function: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[Future[R]]:
    """``function`` of each item in a thread of its own, in order; what it raises comes out of the future.

    Args:
        function: called with one item at a time.
        items: taken as they are needed.
        most: how many calls may be begun beyond the one that is given out.
    """
    with ThreadPoolExecutor(1) as pool:
        begun: deque[Future[R]] = deque()
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) > most:
                yield begun.popleft()
        yield from begun


def outcome(function: Callable[[T], R], item: T) -> Future[R]:
    """What ``function`` of an item gives or raises, here and now."""
    future: Future[R] = Future()
    try:
        future.set_result(function(item))
    except Exception as error:
        future.set_exception(error)
    return future
