"""Santa's execution rules: what `santactl rule --export` writes, StaticRules of a profile, a server's JSON.

Keys, words and their meaning by Santa's docs/features/binary-authorization.md ("Rule Dictionary Format") and
Source/common/SNTSyncConstants.mm, 2026; keys and values in any case, the names from before 2020 as well.
"""

import json
import plistlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable

_BANS: Final = frozenset({
    "BLOCKLIST", "SILENT_BLOCKLIST", "SILENT_GUI_BLOCKLIST", "SILENT_TTY_BLOCKLIST", "BLACKLIST",
    "SILENT_BLACKLIST",
})  # fmt: skip
_APPROVES: Final = frozenset({
    "ALLOWLIST", "ALLOWLIST_COMPILER", "ALLOWLIST_LOCAL_BINARY", "ALLOWLIST_LOCAL_SIGNINGID", "WHITELIST",
    "WHITELIST_COMPILER",
})  # fmt: skip
_HASHES: Final = {
    "BINARY": "the hash of one file",
    "CDHASH": "the hash of one build",
    "CERTIFICATE": "a certificate",
}
_PLATFORM: Final = "platform"
_DEEPEST: Final = 8
_DER_SEQUENCE: Final = b"\x30"
"""A signature begins so, and what it signs is inside it."""


def looks_like(data: bytes) -> bool:
    """Whether it may be a file of Santa's rules."""
    return _is_json(data) or data.startswith(b"bplist") or b"<plist" in data[:2000].replace(b"\0", b"")


def read(data: bytes) -> list[ForeignRule]:
    """The rules in their order. Raises NotReadable."""
    document = _document(data)
    rules = list(_rule_lists(document))
    if not rules:
        raise NotReadable(
            'there is no list of rules: expected is {"rules": [...]} as `santactl rule --export` writes it, '
            "or a profile with StaticRules"
        )
    return [_rule(rule, number) for number, rule in enumerate((r for found in rules for r in found), 1)]


def _is_json(data: bytes) -> bool:
    head = data[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")
    return head[:1] == b"{" or re.match(rb"\[\s*[]{]", head) is not None


def _document(data: bytes) -> Any:
    if _is_json(data):
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise NotReadable(f"this is not JSON: {error}") from error
    if data.startswith(_DER_SEQUENCE):
        raise NotReadable(
            "it is a signed profile: take the signature off with `security cms -D -i FILE > profile.plist` "
            "or `openssl smime -verify -noverify -inform der -in FILE > profile.plist`"
        )
    try:
        return plistlib.loads(data)
    except Exception as error:  # plistlib raises what its parsers do
        raise NotReadable(f"this is no property list: {error}") from error


def _rule_lists(value: Any, deep: int = 0) -> Iterator[list[Any]]:
    """Lists of rules at any place: a profile has its payloads nested."""
    if deep > _DEEPEST:
        return
    if isinstance(value, list):
        if deep == 0 and value and isinstance(value[0], Mapping) and "identifier" in _lowered(value[0]):
            yield value
        else:
            for one in value:
                yield from _rule_lists(one, deep + 1)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if isinstance(key, str) and key.lower() in ("rules", "staticrules") and isinstance(one, list):
                yield one
            else:
                yield from _rule_lists(one, deep + 1)


def _lowered(rule: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key).lower(): value for key, value in rule.items() if isinstance(value, str)}


def _rule(given: Any, number: int) -> ForeignRule:
    at = f"rule {number}"
    if not isinstance(given, Mapping):
        return ForeignRule(at=at, says=str(given)[:60], no="it is not a rule: a rule is a dictionary")
    rule = _lowered(given)
    identifier = rule.get("identifier") or rule.get("sha256", "")
    kind, policy = rule.get("rule_type", "").upper(), rule.get("policy", "").upper()
    says = f"{policy or 'no policy'} {kind or 'no rule_type'} {identifier or 'no identifier'}"
    reason = rule.get("custom_msg") or rule.get("comment", "")
    lost = ("its custom_url",) if rule.get("custom_url") else ()
    clues = _clues(kind, identifier)
    return ForeignRule(
        at=at,
        says=says,
        bans=policy in _BANS,
        clues=clues,
        reason=reason,
        lost=lost,
        no=_why_not(kind, policy, identifier, clues),
    )


def _clues(kind: str, identifier: str) -> tuple[Clue, ...]:
    if kind == "TEAMID":
        return (Clue(kind=Kind.SIGNER, value=identifier),)
    team, colon, signing = identifier.partition(":")
    if kind == "SIGNINGID" and colon and signing and team.lower() != _PLATFORM:
        return (Clue(kind=Kind.SIGNER, value=team), Clue(kind=Kind.BUNDLE, value=signing))
    return ()


def _why_not(kind: str, policy: str, identifier: str, clues: tuple[Clue, ...]) -> str:
    if policy == "CEL":
        return "a CEL expression has no counterpart in a policy"
    if policy not in _BANS | _APPROVES:
        return f"the policy {policy!r} neither bans nor approves"
    if kind in _HASHES:
        return f"{_HASHES[kind]} says nothing of which tool it is: name the tool"
    if identifier.lower().startswith(f"{_PLATFORM}:"):
        return "it is about a program of macOS"
    return "" if clues else f"the rule type {kind!r} with the identifier {identifier!r} is not known"
