"""Tokens and secrets: how they are made, recognised and hashed. Where they are kept is left to the store.

All are random and long, so that a plain SHA-256 of them can stand in the database.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Final

Chance = Callable[[int], bytes]

ADMIN_PREFIX: Final = "aipa_"
DEVICE_PREFIX: Final = "aipd_"
SECRET_PREFIX: Final = "aips_"  # noqa: S105  # the beginning of secrets, not one
SESSION_PREFIX: Final = "aipw_"

_RANDOM_BYTES = 24
_CHECK_BYTES = 8
_DEVICE_FORM = re.compile(rf"{DEVICE_PREFIX}[A-Za-z0-9_-]{{42}}[A-Za-z0-9_-]")


def new(prefix: str, chance: Chance) -> str:
    """A fresh token that says by its beginning what it is for."""
    return prefix + _text(chance(32))


def new_device_token(key: bytes, chance: Chance) -> str:
    """A device's bearer. Its end is a MAC over its beginning, so that a made-up one never costs a query."""
    random = chance(_RANDOM_BYTES)
    return DEVICE_PREFIX + _text(random + _mac(key, random))


def is_device_token(text: str, key: bytes) -> bool:
    """Whether a holder of the key made this token. Whether it is still good, the database knows."""
    if _DEVICE_FORM.fullmatch(text) is None:
        return False
    try:
        raw = base64.urlsafe_b64decode(text[len(DEVICE_PREFIX) :] + "=")
    except binascii.Error:
        return False
    return hmac.compare_digest(_mac(key, raw[:_RANDOM_BYTES]), raw[_RANDOM_BYTES:])


def hashed(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def find(token: str, hashes: Iterable[str]) -> str | None:
    """The hash that belongs to this token, compared with every one in constant time."""
    mine = hashed(token)
    found = None
    for candidate in hashes:
        if hmac.compare_digest(candidate, mine):
            found = candidate
    return found


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, None when it holds none."""
    if header is None or len(header) > 200:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _mac(key: bytes, random: bytes) -> bytes:
    return hmac.digest(key, b"device-token\0" + random, "sha256")[:_CHECK_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
