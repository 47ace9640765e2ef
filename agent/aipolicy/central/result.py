"""What came of one talk with the server, for the loop that decides when to talk next."""

from typing import Literal

from aipolicy.core.model import Record

Condition = Literal["ok", "unreachable", "refused", "not enrolled", "disk"]
"""unreachable: no answer of our server. refused: it does not want us. disk: ours does not take its answer."""


class Result(Record, frozen=True, kw_only=True):
    """wait_s: seconds until the next call; null: not before there is something new to say.

    condition, detail: how it stands, in a word and a sentence. events: how many more the server has now.
    """

    wait_s: float | None
    condition: Condition = "ok"
    detail: str = ""
    events: int = 0
