"""The command ``toolbox``: one module per command, and what they share."""

from .arguments import add_config_arguments
from .dispatch import COMMANDS, main, script
from .process import STOPPED, USER_ERROR, leave_process_group, message, prepare_cpu, run

__all__ = ['COMMANDS', 'STOPPED', 'USER_ERROR', 'add_config_arguments', 'leave_process_group', 'main', 'message',
           'prepare_cpu', 'run', 'script']
