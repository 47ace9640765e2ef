"""A small catalog's names, findings and a moment, for the tests of policies: no file, no machine."""

from datetime import UTC, datetime

from aipolicy.core.model import Confidence, Context, Evidence, Finding, Owner, State
from aipolicy.core.policy import KnownTools

VENDORS = {
    "claude-code": "anthropic",
    "claude-desktop": "anthropic",
    "qoder": "alibaba",
    "cursor": "anysphere",
    "ollama": "ollama",
    "aider": "aider-ai",
}
CATEGORIES = {
    "claude-code": "cli",
    "claude-desktop": "desktop",
    "qoder": "editor",
    "cursor": "editor",
    "ollama": "local-model",
    "aider": "cli",
}
NAMES = {"claude-code": "Claude Code", "qoder": "Qoder", "cursor": "Cursor"}
KNOWN = KnownTools(
    ids=frozenset(VENDORS),
    aliases={"qodercli": "qoder", "claude": "claude-code"},
    vendors=frozenset(VENDORS.values()),
    categories=frozenset(CATEGORIES.values()),
    names=NAMES,
)
CONTEXT = Context(
    now=datetime(2026, 9, 1, tzinfo=UTC), device="d1", hostname="fin-07", os="linux", owner="bob"
)


def finding(tool: str = "claude-code", confidence: Confidence = Confidence.CERTAIN) -> Finding:
    """One installed tool of bob's."""
    return Finding(
        tool=tool,
        name=NAMES.get(tool, tool),
        vendor=VENDORS.get(tool, "nobody"),
        category=CATEGORIES.get(tool, "cli"),
        version="1.2.3",
        state=State.INSTALLED,
        confidence=confidence,
        because=(Evidence(kind="npm", value=tool),),
        owner=Owner(uid=1000, name="bob"),
        path=f"/home/bob/bin/{tool}",
        form="npm global",
    )
