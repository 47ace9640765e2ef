"""The API's part about policies: publish, roll back, the history, and the emergency brake.

Who publishes names the number that he believes to be in force in If-Match, as Tailscale's policy file has it:
so nobody overwrites what somebody else published meanwhile.
"""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import Response
from msgspec import Meta
from starlette.concurrency import run_in_threadpool

from aipolicy.core.model import Record
from aipolicy.core.published import MOST_NUMBER
from aipolicy.core.publishing import (
    BrakeRequest,
    BrakeState,
    History,
    Published,
    PublishedText,
    PublishRequest,
    ReleaseRequest,
    RollbackRequest,
)
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES
from aipolicy_server.access import require_admin
from aipolicy_server.api_parts import After, answer, answers, reading
from aipolicy_server.clock import to_us
from aipolicy_server.intake.body import read_body
from aipolicy_server.intake.reading import decode
from aipolicy_server.openapi import body_model
from aipolicy_server.publishing import Publishing, no_such_policy, with_text
from aipolicy_server.refusals import Refusal
from aipolicy_server.store import brakes, policies

_MOST_BODY: Final = 3 * MAX_BYTES  # JSON writes a line break in two bytes, and more of what is rare
_BODY_S: Final = 10.0

_Word = Annotated[str, Meta(max_length=200)]
_Count = Annotated[int, Meta(ge=0, le=MOST_NUMBER)]


class _BoundedRelease(ReleaseRequest, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(max_length=500)] = ""


