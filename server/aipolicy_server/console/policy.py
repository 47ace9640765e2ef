"""The pages about policies: what was published, how far it has come, and what one of them changed."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from aipolicy.core.model import Record
from aipolicy.core.published import MOST_NUMBER
from aipolicy.core.publishing import PublishedText
from aipolicy_server.console.filters import Asked
from aipolicy_server.console.problems import not_found
from aipolicy_server.console.render import Pages
from aipolicy_server.console.words import STANDINGS
from aipolicy_server.publishing import with_text
from aipolicy_server.store import policies

_MOST_LINES: Final = 5_000


class DiffLine(Record, frozen=True, kw_only=True):
    """One line of a difference. kind: added, removed, place or same."""

    kind: str
    text: str


def policy_page(request: Request, pages: Pages) -> Response:
    asked = Asked(values={}, problems={}, after=request.query_params.get("after"))
    with request.app.state.store.reading() as connection:
        history = policies.history(connection, after=asked.after)
        latest = policies.latest(connection)
    return pages.page(
        request, "policy.html", asked=asked, history=history, latest=latest, standings=STANDINGS
    )


def published_page(request: Request, pages: Pages) -> Response:
    """By its number."""
    asked: str = request.path_params["number"]
    if not re.fullmatch("[1-9][0-9]{0,15}", asked, re.ASCII) or (number := int(asked)) >= MOST_NUMBER:
        return not_found(request, pages, "policy")
    with request.app.state.store.reading() as connection:
        policy = policies.one(connection, number)
        shown = with_text(connection, policy) if policy else None
    return _page(request, pages, shown, f"Policy number {number}")


def version_page(request: Request, pages: Pages) -> Response:
    """By the version that verdicts name: the one published last with that text."""
    version: str = request.path_params["version"]
    if not re.fullmatch("[0-9a-f]{12}", version):
        return not_found(request, pages, "policy")
    with request.app.state.store.reading() as connection:
        policy = policies.by_version(connection, version)
        shown = with_text(connection, policy) if policy else None
    return _page(request, pages, shown, f"Policy version {version}")


def _page(request: Request, pages: Pages, shown: PublishedText | None, title: str) -> Response:
    if shown is None:
        return not_found(request, pages, "policy")
    lines = shown.content.rstrip("\n").split("\n")
    return pages.page(
        request,
        "published.html",
        title=title,
        policy=shown.policy,
        before=shown.before,
        diff=None if shown.diff is None else diff_lines(shown.diff),
        lines=lines[:_MOST_LINES],
        left_out=max(0, len(lines) - _MOST_LINES),
    )


def diff_lines(diff: str) -> tuple[DiffLine, ...]:
    """The lines of a unified difference, without its two lines of names."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    return tuple(
        DiffLine(kind=kinds.get(line[:1], "same"), text=line) for line in diff.split("\n")[2:] if line
    )
