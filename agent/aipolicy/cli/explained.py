"""The explanation of `aipolicy explain` as text for people; explain.py finds out what is in it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from aipolicy.core.countdown import from_when
from aipolicy.core.derive import Derivation, Lack, Step, Strength
from aipolicy.core.explain_report import ExplainedVerdict, Explanation
from aipolicy.core.rules import Rule
from aipolicy.core.tool import Kind
from aipolicy.core.wire import printable

_MOST_VALUES: Final = 3
_MARKS: Final = {1: "a content mark", 2: "two content marks"}


def as_text(explanation: Explanation, now: datetime) -> str:
    """For a terminal: names come from anybody. now: the moment that was decided for."""
    lines = [f"looked at: {words}" for words in explanation.seen]
    lines += [f"could not look: {words}" for words in explanation.unseen]
    if not explanation.verdicts:
        known = "no AI tool of the catalog was recognised; no rule is about it"
        unknown = "it could not be looked into, so whether it is an AI tool is not known"
        lines.append(f"{explanation.about}: {unknown if explanation.unseen else known}.")
        lines += [f"  because     {words}" for words in explanation.nothing]
    for one in explanation.verdicts:
        lines += _verdict(one, now)
    lines += _evidence(explanation.evidence)
    return "\n".join(printable(line) for line in lines)


def _verdict(one: ExplainedVerdict, now: datetime) -> Iterator[str]:
    verdict = one.verdict
    yield f"{verdict.name} ({verdict.tool}) {verdict.version or 'version unknown'}, {verdict.form}"
    yield f"  ruling      {verdict.ruling} → {verdict.action}"
    yield f"  rule        {verdict.reason}" + (f": {verdict.why}" if verdict.why else "")
    yield from (f"  condition   {words}" for words in one.rules[0].conditions)
    yield from (f"  scope       {words}" for words in one.scopes)
    yield from (f"  lowered by  {words}" for words in one.lowered_by)
    if verdict.blocks_from is not None:
        yield f"  blocked     {from_when(verdict.blocks_from, now)}"
    yield from (f"  also        {_rule(rule)}" for rule in one.rules[1:])
    yield from (f"  passed over {_rule(rule)}" for rule in one.passed_over)
    yield f"  confidence  {verdict.confidence}"
    yield from (f"  evidence    {e.kind}: {e.value}" for e in verdict.because)
    if one.derivation is not None:
        yield from _derivation(one.derivation)
    if one.told:
        yield f"  told        {one.told}"


def _rule(rule: Rule) -> str:
    what = rule.ruling if rule.selector == rule.ruling else f"{rule.ruling} {rule.selector}"
    return "; ".join((f"{rule.rule} ({what})", *rule.conditions))


def _derivation(how: Derivation) -> Iterator[str]:
    if how.ground:
        yield f"  decided by  {how.ground}: {how.words}"
    yield from (f"  seen        {_step(step)}" for step in how.steps)
    yield from (f"  certain if  {_lack(lack)}" for lack in how.certain_if)


def _step(step: Step) -> str:
    clues = ", ".join(f"{clue.kind} {clue.value}" for clue in step.clues)
    return f"{step.path} ({step.form}): {clues} → {step.sure or 'nothing'} ({step.ground or step.words})"


def _lack(lack: Lack) -> str:
    more = len(lack.values) - _MOST_VALUES
    values = ", ".join(lack.values[:_MOST_VALUES]) + (f" and {more} more" if more > 0 else "")
    return f"{lack.words}: {values}" if values else lack.words


def _evidence(evidence: tuple[Strength, ...]) -> Iterator[str]:
    if evidence:
        yield "what gives it away, surest first:"
    for each in evidence:
        yield f"  {each.kind}: {each.alone or 'nothing'} alone" + (f" ({each.ground})" if each.ground else "")
        yield from (f"    {value}" for value in each.values)
        together = dict.fromkeys(_together(each.kind, lack) for lack in each.certain_with)
        if together:
            yield f"    certain with {'; or '.join(together)}"


def _together(kind: str, lack: Lack) -> str:
    if lack.kinds.count(Kind.CONTENT) == len(lack.kinds) > 0:
        return "a second content mark" if kind == Kind.CONTENT else _MARKS[len(lack.kinds)]
    return " and ".join(lack.kinds) or lack.words
