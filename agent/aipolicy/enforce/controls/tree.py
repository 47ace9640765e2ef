"""Settings as tables in tables, and how ours are put beside what IT has there, or taken away again. Pure.

What is ours is what we put there and what still has the value we gave it. Nothing else is ever changed.
"""

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from aipolicy.core.model import Record
from aipolicy.enforce.controls.control import Path, Setting, shown

Table = MutableMapping[str, Any]


class Unreadable(Exception):
    """The text is not what its form says. line: where. what: what is wrong."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


class Ours(Record, frozen=True, kw_only=True):
    """What we put into one file. settings: each as it was put. tables: those that we made for them."""

    settings: tuple[Setting, ...] = ()
    tables: tuple[Path, ...] = ()


class Merged(Record, frozen=True, kw_only=True):
    """ours: what is ours in the tables now. theirs: IT's own settings that stand against what is wanted.

    adopted: whether some of ours stood there already and was not known to be ours.
    """

    ours: Ours
    adopted: bool = False
    theirs: tuple[str, ...] = ()


_NOTHING = object()


def merge(table: Table, wanted: Sequence[Setting], ours: Ours) -> Merged:
    """Changes `table` so that it holds what is wanted, as far as IT's own settings leave room for it."""
    kept = _take_away(table, ours, {setting.path: setting for setting in wanted})
    settings, tables = list(kept.settings), list(kept.tables)
    theirs: list[str] = []
    adopted = False
    for setting in wanted:
        if setting.opening and not _room_for(table, setting, tables):
            continue
        found, blocked = _lookup(table, setting.path)
        if blocked is not None:
            theirs.append(shown(blocked))
        elif found is _NOTHING:
            tables += _put(table, setting)
            settings.append(setting)
        elif not _same(found, setting.value):
            theirs.append(shown(setting.path))
        elif setting.signed and all(one.path != setting.path for one in settings):
            settings.append(setting)  # our own words: put there before our memory was lost
            tables += [setting.path[:end] for end in range(1, len(setting.path))]
            adopted = True
    mine = Ours(settings=tuple(settings), tables=tuple(dict.fromkeys(tables)))
    return Merged(ours=mine, theirs=tuple(dict.fromkeys(theirs)), adopted=adopted)


def missing(table: Table, wanted: Sequence[Setting]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which settings are not there, and which of IT's own stand in their place."""
    absent: list[str] = []
    theirs: list[str] = []
    for setting in wanted:
        found, blocked = _lookup(table, setting.path)
        if blocked is not None:
            theirs.append(shown(blocked))
        elif found is _NOTHING and not setting.opening:
            absent.append(shown(setting.path))
        elif found is not _NOTHING and not setting.opening and not _same(found, setting.value):
            theirs.append(shown(setting.path))
    return tuple(absent), tuple(dict.fromkeys(theirs))


def has(table: Table, path: Path) -> bool:
    """Whether a setting stands there, whatever its value."""
    found, blocked = _lookup(table, path)
    return blocked is not None or found is not _NOTHING


def _same(found: Any, value: Any) -> bool:
    """Whether it is that value; to Python, 1 is True."""
    plain = found.unwrap() if hasattr(found, "unwrap") else found
    return bool(plain == value) and isinstance(plain, bool) is isinstance(value, bool)


def _take_away(table: Table, ours: Ours, wanted: dict[Path, Setting]) -> Ours:
    """What of ours stays, after what is no longer wanted is gone. What IT changed since is IT's."""
    kept: list[Setting] = []
    for setting in sorted(ours.settings, key=lambda one: one.opening):  # the opening ones last
        found, blocked = _lookup(table, setting.path)
        if blocked is not None or not _same(found, setting.value):
            continue
        wish = wanted.get(setting.path)
        if wish is not None and wish.value == setting.value:
            kept.append(setting)
        elif not (setting.opening and len(_table(table, setting.path[:-1])) > 1):
            del _table(table, setting.path[:-1])[setting.path[-1]]
    return Ours(settings=tuple(kept), tables=tuple(_prune(table, ours.tables)))


def _prune(table: Table, made: Iterable[Path]) -> list[Path]:
    left: list[Path] = []
    for path in sorted(made, key=len, reverse=True):
        found, blocked = _lookup(table, path)
        if blocked is not None or not isinstance(found, MutableMapping):
            continue
        if found:
            left.append(path)
        else:
            del _table(table, path[:-1])[path[-1]]
    return sorted(left)


def _room_for(table: Table, setting: Setting, made: Sequence[Path]) -> bool:
    """An opening setting goes into a table of ours or a new one; IT's own list stays as it is meant."""
    return setting.path[:-1] in made or _lookup(table, setting.path[:-1])[0] is _NOTHING


def _lookup(table: Table, path: Path) -> tuple[Any, Path | None]:
    """The value, or _NOTHING; and the path of what is no table and stands in the way."""
    here: Any = table
    for number, key in enumerate(path):
        if not isinstance(here, MutableMapping):
            return _NOTHING, path[:number]
        if key not in here:
            return _NOTHING, None
        here = here[key]
    return here, None


def _table(table: Table, path: Path) -> Table:
    here: Any = table
    for key in path:
        here = here[key]
    found: Table = here
    return found


def _put(table: Table, setting: Setting) -> list[Path]:
    """Puts it there; the tables that had to be made for it."""
    made: list[Path] = []
    here: Any = table
    for number, key in enumerate(setting.path[:-1], start=1):
        if key not in here:
            here[key] = {}
            made.append(setting.path[:number])
        here = here[key]
    here[setting.path[-1]] = setting.value
    return made
