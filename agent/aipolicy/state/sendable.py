"""The last check of a record before it is stored: JSON and SQLite can hold it, and it is not huge.

Names are made printable where they enter the program; this catches what slipped through, so that one odd file
name can neither stop the store nor be lost in silence.
"""

from typing import Any, TypeVar

import msgspec

from aipolicy.core.model import Event, Health
from aipolicy.core.wire import printable

MAX_EVENT_BYTES = 64 * 1024

S = TypeVar("S", bound=msgspec.Struct)


def sendable(record: S) -> S:
    """`record`, with texts that cannot be encoded (lone surrogates) written as escapes."""
    try:
        msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.convert(_escaped(msgspec.to_builtins(record)), type(record))
    return record


def sendable_event(event: Event) -> Event:
    """`event`; one too large for the wire becomes a Health record that counts it."""
    event = sendable(event)
    size = len(msgspec.json.encode(event))
    if size <= MAX_EVENT_BYTES:
        return event
    detail = f"A record of {size} bytes was too large to be sent and was left out."
    return msgspec.structs.replace(
        event, about=Health(part="spool", condition="oversized", detail=detail, count=1)
    )


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_escaped(k): _escaped(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(v) for v in value]
    return value
