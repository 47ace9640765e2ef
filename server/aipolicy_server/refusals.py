"""How the server says no: one JSON form (`wire.Problem`) for every refusal, with what to do in its title."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from aipolicy.core.problem import Problem as Fault
from aipolicy.core.publishing import BadPolicy
from aipolicy.core.wire import Problem

_encode = msgspec.json.Encoder().encode


class Refusal(Exception):
    """A request that is refused.

    retry_after_s: when to try again, None where trying again is no use. problems: what is wrong in a policy.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        title: str,
        retry_after_s: int | None = None,
        problems: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.retry_after_s = retry_after_s
        self.problems = problems

    def response(self) -> Response:
        """The answer to the client."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        problem: Problem | BadPolicy = Problem(status=int(self.status), code=self.code, title=self.title)
        if self.problems:
            problem = BadPolicy(
                status=int(self.status), code=self.code, title=self.title, problems=self.problems
            )
        return Response(
            _encode(problem), int(self.status), headers=headers, media_type="application/problem+json"
        )
