"""One question to the central endpoint, bounded in time and bytes; only JSON counts as an answer."""

import http
import ipaddress
import logging
import ssl
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
import requests

from aipolicy.central.line import Line, LineAdapter
from aipolicy.central.reasons import reason_for
from aipolicy.central.trust import trust
from aipolicy.core.model import Record
from aipolicy.core.wire import Problem, printable

logger = logging.getLogger(__name__)

MOST_REPLY_BYTES: Final = 64 * 1024
ELSEWHERE: Final = "it points elsewhere: set `server` to the right address"
_CONNECT_S: Final = 10.0
_GRACE_S: Final = 2.0
_HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": "aipolicy",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Reply(Record, frozen=True, kw_only=True):
    """What our server said. body: a JSON object, `{}` for a 304. retry_after: that header, or null."""

    status: int
    body: bytes
    retry_after: str | None = None

    def problem(self) -> Problem | None:
        """The refusal in it, None where it is none: a proxy's own JSON is not our server's word."""
        try:
            problem = msgspec.json.decode(self.body, type=Problem)
        except msgspec.MsgspecError:
            return None
        return problem if problem.status == self.status else None

    def said(self) -> str:
        """The refusal in one line, fit for a log."""
        problem = self.problem()
        return (
            f"HTTP {self.status}: {printable(problem.title)[:200] if problem else 'not the answer expected'}"
        )


class Failure(Record, frozen=True, kw_only=True):
    """No answer of our server. reason: in words. status, retry_after: where something answered in HTTP."""

    reason: str
    status: int | None = None
    retry_after: str | None = None


class Question(Record, frozen=True, kw_only=True):
    """What is asked. An answer is none that is longer than most_bytes or not whole after deadline_s."""

    method: str
    path: str
    headers: Mapping[str, str]
    deadline_s: float
    body: bytes = b""
    most_bytes: int = MOST_REPLY_BYTES


class Client:
    """Asks one server. Threads may share it; each request has a connection of its own."""

    def __init__(
        self,
        url: str,
        proxy: str | None = None,
        ca: str | None = None,
        *,
        allow_http: bool = False,
        deadline_s: float = 30.0,
    ) -> None:
        """`proxy`: used for every server that is not this machine. Raises ValueError, TrustError."""
        self._url = url.rstrip("/")
        try:
            parts = urlsplit(url)
            right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a bracket that is not closed, a port that is none
            right = False
        if not right:
            raise ValueError(f"server {url!r} is not an address: write https://HOST[:PORT]")
        if parts.username or parts.password:
            raise ValueError(
                f"server: a name or password in the address is not used: write https://{parts.hostname}"
            )
        self.host = parts.hostname or ""
        here = _is_loopback(self.host)
        if parts.scheme == "http" and not (here or allow_http):
            raise ValueError(
                f"server {url!r}: over http everybody on the way could read and answer: use https"
            )
        if proxy is not None and urlsplit(proxy).scheme not in ("http", "https"):
            raise ValueError("proxy: write http://HOST:PORT")
        self._proxies = {} if proxy is None or here else {"http": proxy, "https": proxy}
        self._context = trust(ca)
        self._deadline_s = deadline_s
        self._stuck: threading.Thread | None = None

    def address(self, path: str) -> str:
        """Where on the server `path` is."""
        return self._url + path

    def session(self, line: Line) -> requests.Session:
        """For a long answer, cut by whoever has the line; it trusts and goes ways as every request does."""
        session = requests.Session()
        session.trust_env = False  # a ~/.netrc would replace our Authorization
        session.proxies = dict(self._proxies)
        adapter = LineAdapter(line, self._context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline_s: float | None = None,
        *,
        most_bytes: int = MOST_REPLY_BYTES,
    ) -> Reply | Failure:
        """Send `body` and wait for the whole answer, `deadline_s` at most. Never raises."""
        question = Question(
            method="POST",
            path=path,
            headers=headers,
            deadline_s=self._deadline_s if deadline_s is None else deadline_s,
            body=body,
            most_bytes=most_bytes,
        )
        return self._ask(question)

    def get(
        self, path: str, headers: Mapping[str, str], *, most_bytes: int, deadline_s: float
    ) -> Reply | Failure:
        """Ask for what may be large; like `post`. A 304 has no body."""
        return self._ask(
            Question(method="GET", path=path, headers=headers, deadline_s=deadline_s, most_bytes=most_bytes)
        )

    def _ask(self, question: Question) -> Reply | Failure:
        if self._stuck is not None and self._stuck.is_alive():
            # A name lookup cannot be cut short. One may hang; not one more with every try.
            return Failure(reason=f"the lookup of {self.host} has not come back yet")
        exchange = _Exchange(self._url, question, self._proxies, self._context)
        answer = exchange.run()
        self._stuck = exchange.thread if exchange.thread.is_alive() else None
        return answer


