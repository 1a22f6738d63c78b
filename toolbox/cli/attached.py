"""A command that stops and saves when the process that started it is gone: ``python -m toolbox.cli.attached train ...``

It is told by the end of its standard input, which comes however the other process ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from . import main


def stop_at_the_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == '__main__':
    threading.Thread(target=stop_at_the_end_of_input, daemon=True).start()
    main()
