"""Puts the controls in force on this machine, reads them back, and takes away what is no longer wanted.

IT's own settings are never changed: one that stands against a control makes it `overridden`, and is named.
"""

import contextlib
import glob
import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.status import ControlStatus
from aipolicy.enforce.controls import json_file, place, toml_file
from aipolicy.enforce.controls.control import Ban, Control, Setting, Wanted, shown
from aipolicy.enforce.controls.memory import Memory, OursIn
from aipolicy.enforce.controls.place import Blocked, Looked
from aipolicy.enforce.controls.tree import Merged, Ours, Table, Unreadable, has, merge, missing
from aipolicy.platforms.machine import Machine

logger = logging.getLogger(__name__)

OFF: Final = "off"
IN_FORCE: Final = "in force"
PARTLY: Final = "partly"
MISSING: Final = "missing"
OVERRIDDEN: Final = "overridden"

_MOST_RIVALS: Final = 100


class _Stands(Record, frozen=True, kw_only=True):
    """How one file stands: off, in force, missing or overridden, and why."""

    condition: str
    detail: str = ""


def put_in_force(
    controls: Sequence[Control], bans: Sequence[Ban], machine: Machine, memory: Memory
) -> tuple[ControlStatus, ...]:
    """Makes every file say what the bans want, as root; how each control stands then."""
    done: list[ControlStatus] = []
    for control in controls:
        files = control.files(bans, machine.os)
        done.append(_together(control, files, [_settled(wanted, machine, memory) for wanted in files]))
    return tuple(done)


def verify(controls: Sequence[Control], bans: Sequence[Ban], machine: Machine) -> tuple[ControlStatus, ...]:
    """How each control stands, by reading alone; anybody may ask."""
    found: list[ControlStatus] = []
    for control in controls:
        files = control.files(bans, machine.os)
        found.append(_together(control, files, [_read_back(wanted, machine) for wanted in files]))
    return tuple(found)


def overall(states: Sequence[ControlStatus]) -> str:
    """All controls in a word; those that nothing is wanted of don't count."""
    return _in_a_word([state.condition for state in states])


def _together(control: Control, files: Sequence[Wanted], stands: Sequence[_Stands]) -> ControlStatus:
    told = [
        f"{wanted.effect}: {one.condition}" + (f" ({one.detail})" if one.detail else "")
        for wanted, one in zip(files, stands, strict=True)
        if one.condition != OFF
    ]
    return ControlStatus(
        name=control.NAME,
        condition=_in_a_word([one.condition for one in stands]),
        detail="; ".join(told),
        around=control.AROUND,
    )


def _in_a_word(conditions: Sequence[str]) -> str:
    words = set(conditions) - {OFF}
    if not words:
        return OFF
    if len(words) == 1:
        return words.pop()
    return PARTLY if words & {IN_FORCE, PARTLY} else OVERRIDDEN


# --- one file --------------------------------------------------------------------------------------------


def _settled(wanted: Wanted, machine: Machine, memory: Memory) -> _Stands:
    path = place.at(machine, wanted.file)
    ours = memory.of(path)
    if not wanted.settings and ours is None:
        return _Stands(condition=OFF)
    try:
        found = place.look(machine, path)
        rivals = _rivals(wanted, machine)
        free = [setting for setting in wanted.settings if setting.path not in rivals]
        merged = _merge(path, wanted, free, found, ours, memory)
    except Blocked as why:
        said = str(why) if wanted.settings else f"ours could not be taken away: {why}"
        return _Stands(condition=OVERRIDDEN, detail=said)
    except OSError as error:  # a full or read-only disk: of the vendor's file, or of what we remember
        return _Stands(condition=MISSING, detail=f"{path}: {(error.strerror or str(error)).lower()}")
    if not wanted.settings:
        return _Stands(condition=OFF)
    theirs = [f"IT's own {name} in {path}" for name in merged.theirs]
    theirs += [f"IT's own {shown(setting)} in {file}" for setting, file in rivals.items()]
    if theirs:
        return _Stands(condition=OVERRIDDEN, detail="by " + ", ".join(theirs))
    return _read_back(wanted, machine)


