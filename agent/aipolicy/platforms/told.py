"""What the options of an interpreter lead to, as its readers say it (interpreter_options, option_letters)."""

import re
from collections.abc import Callable
from typing import Final

from aipolicy.core.model import Record


class Told(Record, frozen=True, kw_only=True):
    """What the options lead to: rest starts with the script, or a module is named, or neither.

    loads: what was to be loaded before, or is named by typed-in code. behind: the arguments of the module.
    from_input: the script is what the program reads from its input. instead: the script, if the first of rest
    turns out to be no file: it may be the value of an option that is newer than our lists.
    """

    rest: tuple[bytes, ...] = ()
    module: str | None = None
    loads: tuple[bytes, ...] = ()
    behind: tuple[bytes, ...] = ()
    from_input: bool = False
    instead: bytes | None = None


Reader = Callable[[list[bytes]], Told]
NOTHING: Final = Told()
INPUT_SIGN: Final = b"-"
MODULE: Final = re.compile(r"\w+(\.\w+)*")
