"""The one table of the policy language: every key, where it stands, what it holds and the words it may have.

The reader and the checker go by it, and docs/policy.md and the schema are made from it.
"""

from enum import StrEnum
from typing import Final

from msgspec import structs

from aipolicy.core.model import Action, Record


class Place(StrEnum):
    """The kinds of mappings that a policy is made of."""

    POLICY = "policy"
    BANNED = "banned"
    APPROVED = "approved"
    SCOPE = "scope"
    EXEMPTION = "exemption"
    TEST = "test"
    PRIVACY = "privacy"


class Form(StrEnum):
    """What a value looks like. Every one of them is written as text, or as a list or mapping of texts."""

    TEXT = "text"  # one paragraph for people
    MESSAGE = "message"  # one with placeholders
    WORD = "word"  # one of the key's words
    SELECTOR = "selector"
    TOOL = "tool"  # a tool's id, with or without @VERSION
    DAY = "day"  # 2026-10-01, UTC
    SPAN = "span"  # 7d
    DAYS = "days"  # 90d, in whole days
    VERSIONS = "versions"  # >=1.7, <2
    NAMES = "names"  # a list of names; of `words`, where there are any
    HOSTS = "hosts"  # a list of names and patterns
    PERCENT = "percent"  # 5
    ENTRIES = "entries"  # a list of selectors and of mappings of the place `of`
    MAPPINGS = "mappings"  # a list of mappings of the place `of`
    MAPPING = "mapping"  # one mapping of the place `of`


class Key(Record, frozen=True, kw_only=True):
    """One key.

    form: what its value looks like. says: what it says, for people. without: what holds where it is left out.
    needed: whether it must be there. words: what may be written, where that is a choice. of: the place of the
    mappings in its list.
    """

    name: str
    form: Form
    says: str
    without: str = ""
    needed: bool = False
    words: tuple[str, ...] = ()
    of: Place | None = None


_UP_TO_BLOCK: Final = (Action.REPORT, Action.WARN, Action.BLOCK)

_TOOL: Final = Key(name="tool", form=Form.SELECTOR, says="the selector", needed=True)
_REASON: Final = Key(
    name="reason",
    form=Form.TEXT,
    says="why, in one paragraph: it stands beside the verdict in every report",
    without="none is given",
)
_ENTRY_MESSAGE: Final = Key(
    name="message",
    form=Form.MESSAGE,
    says="what a person is told instead of the policy's `message`",
    without="the policy's",
)
_VERSIONS: Final = Key(
    name="versions",
    form=Form.VERSIONS,
    says='the versions that are meant, as `">=1.7, <2"`, `"<1.7"` or `"=1.7.2"`, in quotes',
    without="all of them",
)
_UNTIL: Final = Key(
    name="until",
    form=Form.DAY,
    says="the last day on which the entry holds, in UTC; afterwards it is as if it were not there",
    without="it has no end",
)

_MODE: Final = Key(
    name="mode",
    form=Form.WORD,
    words=_UP_TO_BLOCK,
    says="the most the agent may do: `report` < `warn` < `block`",
    without="`report`",
)
_UNLISTED: Final = Key(
    name="unlisted",
    form=Form.WORD,
    words=tuple(Action),
    says="what becomes of a tool that neither names: `allow`, `report`, `warn`, `block`",
    without="`report`",
)
_BANNED: Final = Key(
    name="banned", form=Form.ENTRIES, of=Place.BANNED, says="the tools nobody may use", without="none"
)
_APPROVED: Final = Key(
    name="approved",
    form=Form.ENTRIES,
    of=Place.APPROVED,
    says="the tools that are allowed",
    without="none",
)
_AUDIENCE: Final = (
    Key(
        name="hosts",
        form=Form.HOSTS,
        says="names of machines, whole or their first part; `*` is any text, `?` one letter",
        without="any",
    ),
    Key(name="users", form=Form.NAMES, says="login names of the tool's owner", without="any"),
    Key(
        name="groups",
        form=Form.NAMES,
        says="groups the owner is in, of the directory or the machine",
        without="any",
    ),
    Key(
        name="os",
        form=Form.NAMES,
        words=("linux", "macos", "windows"),
        says="`linux`, `macos`, `windows`",
        without="any",
    ),
    Key(name="tags", form=Form.NAMES, says="labels that `agent.yaml` gives the machine", without="any"),
)
_FALLS: Final = "the policy's"

