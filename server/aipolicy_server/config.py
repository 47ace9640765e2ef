"""`server.yaml`: the options of `aipolicy server run` as a file, below what command line and environment say.

The options themselves say what may stand in it, so that a new one can stand there too. One file serves all
verbs: each takes of it what it has.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from aipolicy.core import yamlfile

T = TypeVar("T", bound=Callable[..., object])


class Failure(click.ClickException):
    """An error that the person can answer."""

    exit_code = 2


def config_option(command: T) -> T:
    """--config, whose values become the defaults of the verb's other options."""
    return click.option(
        "--config",
        envvar="AIPOLICY_SERVER_CONFIG",
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_take,
        help="Settings, one `option: value` a line; flags and environment stand above them.",
    )(command)


def _take(context: click.Context, _option: click.Parameter, path: str | None) -> None:
    if path is not None:
        context.default_map = read(path)


def read(path: str) -> dict[str, str]:
    """What the file says, by the options' names. Raises Failure, which names file, line and column."""
    try:
        root = yamlfile.load(Path(path).read_bytes(), path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}: the server's settings are there, see --config") from error
    except yamlfile.YamlErrors as errors:
        raise Failure(str(errors)) from errors
    if not isinstance(root, yamlfile.Mapping):
        raise Failure(f"{path}:{root.line}:{root.column}: a mapping is needed, like `listen: 127.0.0.1:8320`")
    known = _known()
    return {key.text: _value(path, key, node, known) for key, node in root.items}


def _known() -> Mapping[str, click.Parameter]:
    from aipolicy_server.cli import run  # which itself is made of these options

    return {str(option.name): option for option in run.params if option.expose_value}


def _value(path: str, key: yamlfile.Scalar, node: yamlfile.Node, known: Mapping[str, click.Parameter]) -> str:
    option = known.get(key.text)
    if option is None:
        names = ", ".join(sorted(known))
        raise Failure(f"{path}:{key.line}:{key.column}: unknown setting {key.text!r}; known: {names}")
    if not isinstance(node, yamlfile.Scalar) or not node.text:
        raise Failure(f"{path}:{key.line}:{key.column}: {key.text} is one text")
    try:
        option.type.convert(node.text, option, None)
    except click.BadParameter as error:
        raise Failure(f"{path}:{node.line}:{node.column}: {key.text}: {error.message}") from error
    return node.text
