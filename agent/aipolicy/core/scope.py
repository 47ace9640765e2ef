"""`scopes` of a policy: rules that hold for some machines and people only, and the reading of their list."""

from aipolicy.core import yamlfile
from aipolicy.core.audience import Audience
from aipolicy.core.entry import Entry, read_entries
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Code, shown
from aipolicy.core.read_audience import read_audience
from aipolicy.core.reading import Reading
from aipolicy.core.values import AUDIENCE_KEYS, Place


class Scope(Record, frozen=True, kw_only=True):
    """One scope. What it leaves out falls through to the policy itself.

    name: for people. audience: whom it is for. mode, unlisted: null where it states none.
    unlisted_rule: where it does. banned, approved: its entries. message: empty where it has none.
    rule: the file's base name and its line.
    """

    name: str
    audience: Audience
    mode: Action | None = None
    banned: tuple[Entry, ...] = ()
    approved: tuple[Entry, ...] = ()
    unlisted: Action | None = None
    unlisted_rule: str = ""
    message: str = ""
    rule: str


def read_scopes(node: yamlfile.Node | None, reading: Reading) -> tuple[Scope, ...]:
    """The scopes in the order of the file: the first that fits holds."""
    scopes: list[Scope] = []
    names: dict[str, str] = {}
    for item in reading.mappings(node, Place.SCOPE, "scopes"):
        scope = _scope(item, reading)
        first = names.setdefault(scope.name, scope.rule)
        if scope.name and first is not scope.rule:
            message = f"two scopes have the name {shown(scope.name)}, the first in {first}"
            reading.problems.add(item, Code.SAME_NAME, message, "choose another name")
        scopes.append(scope)
    return tuple(scopes)


def _scope(item: yamlfile.Mapping, reading: Reading) -> Scope:
    values = reading.keys(item, Place.SCOPE)
    reading.needed(item, values, Place.SCOPE)
    if not values.keys() & AUDIENCE_KEYS:
        message = (
            "the scope does not say whom it is for: it would hide all that follow, and the policy itself"
        )
        suggestion = "add " + ", ".join(f"`{key}`" for key in AUDIENCE_KEYS) + " or move its rules out of it"
        reading.problems.add(item, Code.NO_AUDIENCE, message, suggestion)
    unlisted = values.get("unlisted")
    return Scope(
        name=reading.text(values.get("name"), "name"),
        audience=read_audience(values, reading),
        mode=reading.action(values.get("mode"), "mode", Place.SCOPE),
        banned=read_entries(values.get("banned"), Place.BANNED, reading),
        approved=read_entries(values.get("approved"), Place.APPROVED, reading),
        unlisted=reading.action(unlisted, "unlisted", Place.SCOPE),
        unlisted_rule=reading.rule(unlisted) if unlisted else "",
        message=reading.message(values.get("message")),
        rule=reading.rule(item),
    )
