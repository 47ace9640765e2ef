"""The API's part about what is kept how long, and what was removed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from aipolicy.core.model import Record
from aipolicy_server.api_parts import After, Limit, answer, answers, reading
from aipolicy_server.settings import Keep
from aipolicy_server.store import removals
from aipolicy_server.store.rows import RemovalRow

Subject = Annotated[
    str | None, Query(pattern="^[0-9a-f]{64}$", description="only what was done about this one")
]


class Removals(Record, frozen=True, kw_only=True):
    """What this server keeps how long, and one page of what was removed, the newest first."""

    keep: Keep
    rows: tuple[RemovalRow, ...]
    next: str | None


def add_removal_routes(router: APIRouter) -> None:
    """All routes under /removals."""

    @router.get("/removals", responses=answers(Removals, "aipolicy.removals/1"))
    def removed(
        request: Request, subject: Subject = None, after: After = None, limit: Limit = 100
    ) -> Response:
        """What is kept how long, and what retention and erasures removed."""
        with reading(request) as connection:
            page = removals.page(connection, subject=subject, after=after, limit=limit)
        keep: Keep = request.app.state.settings.keep
        return answer(Removals(keep=keep, rows=page.rows, next=page.next), "aipolicy.removals/1")
