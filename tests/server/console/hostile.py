"""Names as nobody gives them, but as a device may send them: each breaks some page that trusts its data."""

from typing import Final

from aipolicy.core.model import Done, Evidence, Gone, Health, Outcome, Owner, State, Unseen
from server.console.synthetic import Fleet, hours, outcome

NAMES: Final = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(2)" x="',
    "image": "<img src=x onerror=alert(3)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "comment": "--><!-- </td></table></main>",
    "bidi": "abc\u202efdp.exe\u2066\u2067",
    "terminal": "\x1b[31mred\x1b[0m\x07\x08",
    "zero-width": "clau\u200bde\ufeff",
    "long": "W" * 10_000,
    "combining": "Z" + "\u0301" * 400,
    "formula": "=cmd|' /C calc'!A0",
    "rtl": "\u05d0\u05d1\u05d2 / \u0627\u0628\u062c",
    "emoji": "👩‍💻" * 40,
    "path": "../../etc/passwd?x=1#y&amp;",
    "javascript": "javascript:alert(4)",
    "lines": "a\nb\r\nc\u2028d\te",
}


def hostile_outcome(name: str) -> Outcome:
    """A finding that carries the name wherever a device can put text."""
    return outcome(
        (name, name, name, name),
        version=name,
        owner=name,
        path=name,
        form=name,
        done=Done.NOT_ENFORCEABLE,
        detail=name,
        reason=name,
        why=name,
        message=name,
        because=(Evidence(kind=name, value=name),),
    )


def fill_with_hostile(fleet: Fleet) -> dict[str, str]:
    """One device per name, carrying it everywhere. Device ids by the kind of name."""
    ids = {}
    for number, (kind, name) in enumerate(NAMES.items()):
        device = fleet.enrol(name, os_version=name, policy=name, mode=name)
        ids[kind] = device
        fleet.report(
            device,
            [
                (hours(4 + number), hostile_outcome(name)),
                (
                    hours(3 + number),
                    Gone(tool=name, state=State.RUNNING, owner=Owner(uid=1, name=name), path=name),
                ),
                (hours(2 + number), Unseen(place=name, reason=name)),
                (hours(1 + number), Health(part=name, condition=name, detail=name, count=3)),
            ],
        )
    return ids
