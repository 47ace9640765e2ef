"""Two sides held against each other over a fleet: what differs is judged once and counted everywhere."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Final, NamedTuple

from aipolicy.core.inventory import KindOfFinding
from aipolicy.core.model import Action, Context, State
from aipolicy.core.plan_report import Change, Effect, Hit, Said, Total
from aipolicy.core.sides import DAY, EPOCH, Side, Verdict

_ORDER: Final = {action: place for place, action in enumerate(Action)}  # mildest first


class _Tally:
    """Counts findings, and each machine and person once. Devices come one after the other."""

    __slots__ = (
        "_device",
        "_running_device",
        "findings",
        "machines",
        "people",
        "running",
        "running_machines",
    )

    def __init__(self) -> None:
        self.machines = self.findings = self.running = self.running_machines = 0
        self.people: set[int] = set()
        self._device = self._running_device = -1

    def add(self, device: int, person: int, runs: bool) -> None:
        self.findings += 1
        self.people.add(person)
        if device != self._device:
            self._device = device
            self.machines += 1
        if runs:
            self.running += 1
            if device != self._running_device:
                self._running_device = device
                self.running_machines += 1

    @property
    def hit(self) -> Hit:
        return Hit(
            machines=self.machines,
            people=len(self.people),
            findings=self.findings,
            running=self.running,
            running_machines=self.running_machines,
        )


class _Key(NamedTuple):
    """What findings have in common that are one line of the plan."""

    effect: Effect
    tool: str
    before: Verdict
    after: Verdict | None
    day: int


class _Group:
    """The findings that are one line of the plan; each also counts in the total of its effect."""

    __slots__ = ("name", "tallies")

    def __init__(self, name: str, tallies: tuple[_Tally, ...]) -> None:
        self.name = name
        self.tallies = tallies


def effect_of(before: Verdict, after: Verdict | None) -> Effect | None:
    """What somebody notices of it; None for nothing at all."""
    was, now = _ORDER[before.action], 0 if after is None else _ORDER[after.action]
    warns, blocks = _ORDER[Action.WARN], _ORDER[Action.BLOCK]
    if now == blocks:
        return Effect.BLOCKED if was < blocks else _otherwise(before, after)
    if after is not None and after.day and was < blocks and not 0 < before.day <= after.day:
        return Effect.LATER
    if now == warns and was != warns:
        return Effect.WARNED if was < warns else Effect.EASED
    if was >= warns and now < warns:
        return Effect.FREED
    return _otherwise(before, after)


def _otherwise(before: Verdict, after: Verdict | None) -> Effect | None:
    same = after is not None and (before.ruling, before.action) == (after.ruling, after.action)
    return None if same else Effect.RENAMED


class Comparison:
    """Two sides over a fleet. Devices are added one by one; what differs is counted."""

    def __init__(self, before: Side, after: Side, kinds: Sequence[KindOfFinding]) -> None:
        """kinds: the list that grows as the inventory tells them."""
        self._before = before
        self._after = after
        self._kinds = kinds
        self._classes: list[int] = []
        self._numbers: dict[Hashable, int] = {}
        self._graces = before.has_graces or after.has_graces
        self._known: dict[Hashable, dict[int, _Group | None]] = {}
        self._groups: dict[_Key, _Group] = {}
        self._lines: dict[_Key, _Tally] = {}
        self._totals: dict[Effect, _Tally] = {}
        self.stopped = _Tally()
        """What is newly blocked, now or later."""
        self.blocked = _Tally()
        """All that is blocked now, newly or not."""

    def add(
        self,
        device: int,
        person: int,
        kinds: Iterable[int],
        blocks: Sequence[int],
        who: Hashable,
        context: Context,
    ) -> None:
        """What a person has on a device. who: all that the policies can tell apart of the context."""
        known = self._known.get(who)
        if known is None:
            known = self._known[who] = {}
        if len(self._classes) < len(self._kinds):
            self._sort_out()
        for place, number in enumerate(kinds):
            day = blocks[place] if self._graces and blocks else 0
            key = self._classes[number] | day << 32
            try:
                group = known[key]
            except KeyError:
                group = known[key] = self._judge(self._kinds[number], day, context)
            if group is not None:
                runs = self._kinds[number].state is State.RUNNING
                for tally in group.tallies:
                    tally.add(device, person, runs)

    def _sort_out(self) -> None:
        """The class of each kind that was told since: the two sides say the same of all that are in one."""
        for kind in self._kinds[len(self._classes) :]:
            seen = (kind.tool, self._before.sees(kind), self._after.sees(kind))
            self._classes.append(self._numbers.setdefault(seen, len(self._numbers)))

    def _judge(self, kind: KindOfFinding, day: int, context: Context) -> _Group | None:
        before, after = self._before.says(kind, day, context), self._after.says(kind, day, context)
        if before is None:
            return None
        effect = effect_of(before, after)
        blocks = (self.blocked,) if after is not None and after.action is Action.BLOCK else ()
        if effect is None:
            return _Group(kind.name, blocks) if blocks else None
        blocks_from = after.day if effect is Effect.LATER and after is not None else 0
        undated = None if after is None else after._replace(day=0)
        key = _Key(effect, kind.tool, before._replace(day=0), undated, blocks_from)
        group = self._groups.get(key)
        if group is None:
            line = self._lines[key] = _Tally()
            total = self._totals.setdefault(effect, _Tally())
            stops = effect in (Effect.BLOCKED, Effect.LATER)
            tallies = (line, total, *((self.stopped,) if stops else ()), *blocks)
            group = self._groups[key] = _Group(kind.name, tallies)
        return group

    def totals(self) -> tuple[Total, ...]:
        """By effect, the gravest first; only those that there are."""
        return tuple(
            Total(effect=effect, hit=self._totals[effect].hit) for effect in Effect if effect in self._totals
        )

    def changes(self) -> tuple[Change, ...]:
        """By effect, the gravest first, then by machines."""
        gravest = tuple(Effect)
        order = sorted(
            self._lines, key=lambda k: (gravest.index(k.effect), -self._lines[k].machines, k.tool, str(k))
        )
        return tuple(_change(key, self._groups[key].name, self._lines[key].hit) for key in order)


def _change(key: _Key, name: str, hit: Hit) -> Change:
    before, after = key.before, key.after
    return Change(
        effect=key.effect,
        tool=key.tool,
        name=name,
        before=Said(ruling=before.ruling, action=before.action, rule=before.rule),
        after=None if after is None else Said(ruling=after.ruling, action=after.action, rule=after.rule),
        day=f"{EPOCH + key.day * DAY:%Y-%m-%d}" if key.day else None,
        hit=hit,
    )
