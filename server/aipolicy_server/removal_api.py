"""The API's part about what is kept how long, what was removed, and what is to be erased."""

import secrets
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from msgspec import Meta
from starlette.concurrency import run_in_threadpool

from aipolicy.core.model import Record
from aipolicy.core.wire import printable
from aipolicy_server.access import require_admin
from aipolicy_server.api_parts import After, Limit, answer, answers, nothing, reading
from aipolicy_server.erase import Asked, Erased, Eraser
from aipolicy_server.intake.body import read_body
from aipolicy_server.intake.reading import decode
from aipolicy_server.kept_for import ByPolicy, by_policy, in_force
from aipolicy_server.openapi import body_model
from aipolicy_server.refusals import Refusal
from aipolicy_server.settings import Keep
from aipolicy_server.store import removals
from aipolicy_server.store.erasure import NoSuchDevice
from aipolicy_server.store.rows import RemovalRow

Subject = Annotated[
    str | None, Query(pattern="^[0-9a-f]{64}$", description="only what was done about this one")
]


class Removals(Record, frozen=True, kw_only=True):
    """What this server keeps how long, and one page of what was removed, the newest first.

    keep: its own setting. policy: what the policy in force says, null where it says nothing. in_force: the
    stricter of both.
    """

    keep: Keep
    policy: ByPolicy | None
    in_force: Keep
    rows: tuple[RemovalRow, ...]
    next: str | None


class EraseRequest(Record, frozen=True, kw_only=True):
    """person: a login name, or empty. device: an id; with a person: only there. reason: who asked and why."""

    person: Annotated[str, Meta(max_length=300)] = ""
    device: Annotated[str, Meta(max_length=300)] = ""
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


_requests = msgspec.json.Decoder(EraseRequest)


def add_removal_routes(router: APIRouter) -> None:
    """All routes under /removals."""

    @router.get("/removals", responses=answers(Removals, "aipolicy.removals/1"))
    def removed(
        request: Request, subject: Subject = None, after: After = None, limit: Limit = 100
    ) -> Response:
        """What is kept how long, and what retention and erasures removed."""
        with reading(request) as connection:
            page = removals.page(connection, subject=subject, after=after, limit=limit)
            policy = by_policy(connection)
        keep: Keep = request.app.state.settings.keep
        said = Removals(
            keep=keep, policy=policy, in_force=in_force(keep, policy), rows=page.rows, next=page.next
        )
        return answer(said, "aipolicy.removals/1")

    @router.post(
        "/erasures",
        responses=answers(Erased, "aipolicy.erased/1"),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": body_model(EraseRequest)}},
            }
        },
    )
    async def erase(request: Request, admin: Annotated[str, Depends(require_admin)]) -> Response:
        """Erase for good what is stored of a person or of a device."""
        _, body = await read_body(request, 16_384, 10.0)
        asked = decode(body, _requests)
        if "\0" in asked.person + asked.device or not (asked.person or asked.device):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", "name a person or a device")
        done = await run_in_threadpool(_erase, request, asked, admin)
        return answer(done, "aipolicy.erased/1")


def _erase(request: Request, asked: EraseRequest, admin: str) -> Erased:
    state = request.app.state
    eraser = Eraser(state.store, state.clock, secrets.token_bytes)
    who = Asked(by=admin, reason=printable(asked.reason))
    try:
        if asked.person:
            return eraser.person(asked.person, who, asked.device or None)
        return eraser.device(asked.device, who)
    except NoSuchDevice as error:
        raise nothing("device") from error
