"""fapolicyd's rules: a file of rules.d, compiled.rules, or what `fapolicyd-cli --list` prints.

The notation by fapolicyd.rules(5), 2026. The first match wins there; a policy has no order, and a ban wins.
"""

import re
from typing import Final

from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable

_DECISION: Final = re.compile(r"(?:\d+\.\s+)?(allow|deny)(?:_audit|_syslog|_log)?\s+(.*)")
_SET: Final = re.compile(r"(?:->\s*)?%(\w+)\s*=(.*)")
_NARROWER: Final = ("ftype", "trust", "device", "filehash", "sha256hash", "pattern", "mode")
_KEYWORDS: Final = ("untrusted", "execdirs", "systemdirs")


def looks_like(data: bytes) -> bool:
    """Whether some line of it is a rule."""
    lines = data.decode("utf-8", "replace").splitlines()
    return any((found := _DECISION.fullmatch(line.strip())) and ":" in found[2] for line in lines)


def read(data: bytes) -> list[ForeignRule]:
    """The rules in their order. Raises NotReadable."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"this is not UTF-8 (byte {error.start})") from error
    sets: dict[str, tuple[str, ...]] = {}
    rules: list[ForeignRule] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if defined := _SET.fullmatch(line):
            sets[defined[1]] = _split(defined[2])
        elif line and not line.startswith("#"):
            rules += _rules(line, number, sets)
    return rules


def _rules(line: str, number: int, sets: dict[str, tuple[str, ...]]) -> list[ForeignRule]:
    at = f"line {number}"
    found = _DECISION.fullmatch(line)
    if found is None or ":" not in found[2]:
        return [ForeignRule(at=at, says=line[:80], no="it is not a rule: DECISION PERM SUBJECT : OBJECT")]
    subject, _, target = found[2].partition(" : ")
    fields = dict(word.partition("=")[::2] for word in target.split())
    narrower = [name for name in fields if name in _NARROWER]
    who = [word for word in subject.split() if word != "all" and not word.startswith("perm=")]
    bans = found[1] == "deny"
    lost = (f"its {' and '.join(narrower)}",) if narrower and bans else ()
    no = ""
    places = [place for name in ("path", "dir") for place in _values(fields.get(name, ""), sets)]
    if "filehash" in fields or "sha256hash" in fields:
        no = "the hash of a file says nothing of which tool it is: name the tool"
    elif who:
        no = f"it holds for {' '.join(who)} only: write it as a scope"
    elif not places or any(place in _KEYWORDS for place in places):
        no = "it names no program: a policy is about AI tools only"
    elif narrower and not bans:
        no = f"it allows only where its {' and '.join(narrower)} fits"
    if no:
        return [ForeignRule(at=at, says=line[:80], bans=bans, no=no)]
    return [
        ForeignRule(
            at=at, says=line[:80], bans=bans, lost=lost, clues=(Clue(kind=Kind.PATH, value=_glob(place)),)
        )
        for place in places
    ]


def _values(value: str, sets: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return sets.get(value[1:], ()) if value.startswith("%") else _split(value)


def _split(values: str) -> tuple[str, ...]:
    """Values with commas between them; one with a comma or blank in it stands in quotes."""
    return tuple(value.strip().strip('"') for value in values.split(",") if value.strip())


def _glob(place: str) -> str:
    place = place.removeprefix("glob:")
    return f"{place}*" if place.endswith("/") else place