KEYS: Final[dict[Place, tuple[Key, ...]]] = {  # in the order in which `policy fmt` writes them
    Place.POLICY: (
        Key(name="name", form=Form.TEXT, says="the policy's name in reports", without="the file's name"),
        _MODE,
        _BANNED,
        _APPROVED,
        _UNLISTED,
        Key(
            name="contact",
            form=Form.TEXT,
            says="whom to ask: an address or a page",
            without="nobody is named",
        ),
        Key(
            name="message",
            form=Form.MESSAGE,
            says="what a person is told, one paragraph, 500 characters at most",
            without="the agent's own words",
        ),
        Key(
            name="scopes",
            form=Form.MAPPINGS,
            of=Place.SCOPE,
            says="other rules for some machines and people; the first scope that fits holds",
            without="none",
        ),
        Key(
            name="exemptions",
            form=Form.MAPPINGS,
            of=Place.EXEMPTION,
            says="who may use a banned tool all the same, until a day",
            without="none",
        ),
        Key(
            name="tests",
            form=Form.MAPPINGS,
            of=Place.TEST,
            says="what the policy is to say of which tool, person, machine and day",
            without="none",
        ),
        Key(
            name="privacy",
            form=Form.MAPPING,
            of=Place.PRIVACY,
            says="what leaves the machine about people, and for how long it is kept",
            without="login names, home-relative paths, kept for as long as the server's own setting says",
        ),
    ),
    Place.PRIVACY: (
        Key(
            name="usernames",
            form=Form.WORD,
            words=("plain", "hash"),
            says="`plain`, or `hash`: another name for each person, which only that machine can tell",
            without="`plain`",
        ),
        Key(
            name="paths",
            form=Form.WORD,
            words=("home-relative",),
            says="`home-relative`: `~` for the home; there is nothing else",
            without="`home-relative`",
        ),
        Key(
            name="retention",
            form=Form.DAYS,
            says="how many days events are kept, `90d`: it only shortens what the server's setting allows",
            without="the server's own setting",
        ),
    ),
    Place.SCOPE: (
        Key(name="name", form=Form.TEXT, says="its name, for people", needed=True),
        *_AUDIENCE,
        Key(
            name="percent",
            form=Form.PERCENT,
            says="a part of all machines, by their names: whoever is in 5 is in 30 as well",
            without="all",
        ),
        *(
            structs.replace(key, without=_FALLS)
            for key in (_MODE, _BANNED, _APPROVED, _UNLISTED, _ENTRY_MESSAGE)
        ),
    ),
    Place.EXEMPTION: (
        _TOOL,
        _VERSIONS,
        structs.replace(
            _UNTIL, says="the last day on which it holds, in UTC; it ends by itself", needed=True, without=""
        ),
        Key(name="ticket", form=Form.TEXT, says="where it was granted", needed=True),
        *_AUDIENCE,
        _REASON,
    ),
    Place.TEST: (
        Key(
            name="tool",
            form=Form.TOOL,
            says="a tool's id or alias, with a version as `cursor@1.7.2` or without one",
            needed=True,
        ),
        Key(
            name="expect",
            form=Form.WORD,
            words=tuple(Action),
            says="what is to be done: `allow`, `report`, `warn`, `block`",
            needed=True,
        ),
        Key(name="user", form=Form.TEXT, says="whose the tool is", without="somebody whom no list names"),
        Key(name="groups", form=Form.NAMES, says="the groups that person is in", without="none"),
        Key(name="host", form=Form.TEXT, says="the machine's name", without="one that no list names"),
        Key(
            name="os",
            form=Form.WORD,
            words=("linux", "macos", "windows"),
            says="the machine's system",
            without="`linux`",
        ),
        Key(name="tags", form=Form.NAMES, says="the machine's labels", without="none"),
        Key(
            name="rollout",
            form=Form.PERCENT,
            says="where the machine stands in roll-outs, from 0 to 100: 3 is in `percent: 5`",
            without="where its name puts it; without a name, in none",
        ),
        Key(
            name="at",
            form=Form.DAY,
            says="the day; needed where the answer depends on it",
            without="any day",
        ),
        Key(
            name="first_seen",
            form=Form.DAY,
            says="when the tool was first seen there, for a `grace`",
            without="on that very day",
        ),
    ),
    Place.BANNED: (
        _TOOL,
        _VERSIONS,
        Key(
            name="action",
            form=Form.WORD,
            words=_UP_TO_BLOCK,
            says="`report`, `warn` or `block`",
            without="`block`",
        ),
        Key(
            name="from",
            form=Form.DAY,
            says="the first day on which it may be blocked, in UTC; before, it is warned of at most",
            without="at once",
        ),
        _UNTIL,
        Key(
            name="grace",
            form=Form.SPAN,
            says="how long a tool is only warned of, from its first sight on that machine: `7d`, `48h`, `2w`",
            without="none",
        ),
        _REASON,
        _ENTRY_MESSAGE,
    ),
    Place.APPROVED: (
        _TOOL,
        _VERSIONS,
        Key(
            name="from",
            form=Form.DAY,
            says="the first day on which the entry holds, in UTC; before, it is as if it were not there",
            without="at once",
        ),
        _UNTIL,
        Key(name="action", form=Form.WORD, words=(Action.ALLOW,), says="`allow`", without="`allow`"),
        _REASON,
        _ENTRY_MESSAGE,
    ),
}

AUDIENCE_KEYS: Final = (*(key.name for key in _AUDIENCE), "percent")
"""They say whom a scope is for."""

RULES: Final = ("banned", "approved", "unlisted", "scopes")
"""One of these at least is in a policy."""


def names(place: Place) -> tuple[str, ...]:
    """The keys that may stand there."""
    return tuple(key.name for key in KEYS[place])


def key_of(place: Place, name: str) -> Key:
    """One key of the table."""
    return next(key for key in KEYS[place] if key.name == name)
