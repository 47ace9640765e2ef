"""Where a page ended, as a text that goes into an address and comes back from strangers."""

import base64
import binascii
from typing import TypeVar

import msgspec

T = TypeVar("T")


class BadCursor(ValueError):
    """`after` is not a value that a page gave as its `next`."""


def write(*place: str | int | bytes) -> str:
    """The text for a place in the order."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode("ascii")


def read(text: str, form: type[T]) -> T:
    """The place, checked. Raises BadCursor."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
        place = msgspec.json.decode(raw, type=form)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError, RecursionError) as error:
        raise BadCursor("this page address is not valid: start from the first page again") from error
    for part in place if isinstance(place, tuple) else ():
        if (isinstance(part, int) and abs(part) >= 2**63) or (isinstance(part, str) and "\0" in part):
            raise BadCursor("this page address is not valid: start from the first page again")
    return place
