"""What a native control is: settings of the vendor's own that make its tool refuse, and where they lie.

A control says what it wants; merge.py, place.py and keep.py do the rest, the same for all of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from aipolicy.core.model import Action, Confidence, Done, Finding, Owner, Record, State, Verdict
from aipolicy.core.policy import Policy
from aipolicy.core.tool import Tool
from aipolicy.core.tools import Catalog
from aipolicy.enforce.notify import notice_text

LINUX: Final = "linux"
MACOS: Final = "macos"
WINDOWS: Final = "windows"
SYSTEMS: Final = (LINUX, MACOS, WINDOWS)

Path = tuple[str, ...]
"""A setting's name: the keys that lead to it."""


class Ban(Record, frozen=True, kw_only=True):
    """A tool that the policy blocks for everybody here. words: what a person is told, one printable line."""

    tool: Tool
    words: str


class Setting(Record, frozen=True, kw_only=True):
    """One setting that refuses.

    path, value: what is written. signed: holds the policy's words, so that nobody else would write just that.
    opening: only wanted in a table that is ours alone, and kept there while others have settings in it.
    """

    path: Path
    value: Any
    signed: bool = False
    opening: bool = False


class Wanted(Record, frozen=True, kw_only=True):
    """A file of the vendor's and what is to stand in it.

    file: its place. form: json or toml. settings: none where everything of ours is to go. effect: what it
    does, in words. texts: keys whose value may be JSON in a text. rivals: globs of the vendor's other files
    in which the same setting would count as well.
    """

    file: str
    form: str
    settings: tuple[Setting, ...]
    effect: str
    texts: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


class Registry(Record, frozen=True, kw_only=True):
    """A Windows policy value, always a text."""

    key: str
    value: str
    text: str


class Preferences(Record, frozen=True, kw_only=True):
    """Managed preferences of macOS, which a configuration profile carries."""

    domain: str
    keys: Mapping[str, Any]


class Control(Protocol):
    """A module of this folder."""

    NAME: str
    """What `aipolicy control` calls it."""

    TITLE: str
    """What people call what it controls."""

    AROUND: str
    """The known ways around it."""

    SINCE: Mapping[str, str]
    """The oldest version of each tool that obeys."""

    def files(self, bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
        """The files on that system, also where nothing is banned."""

    def registry(self, bans: Sequence[Ban]) -> tuple[Registry, ...]:
        """What Windows' own policies can carry."""

    def preferences(self, bans: Sequence[Ban]) -> tuple[Preferences, ...]:
        """What a profile of macOS can carry."""


def bans(catalog: Catalog, policy: Policy, verdict: Callable[[Finding], Verdict]) -> tuple[Ban, ...]:
    """The tools that are blocked, by the same decision as a finding: a native control is a block."""
    return tuple(_bans(catalog, policy, verdict))


def _bans(catalog: Catalog, policy: Policy, verdict: Callable[[Finding], Verdict]) -> Iterator[Ban]:
    for tool in catalog.tools:
        said = verdict(_as_found(tool))
        if said.action is Action.BLOCK:
            text = notice_text(said, policy.contact, instead=policy.instead, done=Done.DENIED)
            yield Ban(tool=tool, words=" ".join(text.splitlines()[1:]))  # the first names tool and rule


def _as_found(tool: Tool) -> Finding:
    """A control holds for everybody on the machine; whose the finding is does not matter."""
    return Finding(
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        version=None,
        state=State.INSTALLED,
        confidence=Confidence.CERTAIN,
        because=(),
        owner=Owner(uid=0, name="root"),
        path="",
        form="",
    )


def of(tool: str, bans: Sequence[Ban]) -> Ban | None:
    """The ban of one tool."""
    return next((ban for ban in bans if ban.tool.id == tool), None)


def shown(path: Path) -> str:
    """A setting's name for people."""
    return ".".join(path)


def as_json(value: object) -> str:
    """One line of JSON, as registry values and profiles carry it."""
    return msgspec.json.encode(value).decode()


def tree_of(settings: Sequence[Setting]) -> dict[str, Any]:
    """The settings as they stand in a file that holds nothing else."""
    tree: dict[str, Any] = {}
    for setting in settings:
        table = tree
        for key in setting.path[:-1]:
            table = table.setdefault(key, {})
        table[setting.path[-1]] = setting.value
    return tree
