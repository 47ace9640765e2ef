"""People under another name: where the policy says so, no login name leaves the machine.

The key stays on the machine. Without it a pseudonym says nothing; with it, who administers the machine can
tell whose it is. The same person has the same one on this machine, and another one on every other.
"""

import hashlib
import hmac
import re

from msgspec.structs import replace

from aipolicy.core.model import Gone, Health, Outcome, Owner, Unseen

_ROOT = 0
"""The system's own account is nobody."""
_ABOVE_ALL_IDS = 2**31
"""So that no pseudonym is taken for a real id."""


_FORM = re.compile(r"user-[0-9a-f]{12}")


def is_pseudonym(name: str) -> bool:
    """Whether a name that came from a machine is one: then nobody here can say whose it is."""
    return _FORM.fullmatch(name) is not None


def hidden(about: Outcome | Gone | Unseen | Health, key: bytes) -> Outcome | Gone | Unseen | Health:
    """The same, about a person under another name. Places are home-relative already."""
    if isinstance(about, Gone):
        return replace(about, owner=pseudonym(about.owner, key))
    if isinstance(about, Outcome):
        verdict = about.verdict
        finding = replace(verdict.finding, owner=pseudonym(verdict.finding.owner, key))
        return replace(about, verdict=replace(verdict, finding=finding))
    return about


def pseudonym(owner: Owner, key: bytes) -> Owner:
    """Another name and another number, always the same for the same key."""
    if owner.uid == _ROOT:
        return owner
    digest = hmac.new(key, f"{owner.uid}\0{owner.name}".encode("utf-8", "backslashreplace"), hashlib.sha256)
    text = digest.hexdigest()
    return Owner(uid=_ABOVE_ALL_IDS + int(text[:7], 16), name=f"user-{text[:12]}")
