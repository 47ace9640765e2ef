"""The policy: its record, and the reading of its text with every error at once.

What a policy means for a finding is decided in decide.py.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from aipolicy.core import yamlfile
from aipolicy.core.entry import Entry, read_entries
from aipolicy.core.exemption import Exemption, read_exemptions
from aipolicy.core.model import Action, Record
from aipolicy.core.policy_test import PolicyTest, read_tests
from aipolicy.core.privacy import Privacy, read_privacy
from aipolicy.core.problem import Code
from aipolicy.core.reading import Reading, kind
from aipolicy.core.scope import Scope, read_scopes
from aipolicy.core.selector import Kind, KnownTools, Selector
from aipolicy.core.values import RULES, Place
from aipolicy.core.wire import printable

__all__ = [
    "NO_POLICY",
    "Entry",
    "Kind",
    "KnownTools",
    "Policy",
    "PolicyErrors",
    "Selector",
    "parse",
    "version_of",
]

NO_POLICY: Final = b"name: none\nbanned: []\n"
"""What holds where there is no policy: everything is unlisted, and reported."""


class Policy(Record, frozen=True, kw_only=True):
    """A whole, right policy.

    name: for people. version: the first 12 hex digits of the SHA-256 of its text.
    mode: the most the agent may do. banned, approved: the entries in the order of the file.
    unlisted: the action for what no entry names. unlisted_rule: where it says so, or that it does not.
    contact: whom to ask. message: what the person is told; both empty where the policy has none.
    instead: the approved tools, for people.
    scopes: rules for some machines and people; the first that fits holds. exemptions: before all of them.
    tests: what it is to say; run_tests.py runs them. privacy: what leaves it, how long it is kept.
    """

    name: str
    version: str
    mode: Action = Action.REPORT
    banned: tuple[Entry, ...] = ()
    approved: tuple[Entry, ...] = ()
    unlisted: Action = Action.REPORT
    unlisted_rule: str
    contact: str = ""
    message: str = ""
    instead: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    privacy: Privacy = Privacy()

    @property
    def entries(self) -> Iterator[Entry]:
        """All of them, wherever they stand."""
        yield from (*self.banned, *self.approved)
        for scope in self.scopes:
            yield from (*scope.banned, *scope.approved)

    @property
    def modes(self) -> tuple[Action, ...]:
        """Its own and those of its scopes: what decides how much may be done somewhere."""
        return (self.mode, *(scope.mode for scope in self.scopes if scope.mode is not None))

    @property
    def most(self) -> Action:
        """The most it lets an agent do anywhere."""
        return max(self.modes, key=tuple(Action).index)

    @property
    def asks_for_groups(self) -> bool:
        """Whether it must be known which groups a person is in."""
        audiences = [scope.audience for scope in self.scopes]
        audiences += [exemption.audience for exemption in self.exemptions]
        return any(audience.groups for audience in audiences)


class PolicyErrors(yamlfile.YamlErrors):
    """The policy is refused: nothing of it holds. `problems` says everything that is wrong with it."""


def parse(text: bytes | str, filename: str, known: KnownTools) -> Policy:
    """The policy in `text`. Raises PolicyErrors, and nothing else, whatever the text."""
    root, problems = yamlfile.read(text, filename)
    file = printable(re.split(r"[/\\]", filename)[-1])
    if root is None:
        raise PolicyErrors(problems.all())
    values = _values(root, Reading(file, known, problems, has_contact=False))
    version = version_of(text)
    policy = _policy(values, version, Reading(file, known, problems, has_contact="contact" in values))
    if problems:
        raise PolicyErrors(problems.all())
    return policy


def version_of(text: bytes | str) -> str:
    """What every report calls the policy with this text."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]


def _values(root: yamlfile.Node, reading: Reading) -> dict[str, yamlfile.Node]:
    """The values of the policy's own keys."""
    problems = reading.problems
    if isinstance(root, yamlfile.Scalar) and root.missing:
        problems.add(root, Code.EMPTY, "the policy is empty", "write `banned: []` if no tool is banned")
        return {}
    if not isinstance(root, yamlfile.Mapping):
        run_on = isinstance(root, yamlfile.Scalar) and (":" in root.text or "=" in root.text)
        suggestion = "a key is followed by ': ', with a space" if run_on else "write `banned: [TOOL]`"
        problems.add(root, Code.WRONG_TYPE, f"a policy is a mapping, not {kind(root)}", suggestion)
        return {}
    values = reading.keys(root, Place.POLICY)
    # Where something is wrong already, the missing rule is most likely the thing that is wrong.
    if not problems and not values.keys() & RULES:
        message = "the policy says nothing about any tool"
        problems.add(root, Code.NO_RULE, message, "write `banned: []` if no tool is banned")
    return values


def _policy(values: dict[str, yamlfile.Node], version: str, reading: Reading) -> Policy:
    banned = read_entries(values.get("banned"), Place.BANNED, reading)
    approved = read_entries(values.get("approved"), Place.APPROVED, reading)
    unlisted = values.get("unlisted")
    return Policy(
        name=reading.text(values.get("name"), "name") or reading.file.partition(".")[0] or reading.file,
        version=version,
        mode=reading.action(values.get("mode"), "mode", Place.POLICY) or Action.REPORT,
        banned=banned,
        approved=approved,
        unlisted=reading.action(unlisted, "unlisted", Place.POLICY) or Action.REPORT,
        unlisted_rule=reading.rule(unlisted) if unlisted else f"{reading.file}: not listed",
        contact=reading.text(values.get("contact"), "contact"),
        message=reading.message(values.get("message")),
        instead=tuple(_instead(banned, approved, reading.known)),
        scopes=read_scopes(values.get("scopes"), reading),
        exemptions=read_exemptions(values.get("exemptions"), reading),
        tests=read_tests(values.get("tests"), reading),
        privacy=read_privacy(values.get("privacy"), reading),
    )


def _instead(banned: Sequence[Entry], approved: Sequence[Entry], known: KnownTools) -> Iterator[str]:
    """The approved tools for people; one that the same policy also bans by name is not to be recommended."""
    refused = {entry.selector for entry in banned}
    for selector in (entry.selector for entry in approved):
        if selector.kind is Kind.TOOL and selector not in refused:
            yield known.names.get(selector.value, selector.value)
