"""`tests` of a policy: what it is to say of a tool, a person, a machine and a day, and their reading."""

from datetime import datetime
from decimal import Decimal

from aipolicy.core import yamlfile
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Code, shown
from aipolicy.core.read_audience import read_names, read_percent, read_system
from aipolicy.core.reading import Reading
from aipolicy.core.selector import Kind
from aipolicy.core.values import Place


class PolicyTest(Record, frozen=True, kw_only=True):
    """tool: its id. version: null for one that is not known. expect: what is to be done about it.

    user: the owner's login name, empty for somebody whom no list names. groups: the owner's.
    host: the machine's name, empty for one that no list names. os, tags: the machine's.
    rollout: where it stands in roll-outs, null for where its name puts it.
    at: the day, null where it does not matter. first_seen: when the tool was first seen there, null where it
    is new. rule: the file's base name and the line.
    """

    tool: str
    version: str | None = None
    expect: Action
    user: str = ""
    groups: frozenset[str] = frozenset()
    host: str = ""
    os: str = "linux"
    tags: frozenset[str] = frozenset()
    rollout: Decimal | None = None
    at: datetime | None = None
    first_seen: datetime | None = None
    rule: str


def read_tests(node: yamlfile.Node | None, reading: Reading) -> tuple[PolicyTest, ...]:
    """The tests in the order of the file."""
    found = (_test(item, reading) for item in reading.mappings(node, Place.TEST, "tests"))
    return tuple(test for test in found if test is not None)


def _test(item: yamlfile.Mapping, reading: Reading) -> PolicyTest | None:
    values = reading.keys(item, Place.TEST)
    reading.needed(item, values, Place.TEST)
    tool, version = _tool(values.get("tool"), reading)
    expect = reading.action(values.get("expect"), "expect", Place.TEST)
    user, host = reading.text(values.get("user"), "user"), reading.text(values.get("host"), "host")
    groups, tags = read_names("groups", values, reading), read_names("tags", values, reading)
    system, rollout = read_system(values.get("os"), reading), read_percent("rollout", values, reading)
    day, first = reading.day(values.get("at"), "at"), reading.day(values.get("first_seen"), "first_seen")
    if day and first and first > day:
        message = f"first_seen {first:%Y-%m-%d} is after at {day:%Y-%m-%d}"
        reading.problems.add(values["first_seen"], Code.NEVER, message, "swap them")
    if tool is None or expect is None:
        return None
    return PolicyTest(
        tool=tool,
        version=version,
        expect=expect,
        user=user,
        groups=frozenset(groups),
        host=host,
        os=system,
        tags=frozenset(tags),
        rollout=rollout,
        at=day,
        first_seen=first,
        rule=reading.rule(item),
    )


def _tool(node: yamlfile.Node | None, reading: Reading) -> tuple[str | None, str | None]:
    """The id and the version of `cursor@1.7.2`."""
    scalar = reading.scalar(node, "tool")
    if scalar is None:
        return None, None
    name, _, version = scalar.text.partition("@")
    selector = reading.selector_named(name, scalar)
    if selector is not None and selector.kind is not Kind.TOOL:
        message = f"a test is about one tool, not about {shown(name)}"
        reading.problems.add(scalar, Code.ONE_TOOL, message, "name one of these tools")
        return None, None
    return (selector.value if selector is not None else None), version or None
