"""Requests of one process (stop, roll back) that all obey at the same iteration."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import is_distributed

REQUESTS = ('stop', 'not finite')


class Votes:
    """Requests of each process, exchanged once per iteration in the background, so that nobody waits for an answer.

    With several processes what was asked for in one exchange is agreed in the next one, everywhere at once.

    Attributes:
        mine: the requests of this process; they last until :meth:`withdraw`.
        agreed: those of any process; equal on all.
    """

    def __init__(self) -> None:
        self.mine: set[str] = set()
        self.agreed: set[str] = set()
        self._group = dist.new_group(backend='gloo') if is_distributed() else None
        self._flags = torch.zeros(len(REQUESTS))
        self._work: Any = None

    def exchange(self) -> None:
        """Every process must call this equally often."""
        if self._group is None:
            self.agreed = set(self.mine)
            return
        self._collect()
        self._flags.copy_(torch.tensor([name in self.mine for name in REQUESTS]))
        self._work = dist.all_reduce(self._flags, dist.ReduceOp.MAX, self._group, async_op=True)

    def withdraw(self, request: str) -> None:
        """Forget a request, also where it is on its way; on all processes at the same iteration."""
        self._collect()
        self.mine.discard(request)
        self.agreed.discard(request)

    def _collect(self) -> None:
        if self._work is not None:
            self._work.wait()
            self._work = None
            self.agreed |= {name for name, flag in zip(REQUESTS, self._flags.tolist(), strict=True) if flag}
