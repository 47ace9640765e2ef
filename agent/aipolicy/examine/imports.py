"""Which files a script says that it loads: `import`, `export .. from`, `require`, relative to itself.

By their form, not by a parser: what is run is often minified, and a name in a comment at most makes us look
at a file that lies there. Names that are put together at run time are not known.
"""

import os
import posixpath
import re
import threading
from typing import Any, Final
from urllib.parse import unquote

from aipolicy.examine.data import Reading
from aipolicy.examine.files import OpenFile
from aipolicy.examine.patterns import compiled, scan

MOST_NAMES: Final = 2_000
"""Of one file; the bundle of a large tool names some hundred."""
_LONGEST: Final = 300

_CALL: Final = (
    rb"(?:[iI]mport|[rR]equire|Worker)\w{0,3}\s{0,9}\("
    rb"(?:[\w$.]{1,40}\)\s{0,9}\()?"  # createRequire(import.meta.url)("./a.js")
    rb"\s{0,9}(?:/\*[^*]{0,60}\*/\s{0,9})?"
)
_QUOTE: Final = rb"[\"'`]"
_PATTERNS: Final = (
    # import"./a.js"  import{b as c}from"../d.mjs"  export*from"./e.js"
    rb"(?:from|import)\s{0,9}" + _QUOTE + rb"\.{1,2}/",
    # import("./a.js")  require("./b.cjs")  __require(  tryImport(  import(new URL("./c.js", import.meta.url))
    _CALL + rb"(?:new\s{1,9}URL\(\s{0,9})?" + _QUOTE + rb"\.{1,2}/",
    # require(__dirname + "/a.js")  require(path.join(__dirname, "..", "lib", "b.js"))
    _CALL + rb"(?:[\w$.()\"']{1,40}\(\s{0,9})?__dirname\s{0,9}[,+]\s{0,9}" + _QUOTE,
)
_BESIDE: Final = 2
_REST: Final = re.compile(rb"[\"'`]?(\.{1,2}/[^\"'`\n\\]+)[\"'`]")
_QUOTED: Final = re.compile(rb"[\"'`]([^\"'`\n\\]+)[\"'`]")


class ImportSearch:
    """Threads may share it."""

    def __init__(self) -> None:
        self._own = threading.local()

    def search(self, file: OpenFile, most_bytes: int) -> tuple[str, ...]:
        """The names, relative to the folder of the file, in its order and each once; raises CannotLook."""
        places: dict[int, int] = {}

        def note(number: int, offset: int) -> bool:
            places[offset] = number
            return len(places) >= MOST_NAMES

        scan(self._database(), Reading(file, most_bytes), note)
        names = (_name_at(file, offset, number) for offset, number in sorted(places.items()))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def _database(self) -> Any:
        """This thread's own."""
        if not hasattr(self._own, "database"):
            self._own.database = compiled(_PATTERNS, [False] * len(_PATTERNS))
        return self._own.database


def _name_at(file: OpenFile, offset: int, number: int) -> str | None:
    """The name whose beginning was met before `offset`."""
    if number != _BESIDE:
        found = _REST.match(file.read(_LONGEST, max(0, offset - len('"./'))))
        return None if found is None else _as_path(found.group(1))
    arguments = b'"' + file.read(_LONGEST, offset).partition(b")")[0]
    parts = [part.strip(b"/") for part in _QUOTED.findall(arguments)]
    return _as_path(b"/".join(parts)) if parts else None


def _as_path(written: bytes) -> str:
    """The specifier of a module is a URL: `./a%20b.js?v=1` loads `a b.js`."""
    return posixpath.normpath(unquote(os.fsdecode(re.split(rb"[?#]", written, maxsplit=1)[0])))
