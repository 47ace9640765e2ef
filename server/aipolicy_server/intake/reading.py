"""Turns request bodies into the wire's records, or into a refusal that says what is wrong and where."""

from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec

from aipolicy.core.first_sights import FirstSights
from aipolicy.core.wire import MAX_BATCH_EVENTS, Batch, CheckIn, EnrolRequest
from aipolicy_server.clock import LATEST_US, to_us
from aipolicy_server.intake.bounded import (
    BoundedBatch,
    BoundedCheckIn,
    BoundedEnrolRequest,
    BoundedEvent,
    BoundedFirstSights,
)
from aipolicy_server.refusals import Refusal

T = TypeVar("T")

_SHOWN_PROBLEMS: Final = 5
_NUL: Final = "a text holds a NUL character"
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)


class _RawBatch(msgspec.Struct, frozen=True, kw_only=True):
    events: list[msgspec.Raw]


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    id: str


_batches = msgspec.json.Decoder(BoundedBatch)
_raw_batches = msgspec.json.Decoder(_RawBatch)
_events = msgspec.json.Decoder(BoundedEvent)
_named_events = msgspec.json.Decoder(_Named)
_enrolments = msgspec.json.Decoder(BoundedEnrolRequest)
_check_ins = msgspec.json.Decoder(BoundedCheckIn)
_first_sights = msgspec.json.Decoder(BoundedFirstSights)


def read_batch(body: bytes) -> Batch:
    """The batch. Raises Refusal, which names the events at fault."""
    try:
        batch = _batches.decode(body)
    except msgspec.ValidationError as error:
        raise _name_events(body, error) from error
    except _NOT_JSON as error:
        raise _malformed(error) from error
    _check_schema(batch.schema, "aipolicy.batch/1")
    clean = _is_clean(body)
    if not clean and _holds_nul((batch.device, batch.spool)):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-batch", _NUL)
    problems = [
        _named(number, event.id, problem)
        for number, event in enumerate(batch.events)
        if (problem := _fault(event, clean))
    ]
    if problems:
        raise _bad_events(problems)
    return batch


def _fault(event: Any, clean: bool) -> str:
    """What the types could not say."""
    if not 0 <= to_us(event.time) <= LATEST_US:
        return "time is before 1970 or after 9999"
    return "" if clean or not _holds_nul(msgspec.to_builtins(event)) else _NUL


def read_enrolment(body: bytes) -> EnrolRequest:
    """Who wants to be let in. Raises Refusal."""
    request = decode(body, _enrolments)
    _check_schema(request.schema, "aipolicy.enrol/1")
    return request


def read_check_in(body: bytes) -> CheckIn:
    """What a device says of itself. Raises Refusal."""
    request = decode(body, _check_ins)
    _check_schema(request.schema, "aipolicy.checkin/1")
    return request


def read_first_sights(body: bytes) -> FirstSights:
    """When graces began on a device. Raises Refusal."""
    told = decode(body, _first_sights)
    _check_schema(told.schema, "aipolicy.first-sights/1")
    return told


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What a body says. Raises Refusal."""
    try:
        request = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", _short(str(error))) from error
    except _NOT_JSON as error:
        raise _malformed(error) from error
    if not _is_clean(body) and _holds_nul(msgspec.to_builtins(request)):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", _NUL)
    return request


def _is_clean(body: bytes) -> bool:
    """Whether no text can hold a NUL, which PostgreSQL refuses: JSON has one way to write it."""
    return b"\\u0000" not in body


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for part in value.values())
    return isinstance(value, list | tuple) and any(_holds_nul(part) for part in value)


def _name_events(body: bytes, error: msgspec.ValidationError) -> Refusal:
    """Every event that is at fault: the decoder itself stops at the first."""
    problems = []
    try:
        raws = _raw_batches.decode(body).events
    except _NOT_JSON:  # then the fault is not in the events
        raws = []
    for number, raw in enumerate(raws[:MAX_BATCH_EVENTS]):
        try:
            _events.decode(raw)
        except _NOT_JSON as fault:
            problems.append(_named(number, _id_of(raw), str(fault)))
    if problems:
        return _bad_events(problems)
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-batch", _short(str(error)))


def _id_of(raw: msgspec.Raw) -> str:
    try:
        return _named_events.decode(raw).id
    except _NOT_JSON:
        return "unknown"


def _named(number: int, event_id: str, problem: str) -> str:
    return f"event {number} (id {_short(event_id, 36)}): {_short(problem)}"


def _bad_events(problems: list[str]) -> Refusal:
    more = len(problems) - _SHOWN_PROBLEMS
    title = "; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-event", title)


def _malformed(error: Exception) -> Refusal:
    reason = "nested too deeply" if isinstance(error, RecursionError) else _short(str(error))
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed", f"the body is not JSON we can read: {reason}")


def _check_schema(schema: str, known: str) -> None:
    if schema != known:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY, "schema", f"schema {_short(schema, 50)!r} is not {known}"
        )


def _short(text: str, longest: int = 200) -> str:
    """Text of a stranger in an answer: bounded, and with nothing that a terminal obeys."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")
