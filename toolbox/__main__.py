"""``python -m toolbox``: the command ``toolbox``."""

from .cli import main

if __name__ == '__main__':
    main()
