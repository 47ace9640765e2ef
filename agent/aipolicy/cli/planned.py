"""A plan for people: as text for a terminal, as Markdown for a comment on a pull request."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from aipolicy.cli.text_table import text_table
from aipolicy.core.plan_report import Change, Effect, Hit, Limit, Moment, PlanReport, Said, Total, Wave
from aipolicy.core.plural import plural
from aipolicy.core.scan_report import PolicyInUse
from aipolicy.core.wire import printable

TEXT_ROWS: Final = 30
MARKDOWN_ROWS: Final = 15
"""A comment on a pull request is read on a phone, too."""
_LONGEST: Final = 60
_AHEAD_ROWS: Final = 5

_WORDS: Final = {
    Effect.BLOCKED: "newly blocked",
    Effect.LATER: "blocked later",
    Effect.WARNED: "newly warned",
    Effect.EASED: "warned, no longer blocked",
    Effect.FREED: "freed",
    Effect.RENAMED: "reported otherwise",
}

_TOTAL_HEAD: Final = ("", "machines", "people", "findings", "running now")
_CHANGE_HEAD: Final = ("what", "tool", "before", "after", "machines", "people", "running now")


def as_text(report: PlanReport, rows: int) -> str:
    """The whole plan; `rows` lines of the table, the rest counted."""
    parts = [_opening(report)]
    if report.totals:
        parts += ["", text_table(_TOTAL_HEAD, map(_total_cells, report.totals), right=4), ""]
        parts.append(text_table(_CHANGE_HEAD, map(_change_cells, report.changes[:rows]), right=3))
        parts += _rest(report.changes, rows)
    else:
        parts.append("Nothing changes for anybody.")
    if report.waves:
        parts.append("Newly blocked, now or later, wave by wave:")
        parts += [_wave(wave) for wave in report.waves]
    if report.ahead:
        parts.append(f"In the next {report.ahead_days} days, by itself:")
        parts += [_moment(moment) for moment in report.ahead]
    parts += [_limit(limit) for limit in report.limits]
    parts += [f"note: {note}" for note in report.notes]
    return "\n".join(part.rstrip() for part in parts)


def as_markdown(report: PlanReport, rows: int) -> str:
    """The same for a comment; what devices say stands in code spans, where it means nothing to GitHub."""
    exceeded = [limit for limit in report.limits if limit.exceeded]
    parts = ["### " + ("Over the limit: " if exceeded else "") + _headline(report), "", _opening(report), ""]
    parts += [f"- **{_limit(limit)}**" if limit.exceeded else f"- {_limit(limit)}" for limit in report.limits]
    if report.limits:
        parts.append("")
    if report.totals:
        parts += [*_markdown_table(_TOTAL_HEAD, map(_total_cells, report.totals)), ""]
        changes = (_coded(_change_cells(change)) for change in report.changes[:rows])
        parts += [*_markdown_table(_CHANGE_HEAD, changes), "", *_rest(report.changes, rows)]
    if report.waves:
        parts += ["", "Newly blocked, now or later, wave by wave:", ""]
        parts += [f"- {_wave(wave)}" for wave in report.waves]
    if report.ahead:
        parts += ["", f"In the next {report.ahead_days} days, by itself:", ""]
        parts += [f"- {_code_text(_moment(moment))}" for moment in report.ahead]
    parts += ["", *(f"> {note}" for note in report.notes)] if report.notes else []
    return "\n".join(parts).rstrip() + "\n"


def _headline(report: PlanReport) -> str:
    if not report.totals:
        return "this changes nothing for anybody"
    return "; ".join(
        f"{_WORDS[total.effect]} {_whom(total.hit)}"
        for total in report.totals
        if total.effect is not Effect.RENAMED or len(report.totals) == 1
    )


def _opening(report: PlanReport) -> str:
    seen = report.inventory
    against = _named(report.against) if report.against else "what the agents reported"
    catalog = f" with catalog {report.catalog}" if report.catalog else ""
    return (
        f"{_named(report.policy)}{catalog}, against {against}. Inventory of "
        f"{seen.taken_at:%Y-%m-%d %H:%M} UTC: {plural(seen.devices, 'device')}, "
        f"{plural(seen.people, 'person', 'people')} with an AI tool, {plural(seen.findings, 'finding')}."
    )


def _named(policy: PolicyInUse) -> str:
    return f"{printable(policy.name)} {policy.version} (mode {policy.mode})"


def _total_cells(total: Total) -> tuple[str, ...]:
    return (_WORDS[total.effect], *_numbers(total.hit, findings=True))


def _change_cells(change: Change) -> tuple[str, ...]:
    what = _WORDS[change.effect] + (f" ({change.day})" if change.day else "")
    after = _said(change.after) if change.after else "not recognised any more"
    return (what, _short(change.tool), _said(change.before), after, *_numbers(change.hit, findings=False))


def _said(said: Said) -> str:
    return f"{said.ruling} → {said.action}, {_short(said.rule)}"


def _numbers(hit: Hit, *, findings: bool) -> tuple[str, ...]:
    running = f"{hit.running:,} on {plural(hit.running_machines, 'machine')}" if hit.running else "-"
    return (f"{hit.machines:,}", f"{hit.people:,}", *([f"{hit.findings:,}"] if findings else []), running)


def _rest(changes: Sequence[Change], rows: int) -> Iterator[str]:
    left = changes[rows:]
    if left:
        tools = len({change.tool for change in left})
        findings = sum(change.hit.findings for change in left)
        yield (
            f"… and {plural(len(left), 'line')} more: {plural(tools, 'tool')}, {plural(findings, 'finding')} "
            "(--rows N shows more, --format json all)"
        )


def _moment(moment: Moment) -> str:
    whom = "; ".join(f"{_WORDS[total.effect]} {_whom(total.hit)}" for total in moment.totals)
    rules = dict.fromkeys(
        f"{_short(change.tool)} by {_short((change.after or change.before).rule)}"
        for change in moment.changes
    )
    more = f" and {len(rules) - _AHEAD_ROWS} more" if len(rules) > _AHEAD_ROWS else ""
    return f"{moment.at:%Y-%m-%d %H:%M} UTC: {whom}: {', '.join([*rules][:_AHEAD_ROWS])}{more}"


def _wave(wave: Wave) -> str:
    hit = wave.hit
    runs = f", it runs on {plural(hit.running_machines, 'machine')}" if hit.running else ""
    return f"{wave.percent} %: {_whom(hit)}{runs}"


def _limit(limit: Limit) -> str:
    how = "over the limit" if limit.exceeded else "within the limit"
    return (
        f"limit {limit.text}: {limit.found:,} newly blocked, now or later, of {limit.most:,} allowed: {how}"
    )


def _whom(hit: Hit) -> str:
    return f"{plural(hit.people, 'person', 'people')} on {plural(hit.machines, 'machine')}"


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _coded(cells: Sequence[str]) -> tuple[str, ...]:
    """Tool, before and after are others' words."""
    what, tool, before, after, *numbers = cells
    return (what, _code_text(tool), _code_text(before), _code_text(after), *numbers)


def _code_text(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