def _merge(
    path: str, wanted: Wanted, settings: Sequence[Setting], found: Looked, ours: OursIn | None, memory: Memory
) -> Merged:
    """Brings the file to what is wanted and free to set; raises Blocked where it cannot be read."""
    table = _table(path, wanted, found.text)
    before = _text(wanted, table, found.text)
    merged = merge(table, settings, ours.ours if ours else Ours())
    after = _text(wanted, table, found.text)
    if before != after:
        _checked(path, wanted, after, table)
    mine = ours or OursIn(created=found.text is None, before=None if merged.adopted else found.text)
    unbroken = ours is None or found.text is None or _digest(found.text) == ours.written
    if not merged.ours.settings:
        if not table and (mine.created or mine.before is None):
            place.remove(path, memory.folders_of(path))
        elif before != after:
            place.put(path, mine.before if unbroken and mine.before is not None else after, found)
        if ours is not None:
            place.tidy(path)
            memory.forget(path)
        return merged
    text = found.text if before == after and found.text is not None else after
    memory.keep(
        path,
        OursIn(
            ours=merged.ours,
            created=mine.created,
            before=mine.before if unbroken else None,
            written=_digest(text),
        ),
        place.missing_folders(path),
    )
    if text != found.text:
        place.put(path, text, found)
        logger.info("native control written file=%s", path)
    return merged


def _read_back(wanted: Wanted, machine: Machine) -> _Stands:
    if not wanted.settings:
        return _Stands(condition=OFF)
    path = place.at(machine, wanted.file)
    try:
        found = place.look(machine, path)
        table = _table(path, wanted, found.text)
        rivals = _rivals(wanted, machine)
    except Blocked as why:
        return _Stands(condition=OVERRIDDEN, detail=str(why))
    if found.hidden:
        return _Stands(
            condition=OVERRIDDEN, detail=f"{found.hidden}: people's tools may not read it: chmod o+rX"
        )
    absent, against = missing(table, wanted.settings)
    theirs = [f"IT's own {name} in {path}" for name in against]
    theirs += [f"IT's own {shown(setting)} in {file}" for setting, file in rivals.items()]
    if theirs:
        return _Stands(condition=OVERRIDDEN, detail="by " + ", ".join(theirs))
    if absent:
        return _Stands(condition=MISSING, detail=f"{path} has no {', '.join(absent)}")
    return _Stands(condition=IN_FORCE, detail=path + _not_looked_into(wanted, machine))


def _rivals(wanted: Wanted, machine: Machine) -> dict[tuple[str, ...], str]:
    """The settings that another file of the vendor's says something of, and which file."""
    found: dict[tuple[str, ...], str] = {}
    for file in _others(wanted, machine):
        with contextlib.suppress(Blocked):
            table = _table(file, wanted, place.look(machine, file).text)
            found |= {s.path: file for s in wanted.settings if has(table, s.path)}
    return found


def _not_looked_into(wanted: Wanted, machine: Machine) -> str:
    """The vendor's other files that the tool may read and we cannot: what they say is not known."""
    said: list[str] = []
    for file in _others(wanted, machine):
        try:
            place.look(machine, file)
        except Blocked as why:
            said.append(str(why))
    return f"; not looked into: {', '.join(said)}" if said else ""


def _others(wanted: Wanted, machine: Machine) -> Iterator[str]:
    own = place.at(machine, wanted.file)
    for pattern in wanted.rivals:
        for file in sorted(glob.glob(place.at(machine, pattern)))[:_MOST_RIVALS]:
            if file != own:
                yield file


def _table(path: str, wanted: Wanted, text: str | None) -> Table:
    try:
        return json_file.read(text, wanted.texts) if wanted.form == "json" else toml_file.read(text)
    except Unreadable as error:
        raise Blocked(f"{path}:{error.line}: {error.what}; it is left as it is") from error


def _text(wanted: Wanted, table: Table, like: str | None) -> str:
    return json_file.write(table, like) if wanted.form == "json" else toml_file.write(table)


def _checked(path: str, wanted: Wanted, text: str, table: Table) -> None:
    """What is about to be written says, to an independent reader, what was meant."""
    again = _table(path, wanted, text)
    plain = toml_file.plain(text) if wanted.form == "toml" else again
    if plain != table:
        raise Blocked(f"{path}: it could not be changed without changing more; it is left as it is")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
