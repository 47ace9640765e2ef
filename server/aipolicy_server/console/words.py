"""The words and shapes under which the vocabulary of `aipolicy.core.model` appears on a page.

A ruling is told by its word and its shape, never by colour alone.
"""

from collections.abc import Mapping
from typing import Final

from aipolicy.core.model import Confidence, Done, Evidence, Record, Ruling


class Word(Record, frozen=True, kw_only=True):
    """How one value is shown. shape: id of the drawing in templates/shapes.html. meaning: one sentence."""

    text: str
    shape: str
    meaning: str


RULINGS: Final[Mapping[str, Word]] = {
    Ruling.BANNED: Word(text="banned", shape="stop", meaning="The policy names it as banned."),
    Ruling.UNLISTED: Word(text="unlisted", shape="open", meaning="The policy does not name it."),
    Ruling.APPROVED: Word(text="approved", shape="check", meaning="The policy names it as approved."),
    Ruling.EXEMPT: Word(text="exempt", shape="shield", meaning="Banned, but exempted until a date."),
}

DONE: Final[Mapping[str, Word]] = {
    Done.ALLOWED: Word(text="allowed", shape="", meaning="Approved: nothing to do."),
    Done.REPORTED: Word(text="reported", shape="", meaning="Recorded here; the person was not disturbed."),
    Done.WARNED: Word(text="warned", shape="", meaning="The person was told what the policy says."),
    Done.DENIED: Word(text="denied", shape="acted", meaning="It was not allowed to start."),
    Done.ENDED: Word(text="ended", shape="acted", meaning="It was running and was ended."),
    Done.NOT_ENFORCEABLE: Word(
        text="not enforceable", shape="alert", meaning="Banned, but it cannot be stopped on this machine."
    ),
    Done.FAILED: Word(text="failed", shape="alert", meaning="The agent tried to act and did not succeed."),
}

CONFIDENCES: Final[Mapping[str, Word]] = {
    Confidence.CERTAIN: Word(text="certain", shape="sure-3", meaning="Independent evidence agrees."),
    Confidence.LIKELY: Word(text="likely", shape="sure-2", meaning="Good evidence, no proof: never blocked."),
    Confidence.POSSIBLE: Word(text="possible", shape="sure-1", meaning="A name alone: only reported."),
}

KINDS: Final = {
    "outcome": "finding",
    "gone": "gone",
    "unseen": "could not look",
    "health": "agent",
}
"""Kinds of event, as `EventRow.kind` names them."""

STANDINGS: Final = (
    ("current", "enforce it"),
    ("older", "enforce another one that was published"),
    ("refusing", "were given it and refuse it"),
    ("own", "have a policy of their own, a file"),
    ("unknown", "never said what they enforce"),
)
"""Where devices stand next to the policy published last, as `store.policies.STANDINGS` names it."""

_EVIDENCE: Final = {
    "npm": "npm package",
    "pypi": "Python package",
    "deb": "Debian package",
    "rpm": "RPM package",
    "brew": "Homebrew package",
    "snap": "snap",
    "flatpak": "Flatpak application",
    "vscode-extension": "editor extension",
    "jetbrains-plugin": "JetBrains plugin",
    "content": "mark inside the file",
    "path": "installed at",
    "place": "another file, at the place of",
    "executable": "file name",
    "title": "process title",
    "bundle": "application bundle",
    "product": "product of the editor",
    "electron": "Electron application",
    "signer": "signed by",
    "version": "version inside the file",
}


def ruling_word(value: str | None) -> Word:
    return _word(RULINGS, value)


def done_word(value: str | None) -> Word:
    return _word(DONE, value)


def confidence_word(value: str | None) -> Word:
    return _word(CONFIDENCES, value)


def kind_word(value: str | None) -> str:
    return KINDS.get(value or "", value or "")


def evidence_kind(evidence: Evidence) -> str:
    """What sort of evidence it is, for people: "npm package"."""
    return _EVIDENCE.get(evidence.kind, evidence.kind.replace("-", " ").replace("_", " "))


def _word(table: Mapping[str, Word], value: str | None) -> Word:
    """The word for a value. A newer agent may say what this server does not know yet: shown as it is."""
    known = table.get(value or "")
    return known or Word(text=(value or "").replace("_", " "), shape="", meaning="")
