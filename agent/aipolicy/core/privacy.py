"""`privacy` of a policy: what may leave the machine about people and how long it is kept, and its reading."""

from enum import StrEnum

from aipolicy.core import yamlfile
from aipolicy.core.model import Record
from aipolicy.core.problem import Code, shown
from aipolicy.core.reading import Reading, kind
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.values import Place, key_of


class Usernames(StrEnum):
    """How people are named in what leaves the machine."""

    PLAIN = "plain"
    HASH = "hash"


class Privacy(Record, frozen=True, kw_only=True):
    """usernames: by their login name, or by another one that only the machine can tell.

    retention_days: for how many days events are kept, null where the policy leaves it to the server.
    """

    usernames: Usernames = Usernames.PLAIN
    retention_days: int | None = None


def read_privacy(node: yamlfile.Node | None, reading: Reading) -> Privacy:
    """What it says; people by their names where it says nothing."""
    if node is None:
        return Privacy()
    if not isinstance(node, yamlfile.Mapping):
        missing = isinstance(node, yamlfile.Scalar) and node.missing
        message = "privacy has no value" if missing else f"privacy is a mapping, not {kind(node)}"
        code = Code.NO_VALUE if missing else Code.WRONG_TYPE
        reading.problems.add(node, code, message, "write `privacy: {usernames: hash}`, or remove it")
        return Privacy()
    values = reading.keys(node, Place.PRIVACY)
    _word(values.get("paths"), "paths", reading)
    return Privacy(
        usernames=Usernames(_word(values.get("usernames"), "usernames", reading) or "plain"),
        retention_days=reading.days(values.get("retention"), "retention"),
    )


def _word(node: yamlfile.Node | None, key: str, reading: Reading) -> str:
    """One of the key's words, empty where it is not."""
    scalar = reading.scalar(node, key)
    if scalar is None:
        return ""
    words = key_of(Place.PRIVACY, key).words
    if scalar.text in words:
        return scalar.text
    message = f"{shown(scalar.text)} is nothing that {key} can be{did_you_mean(scalar.text, words)}"
    reading.problems.add(scalar, Code.PRIVACY, message, f"write {' or '.join(words)}")
    return ""