class _BoundedPublish(PublishRequest, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    content: Annotated[str, Meta(max_length=MAX_BYTES + 1)]
    commit: _Word = ""
    author: _Word = ""
    approver: _Word = ""
    canary: Annotated[float, Meta(gt=0, le=100)] | None = None
    forecast_machines: _Count | None = None
    forecast_devices: _Count | None = None


class _BoundedRollback(RollbackRequest, frozen=True, kw_only=True):
    author: _Word = ""
    approver: _Word = ""


class _BoundedBrake(BrakeRequest, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(max_length=500)] = ""


_publish_requests = msgspec.json.Decoder(_BoundedPublish)
_release_requests = msgspec.json.Decoder(_BoundedRelease)
_rollback_requests = msgspec.json.Decoder(_BoundedRollback)
_brake_requests = msgspec.json.Decoder(_BoundedBrake)

Admin = Annotated[str, Depends(require_admin)]
Number = Annotated[int, Path(ge=1, lt=MOST_NUMBER)]
IfMatch = Annotated[
    str | None,
    Header(max_length=40, description='the number in force now, in quotes: "7"; "0" where there is none'),
]


def add_policy_routes(router: APIRouter) -> None:
    """All routes under /policies and /brake."""

    @router.get("/policies", responses=answers(History, "aipolicy.policies/1"))
    def history(request: Request, after: After = None) -> Response:
        """Published policies, the newest first, and how far the last one has come."""
        with reading(request) as connection:
            page = policies.history(connection, after=after)
        return answer(page, "aipolicy.policies/1")

    @router.post(
        "/policies",
        responses=answers(Published, "aipolicy.published/1"),
        openapi_extra=_takes(PublishRequest),
    )
    async def publish(request: Request, admin: Admin, if_match: IfMatch = None) -> Response:
        """Put a policy into force, which must be right. The same text again changes nothing."""
        expected = _expected(if_match)
        asked = decode(await _body(request), _publish_requests)
        asked = msgspec.structs.replace(
            asked,
            name=printable(re.split(r"[/\\]", asked.name)[-1]) or "policy.yaml",
            commit=printable(asked.commit),
            author=printable(asked.author),
            approver=printable(asked.approver),
        )
        publishing, now_us = _publishing(request), to_us(request.app.state.clock())
        row = await run_in_threadpool(publishing.publish, asked, expected, admin, now_us)
        return answer(row, "aipolicy.published/1")

    @router.get("/policies/{number}", responses=answers(PublishedText, "aipolicy.policy-text/1"))
    def one(request: Request, number: Number) -> Response:
        """One published policy: its text, and what it changed."""
        with reading(request) as connection:
            row = policies.one(connection, number)
            if row is None:
                raise no_such_policy()
            return answer(with_text(connection, row), "aipolicy.policy-text/1")

    @router.get("/policies/versions/{version}", responses=answers(PublishedText, "aipolicy.policy-text/1"))
    def one_version(request: Request, version: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]) -> Response:
        """The policy published last whose text verdicts name by this version."""
        with reading(request) as connection:
            row = policies.by_version(connection, version)
            if row is None:
                raise no_such_policy()
            return answer(with_text(connection, row), "aipolicy.policy-text/1")

    @router.post(
        "/policies/{number}/rollback",
        responses=answers(Published, "aipolicy.published/1"),
        openapi_extra=_takes(RollbackRequest),
    )
    async def roll_back(request: Request, number: Number, admin: Admin, if_match: IfMatch = None) -> Response:
        """Put an earlier text into force, under a new number."""
        expected = _expected(if_match)
        asked = decode(await _body(request), _rollback_requests)
        asked = msgspec.structs.replace(
            asked, author=printable(asked.author), approver=printable(asked.approver)
        )
        publishing, now_us = _publishing(request), to_us(request.app.state.clock())
        row = await run_in_threadpool(publishing.roll_back, number, asked, expected, admin, now_us)
        return answer(row, "aipolicy.published/1")

    @router.post(
        "/policies/{number}/release",
        responses=answers(Published, "aipolicy.published/1"),
        openapi_extra=_takes(ReleaseRequest),
    )
    async def release(request: Request, number: Number, admin: Admin) -> Response:
        """Give a policy that is in its canary wave, or held there, to everybody."""
        asked = decode(await _body(request), _release_requests)
        publishing, now_us = _publishing(request), to_us(request.app.state.clock())
        row = await run_in_threadpool(publishing.release, number, printable(asked.reason), admin, now_us)
        return answer(row, "aipolicy.published/1")

    @router.get("/brake", responses=answers(BrakeState, "aipolicy.brake/1"))
    def brake(request: Request) -> Response:
        """The emergency brake as it is now."""
        with reading(request) as connection:
            return answer(BrakeState(brake=brakes.brake(connection)), "aipolicy.brake/1")

    @router.post(
        "/brake", responses=answers(BrakeState, "aipolicy.brake/1"), openapi_extra=_takes(BrakeRequest)
    )
    async def put_brake(request: Request, admin: Admin) -> Response:
        """Pull the emergency brake: every device only reports from its next check-in on. Or lift it."""
        asked = decode(await _body(request), _brake_requests)
        if asked.pulled and not asked.reason.strip():
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", "reason: say why it is pulled")
        now_us, reason = to_us(request.app.state.clock()), printable(asked.reason)
        await run_in_threadpool(
            request.app.state.store.write_now,
            lambda connection: brakes.note(
                connection, pulled=asked.pulled, reason=reason, by=admin, at_us=now_us
            ),
        )
        return await run_in_threadpool(brake, request)


def _takes(record: type[Record]) -> dict[str, Any]:
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body_model(record)}}}
    }


def _publishing(request: Request) -> Publishing:
    return Publishing(request.app.state.store, request.app.state.settings.tools)


async def _body(request: Request) -> bytes:
    _, body = await read_body(request, _MOST_BODY, _BODY_S)
    return body


def _expected(if_match: str | None) -> int:
    """The number in If-Match. Raises Refusal."""
    if if_match is None:
        title = 'say in If-Match which number is in force now, as in If-Match: "7"; "0" where there is none'
        raise Refusal(HTTPStatus.PRECONDITION_REQUIRED, "no-precondition", title)
    found = re.fullmatch(r'"?([0-9]{1,16})"?', if_match.strip(), re.ASCII)
    if found is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad-precondition", 'If-Match: a number in quotes, as in "7"')
    return int(found[1])
