"""Writes the man pages of a program and all its verbs into a folder: `man_pages.py PROGRAM FOLDER`."""

import importlib
import sys

import click
from click_man.core import write_man_pages

from aipolicy import __version__
from aipolicy.cli.verbs import Verbs

PROGRAMS = {"aipolicy": ("aipolicy.cli", "main"), "aipolicy-server": ("aipolicy_server.cli", "server")}
SERVER = "server"
"""The server's verb: it is not in the agent's package."""


def with_all_verbs(group: click.Group) -> click.Group:
    """click-man knows only what a group has loaded; ours load a verb when it is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name) if name != SERVER else None
        if command is not None:
            group.commands[name] = with_all_verbs(command) if isinstance(command, click.Group) else command
    if isinstance(group, Verbs):
        group.verbs = {name: verb for name, verb in group.verbs.items() if name != SERVER}
    return group


if __name__ == "__main__":
    program, folder = sys.argv[1:]
    module, attribute = PROGRAMS[program]
    command = getattr(importlib.import_module(module), attribute)
    write_man_pages(program, with_all_verbs(command), version=__version__, target_dir=folder)
