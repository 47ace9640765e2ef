"""A difference of two policies in words, for a terminal and for a pull request."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from aipolicy.core.days import in_words
from aipolicy.core.model import Action
from aipolicy.core.policy_diff import Change, Difference, Said, Step
from aipolicy.core.tool import Tool

_DONE: Final = {
    Action.ALLOW: "allowed",
    Action.REPORT: "reported",
    Action.WARN: "warned of",
    Action.BLOCK: "blocked",
}
_FEW: Final = 12
_DAY: Final = timedelta(days=1)


class Line(NamedTuple):
    """One change for people. told: whether only the words that a person is told are others."""

    tools: str
    many: bool
    where: str
    before: str
    after: str
    told: bool = False

    def __str__(self) -> str:
        if self.told:
            return f"people are told of {self.tools}{self.where}: {self.after} (was {self.before})"
        verb = "become" if self.many else "becomes"
        return f"{self.tools} {verb} {self.after}{self.where} (was {self.before})"


def lines(found: Difference, every: Mapping[str, Tool]) -> Iterator[Line]:
    """Every change, those of what is done before those of what is told."""
    done: dict[tuple[str, str, str, str], set[str]] = {}
    told: dict[tuple[str, str, str, str], set[str]] = {}
    for change in found.changes:
        was, becomes = _both(change)
        into = done if was != becomes else told
        if was == becomes:
            was, becomes = _quoted(change.before.told), _quoted(change.after.told)
        into.setdefault((change.versions, change.where, was, becomes), set()).update(change.tools)
    for rows in (done, told):
        for (versions, where, was, becomes), ids in rows.items():
            tools = tools_in_words(sorted(ids), every) + (f" {versions}" if versions else "")
            place = f" {where}" if where else ""
            yield Line(
                tools, len(ids) > 1 and not tools.startswith("every"), place, was, becomes, rows is told
            )


def _both(change: Change) -> tuple[str, str]:
    """What is done before and after; with the ruling where that alone differs."""
    was, becomes = _said(change.before, rulings=False), _said(change.after, rulings=False)
    if was != becomes:
        return was, becomes
    return _said(change.before, rulings=True), _said(change.after, rulings=True)


def _said(said: Said, *, rulings: bool) -> str:
    first, *later = [_step(step, rulings=rulings) for step in said.steps]
    parts = [first]
    for words, step, before in zip(later, said.steps[1:], [first, *later], strict=False):
        if step.since is not None and words != before:
            parts.append(f"from {in_words(step.since)} {words}")
    grace = f" after a grace of {said.grace}" if said.grace else ""
    return ", ".join(parts) + grace


def _step(step: Step, *, rulings: bool) -> str:
    return f"{step.ruling}, {_DONE[step.action]}" if rulings else _DONE[step.action]


def _quoted(told: str) -> str:
    return f'"{told}"' if told else "nothing"


def tools_in_words(ids: Sequence[str], every: Mapping[str, Tool]) -> str:
    """As few words as say it: every tool, a vendor's, a category's, every one but a few, or their ids."""
    chosen = set(ids)
    if chosen == every.keys():
        return "every tool"
    for what in ("vendor", "category"):
        values = {getattr(every[one], what) for one in chosen}
        if len(chosen) > 1 and len(values) == 1:
            value = values.pop()
            if chosen == {one for one, tool in every.items() if getattr(tool, what) == value}:
                return f"every tool of {what} {value}"
    rest = sorted(every.keys() - chosen)
    if len(rest) < len(chosen) and len(rest) <= _FEW:
        return f"every tool but {', '.join(rest)}"
    return ", ".join(sorted(chosen))
