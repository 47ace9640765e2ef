"""What the routes of the JSON API are made of: bounded parameters, and answers that name their schema."""

from contextlib import AbstractContextManager
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import Path, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy_server.openapi import answer_model
from aipolicy_server.refusals import Refusal

PREFIX: Final = "/api/v1"
NAME: Final = 200
"""The longest text of a filter."""

Text = Annotated[str, Query(max_length=NAME, pattern=r"^[^\x00]*$")]
Id = Annotated[str, Path(max_length=300, pattern=r"^[^\x00]*$")]
After = Annotated[str | None, Query(max_length=4096, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]


def answers(row: type[Record], schema: str) -> dict[int | str, dict[str, Any]]:
    """The description of a good answer."""
    return {200: {"model": answer_model(row, schema)}}


def answer(row: Record, schema: str) -> Response:
    """A good answer."""
    body = {"schema": schema, **msgspec.to_builtins(row, builtin_types=(datetime,))}
    return Response(msgspec.json.encode(body), media_type="application/json")


def reading(request: Request) -> AbstractContextManager[Connection]:
    """A connection for one question."""
    reading: AbstractContextManager[Connection] = request.app.state.store.reading()
    return reading


def nothing(what: str) -> Refusal:
    """The refusal for what is not there."""
    return Refusal(HTTPStatus.NOT_FOUND, "not-found", f"no such {what}")