class _Exchange:
    """One request, in a thread of its own, so that nothing in it can hold up the caller."""

    def __init__(
        self,
        url: str,
        question: Question,
        proxies: dict[str, str],
        context: ssl.SSLContext,
    ) -> None:
        self._url = url + question.path
        self._question = question
        self._proxies = proxies
        self._line = Line()
        self._adapter = LineAdapter(self._line, context)
        self._answer: Reply | Failure | None = None
        self.thread = threading.Thread(target=self._ask, name="central-request", daemon=True)

    def run(self) -> Reply | Failure:
        self.thread.start()
        self.thread.join(self._question.deadline_s)
        if self.thread.is_alive():
            self._line.cut()
            self.thread.join(_GRACE_S)
        # A cut answer can look whole: a header that breaks off parses as a 200 without a body.
        if self._line.is_cut or self._answer is None:
            return Failure(reason=f"no complete answer within {self._question.deadline_s:g} s")
        return self._answer

    def _ask(self) -> None:
        try:
            self._answer = self._exchange()
        except Exception as error:
            # Whatever a hostile answer makes the library raise must become a Failure, not end the thread in
            # silence; reason_for names the usual ones.
            logger.debug("request failed url=%s", self._url, exc_info=True)
            self._answer = Failure(reason=reason_for(error))
        finally:
            self._line.let_go()

    def _exchange(self) -> Reply | Failure:
        with requests.Session() as session:
            session.trust_env = False  # a ~/.netrc would replace our Authorization
            session.mount("http://", self._adapter)
            session.mount("https://", self._adapter)
            deadline_s = self._question.deadline_s
            with session.request(
                self._question.method,
                self._url,
                data=self._question.body,
                headers={**_HEADERS, **self._question.headers},
                timeout=(min(_CONNECT_S, deadline_s), deadline_s + _GRACE_S),
                proxies=self._proxies,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _read(response, self._question.most_bytes)


def _read(response: requests.Response, most_bytes: int) -> Reply | Failure:
    status, retry_after = response.status_code, response.headers.get("Retry-After")

    def failure(reason: str) -> Failure:
        return Failure(reason=reason, status=status, retry_after=retry_after)

    if status == http.HTTPStatus.NOT_MODIFIED:
        return Reply(status=status, body=b"{}")
    if 300 <= status < 400:
        return failure(f"HTTP {status}: {ELSEWHERE}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return failure(f"HTTP {status}: the answer is compressed, which we did not ask for")
    body = b""
    # To the end and once more: only the read after the last byte notices a body that is too short.
    while len(body) <= most_bytes and (more := response.raw.read(MOST_REPLY_BYTES, decode_content=False)):
        body += more
    if len(body) > most_bytes:
        return failure(f"HTTP {status}: the answer is longer than {most_bytes} bytes")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json")) or not _is_object(body):
        return failure(
            f"HTTP {status}, but no JSON (it is {kind[:50] or 'nothing'}): "
            f"does a captive portal or a proxy answer in place of the server?"
        )
    return Reply(status=status, body=body, retry_after=retry_after)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.MsgspecError, RecursionError):
        return False


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
