"""Talks to the server as whoever publishes policies: publish, roll back, look at what was published."""

import http
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.http import Client, Failure, Reply
from aipolicy.core.model import Record
from aipolicy.core.problem import Problem
from aipolicy.core.publishing import (
    POLICIES_PATH,
    BadPolicy,
    History,
    Published,
    PublishedText,
    PublishRequest,
    ReleaseRequest,
    RollbackRequest,
)
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES

T = TypeVar("T", bound=Record)

_DEADLINE_S: Final = 60.0
_MOST_BYTES: Final = 6 * MAX_BYTES  # a text and its difference, each in JSON
_LONGEST_TOKEN: Final = 512
_NOT_OURS: Final = "the answer is none of an aipolicy server: is --server right?"


class NotDone(Exception):
    """The server did not do it, or was not there; the text says why and what to do.

    problems: what is wrong in the policy. away: whether the server could not be reached at all.
    """

    def __init__(self, text: str, problems: tuple[Problem, ...] = (), *, away: bool = False) -> None:
        super().__init__(text)
        self.problems = problems
        self.away = away


class NoToken(Exception):
    """There is no admin token; the text says where to put it."""


def admin_token(file: str | None, environ: Mapping[str, str]) -> str:
    """From the file, else from AIPOLICY_TOKEN. Never from an argument: others see those. Raises NoToken."""
    if file is None:
        token = environ.get("AIPOLICY_TOKEN", "").strip()
        if not token:
            raise NoToken(
                "the server's admin token is needed: in AIPOLICY_TOKEN, or in a file named by --token-file"
            )
        return _checked(token, "AIPOLICY_TOKEN")
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(_LONGEST_TOKEN + 1)
    except OSError as error:
        raise NoToken(f"{file}: {error.strerror}: name the file with the server's admin token") from error
    return _checked(content.decode("ascii", "replace").strip(), file)


def _checked(token: str, place: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token or not 0 < len(token) <= _LONGEST_TOKEN:
        raise NoToken(f"{place}: it must hold one line, the server's admin token (aipa_...)")
    return token


class Desk:
    """The server's counter for whoever has its admin token. Each call raises NotDone."""

    def __init__(self, client: Client, token: str) -> None:
        self._client = client
        self._token = token

    def history(self, after: str | None = None) -> History:
        """What was published, the newest first."""
        query = f"?after={after}" if after else ""
        return self._get(f"{POLICIES_PATH}{query}", History)

    def whole_history(self) -> History:
        """All of it. Raises NotDone also where a page is no older than the one before: it would never end."""
        page = first = self.history()
        rows = [*first.rows]
        while page.next is not None:
            page = self.history(page.next)
            if not rows or not page.rows or page.rows[0].number >= rows[-1].number:
                raise NotDone(_NOT_OURS)
            rows += page.rows
        return msgspec.structs.replace(first, rows=tuple(rows), next=None)

    def show(self, which: str) -> PublishedText:
        """One of them, by its number or by the version that verdicts name (12 hex digits)."""
        path = f"versions/{which}" if len(which) == 12 else which
        return self._get(f"{POLICIES_PATH}/{path}", PublishedText)

    def publish(self, request: PublishRequest, expected: int) -> Published:
        """Put it into force. expected: the number in force now."""
        return self._put(POLICIES_PATH, request, expected)

    def roll_back(self, number: int, request: RollbackRequest, expected: int) -> Published:
        """Put an earlier text into force again."""
        return self._put(f"{POLICIES_PATH}/{number}/rollback", request, expected)

    def release(self, number: int, request: ReleaseRequest) -> Published:
        """Give one that is in its canary wave to everybody."""
        path, body = f"{POLICIES_PATH}/{number}/release", msgspec.json.encode(request)
        headers = Bearer(self._token).headers("POST", path, body)
        return _read(self._client.post(path, body, headers, _DEADLINE_S), Published)

    def _get(self, path: str, kind: type[T]) -> T:
        headers = Bearer(self._token).headers("GET", path, b"")
        answer = self._client.get(path, headers, most_bytes=_MOST_BYTES, deadline_s=_DEADLINE_S)
        return _read(answer, kind)

    def _put(self, path: str, request: Record, expected: int) -> Published:
        body = msgspec.json.encode(request)
        headers = {**Bearer(self._token).headers("POST", path, body), "If-Match": f'"{expected}"'}
        return _read(self._client.post(path, body, headers, _DEADLINE_S), Published)


def _read(answer: Reply | Failure, kind: type[T]) -> T:
    if isinstance(answer, Failure):
        raise NotDone(f"the server is away: {answer.reason}", away=answer.status is None)
    if answer.status == http.HTTPStatus.OK:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            raise NotDone(_NOT_OURS) from error
    try:
        refusal = msgspec.json.decode(answer.body, type=BadPolicy)
    except msgspec.MsgspecError as error:
        raise NotDone(
            f"HTTP {answer.status}, and no word of an aipolicy server: is --server right?"
        ) from error
    raise NotDone(_in_words(answer.status, printable(refusal.title)), refusal.problems)


def _in_words(status: int, title: str) -> str:
    match status:
        case http.HTTPStatus.UNAUTHORIZED:
            return (
                "the token is not the admin token of this server: it lies in admin-token in its data folder"
            )
        case http.HTTPStatus.PRECONDITION_FAILED:
            return f"{title}; look at it with `aipolicy policy show` and publish again"
    return title
