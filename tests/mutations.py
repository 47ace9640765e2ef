"""Breaks the code on purpose, one place at a time, and says which test noticed. `make mutations` runs it.

Each mutation is made in a copy of the checkout; a mutation that no test notices is an error.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[1]
COPIED = (
    "agent",
    "server",
    "tests",
    "docs",
    "policies",
    "benchmarks",
    "pyproject.toml",
    "README.md",
    "Makefile",
)


OBSERVERS = tuple(
    sorted(
        path.stem
        for path in (HERE / "agent/aipolicy/observe").glob("*.py")
        if "\ndef observe(look" in path.read_text()
    )
)


@dataclass(frozen=True)
class Mutation:
    """In `file`, the first `old` becomes `new`; one of `tests` must fail."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        what="an evidence line of a tool is deleted",
        file="agent/aipolicy/tools/claude-code.yaml",
        old="    - tengu_trust_dialog_accept\n",
        new="",
        tests=("tests/agent/tools",),
    ),
    Mutation(
        what="a package name of a tool is deleted",
        file="agent/aipolicy/tools/aider.yaml",
        old="  pypi: [aider-chat]\n",
        new="",
        tests=("tests/agent/tools",),
    ),
    Mutation(
        what="one alternative of an evidence line is deleted",
        file="agent/aipolicy/tools/cline.yaml",
        old='{linux,darwin,windows}-{x64,arm64}"\n  vscode',
        new='{linux,darwin,windows}-{x64,arm}"\n  vscode',
        tests=("tests/agent/tools",),
    ),
    Mutation(
        what="a value loses its source",
        file="agent/aipolicy/tools/windsurf.yaml",
        old="    - {of: devin-desktop, from",
        new="    - {of: windsurf, from",
        tests=("tests/agent/tools",),
    ),
    Mutation(
        what="an agent goes back to an older policy",
        file="agent/aipolicy/core/published.py",
        old="if told.number < held.number:",
        new="if False:",
        tests=("tests/agent/central/test_published_policy.py",),
    ),
    Mutation(
        what="a text that is not the one that was named is taken",
        file="agent/aipolicy/core/published.py",
        old="if hashlib.sha256(content).hexdigest() != answer.sha256:",
        new="if False:",
        tests=("tests/agent/central/test_published_policy.py",),
    ),
    Mutation(
        what="a brake for a time outlives a restart of the machine",
        file="agent/aipolicy/state/brake.py",
        old="now.id != pulled.boot or not",
        new="not",
        tests=("tests/agent/state/test_brake.py",),
    ),
    Mutation(
        what="the guard does not hear of a brake",
        file="agent/aipolicy/daemon/guard/rules.py",
        old="lowered(self._written, in_force(self._ceilings))",
        new="self._written",
        tests=("tests/agent/daemon/guard/test_rules.py",),
    ),
    Mutation(
        what="who publishes overwrites what he has not seen",
        file="server/aipolicy_server/store/policies.py",
        old="if number != expected:",
        new="if False:",
        tests=("tests/server/test_publishing.py",),
    ),
    Mutation(
        what="a database that was set back publishes what no agent takes",
        file="server/aipolicy_server/store/policies.py",
        old='"number": max(number, highest) + 1,',
        new='"number": number + 1,',
        tests=("tests/server/test_publishing.py",),
    ),
    Mutation(
        what="a small program at a vendor's place is taken for the tool",
        file="agent/aipolicy/core/content.py",
        old="        return file.size < tool.smallest\n",
        new="        return False\n",
        tests=("tests/agent/core/test_weigh.py",),
    ),
    Mutation(
        what="a row of the table that decides how sure we are is lost",
        file="agent/aipolicy/core/weigh.py",
        old="and met.under_its_name,",
        new="",
        tests=("tests/agent/core",),
    ),
    Mutation(
        what="the places of two tools may meet",
        file="agent/aipolicy/core/conflicts.py",
        old="_NESTED: Final = (Kind.CONTENT, Kind.PATH)",
        new="_NESTED: Final = (Kind.CONTENT,)",
        tests=("tests/agent/core/test_tools.py",),
    ),
    Mutation(
        what="a tool file of IT's hides a tool of ours by same-code",
        file="agent/aipolicy/core/conflicts.py",
        old="elif tool.file in own and described[other].file not in own:",
        new="elif False:",
        tests=("tests/agent/core/test_extensions.py",),
    ),
    Mutation(
        what="what a banned editor left behind starts it anew after its end",
        file="agent/aipolicy/daemon/guard/instances.py",
        old="if starting is None or self._life(instance.pid) != instance:",
        new="if starting is None:",
        tests=("tests/agent/daemon/guard/test_instances.py",),
    ),
    Mutation(
        what="what is typed in the terminal inside a banned editor is a part of it",
        file="agent/aipolicy/daemon/guard/instances.py",
        old="elif typed_in - ({found.device} if found is not None else set()):",
        new="elif False:",
        tests=("tests/agent/daemon/guard/test_instances.py",),
    ),
    Mutation(
        what="nobody is warned once more in the last hour before a block",
        file="agent/aipolicy/daemon/teller.py",
        old='return "warned" if left >= _LAST else "warned for the last time"',
        new='return "warned"',
        tests=("tests/agent/daemon/test_teller.py",),
    ),
    Mutation(
        what="a notice promises more time than there is",
        file="agent/aipolicy/core/countdown.py",
        old="left // unit",
        new="-(-left // unit)",
        tests=("tests/agent/core/test_countdown.py",),
    ),
    Mutation(
        what="a link leads out of the folder of IT's tool files",
        file="agent/aipolicy/tools/own.py",
        old="if not is_within(place, folder):",
        new="if False:",
        tests=("tests/agent/tools/test_own.py",),
    ),
    Mutation(
        what="an exported YARA rule matches at one mark",
        file="agent/aipolicy/export/yara.py",
        old='f" and {PROOF} of them',
        new='f" and 1 of them',
        tests=("tests/agent/export/test_yara.py",),
    ),
    Mutation(
        what="a mark may be part of a text of other programs",
        file="agent/aipolicy/core/toolcheck.py",
        old="any(rule.value in text for text in shared)",
        new="rule.value in shared",
        tests=("tests/agent/core/test_toolcheck.py",),
    ),
    Mutation(
        what="banned no longer beats approved",
        file="agent/aipolicy/core/rules.py",
        old="ruling is not Ruling.BANNED",
        new="ruling is Ruling.BANNED",
        tests=("tests/agent/core/test_decide.py",),
    ),
    Mutation(
        what="the less exact entry wins",
        file="agent/aipolicy/core/rules.py",
        old="return -entry.selector.exactness",
        new="return entry.selector.exactness",
        tests=("tests/agent/core/test_decide.py",),
    ),
    Mutation(
        what="what is only likely can be blocked",
        file="agent/aipolicy/core/decide.py",
        old="Confidence.LIKELY: Action.WARN",
        new="Confidence.LIKELY: Action.BLOCK",
        tests=("tests/agent/core/test_decide.py",),
    ),
    Mutation(
        what="a ban blocks before its day",
        file="agent/aipolicy/core/conditions.py",
        old="early = now < entry.begins",
        new="early = now > entry.begins",
        tests=("tests/agent/core/test_days.py",),
    ),
    Mutation(
        what="the last day of an entry does not count",
        file="agent/aipolicy/core/entry.py",
        old="ends=last + DAY if last else None",
        new="ends=last",
        tests=("tests/agent/core/test_days.py",),
    ),
    Mutation(
        what="a grace begins anew with better words",
        file="agent/aipolicy/core/entry.py",
        old="decides = (entry.selector,",
        new="decides = (entry.reason, entry.selector,",
        tests=("tests/agent/core/test_days.py",),
    ),
    Mutation(
        what="an entry with a condition no longer wins over one without",
        file="agent/aipolicy/core/rules.py",
        old="not entry.conditional,",
        new="entry.conditional,",
        tests=("tests/agent/core/test_versions.py",),
    ),
    Mutation(
        what="an unknown version slips a ban",
        file="agent/aipolicy/core/conditions.py",
        old="lies_in_it is not False, lies_in_it is None",
        new="lies_in_it is True, False",
        tests=("tests/agent/core/test_versions.py",),
    ),
    Mutation(
        what="a doubtful ban blocks",
        file="agent/aipolicy/core/rules.py",
        old="asks = milder(strictest.rule.asks, Action.WARN)",
        new="asks = strictest.rule.asks",
        tests=("tests/agent/core/test_versions.py",),
    ),
    Mutation(
        what="a pre-release counts as its release",
        file="agent/aipolicy/core/versions.py",
        old="return tuple(numbers), -1, tuple",
        new="return tuple(numbers), 0, tuple",
        tests=("tests/agent/core/test_versions.py",),
    ),
    Mutation(
        what="a scope's unlisted comes before the policy's entries",
        file="agent/aipolicy/core/rules.py",
        old="for place in (scope, policy):",
        new="for place in (scope,):",
        tests=("tests/agent/core/test_scopes.py",),
    ),
    Mutation(
        what="an exemption never ends",
        file="agent/aipolicy/core/conditions.py",
        old="answers = [not over, whom.fits]",
        new="answers = [whom.fits]",
        tests=("tests/agent/core/test_scopes.py",),
    ),
    Mutation(
        what="whoever is in 5 % is not in 30 %",
        file="agent/aipolicy/core/audience.py",
        old="place < audience.percent",
        new="place > audience.percent",
        tests=("tests/agent/core/test_scopes.py",),
    ),
    Mutation(
        what="a person whose groups are not known is in none",
        file="agent/aipolicy/core/audience.py",
        old="member = None if groups is None else",
        new="member = False if groups is None else",
        tests=("tests/agent/core/test_scopes.py",),
    ),
    Mutation(
        what="a vendor's setting ignores who is exempt",
        file="agent/aipolicy/daemon/judge.py",
        old="owner=None, groups=None)",
        new="groups=None)",
        tests=("tests/agent/daemon/test_judge.py",),
    ),
    Mutation(
        what="a brake leaves the scopes alone",
        file="agent/aipolicy/core/ceiling.py",
        old="mode=_milder(policy.mode, most), scopes=scopes",
        new="mode=_milder(policy.mode, most)",
        tests=("tests/agent/core/test_ceiling.py",),
    ),
    Mutation(
        what="a test need not say its day",
        file="agent/aipolicy/core/run_tests.py",
        old="if test.at is None and",
        new="if False and",
        tests=("tests/agent/core/test_run_tests.py",),
    ),
    Mutation(
        what="a pseudonym is made without a key",
        file="agent/aipolicy/core/pseudonym.py",
        old="hmac.new(key,",
        new="hmac.new(b'',",
        tests=("tests/agent/core/test_pseudonym.py",),
    ),
    Mutation(
        what="the guard refuses at its start by a table that has run out",
        file="agent/aipolicy/enforce/guard/table.py",
        old="now >= float(until)",
        new="now >= float(until) + 1e12",
        tests=("tests/agent/enforce/guard/test_table.py",),
    ),
    *(
        Mutation(
            what=f"the observer {name} returns nothing",
            file=f"agent/aipolicy/observe/{name}.py",
            old="def observe(",
            new="def observe(look: Look) -> object:\n    return iter(())\n\n\ndef unused(",
            tests=("tests/agent/observe",),
        )
        for name in OBSERVERS
    ),
    Mutation(
        what="the server answers before the commit",
        file="server/aipolicy_server/store/writer.py",
        old="                    waiting.result = waiting.job(connection)\n",
        new="                    waiting.result = waiting.job(connection)\n"
        "                    waiting.future.get_loop().call_soon_threadsafe(waiting.settle)\n",
        tests=("tests/server/store/test_writer.py",),
    ),
    Mutation(
        what="the agent forgets a batch that the answer does not name",
        file="agent/aipolicy/central/upload.py",
        old="        if not _names(answer.body, batch):\n",
        new="        if False:\n",
        tests=("tests/agent/central",),
    ),
    Mutation(
        what="a process is ended without being judged again",
        file="agent/aipolicy/enforce/terminate.py",
        old="        if not self.still_matches(seen):\n",
        new="        if False:\n",
        tests=("tests/agent/enforce",),
    ),
    Mutation(
        what="what is never stopped is not asked for",
        file="agent/aipolicy/enforce/terminate.py",
        old="        if why is not None:\n",
        new="        if False:\n",
        tests=("tests/agent/enforce",),
    ),
    Mutation(
        what="a vanished finding is not told",
        file="agent/aipolicy/state/changes.py",
        old="    tell += [_gone(ledger.known[key]) for key in gone]\n",
        new="",
        tests=("tests/agent/state/test_changes.py",),
    ),
    Mutation(
        what="a native control is written for what is only warned of",
        file="agent/aipolicy/enforce/controls/control.py",
        old="if said.action is Action.BLOCK:",
        new="if said.action is not Action.ALLOW:",
        tests=("tests/agent/enforce/controls/test_controls.py",),
    ),
    Mutation(
        what="a setting of IT's own is overwritten",
        file="agent/aipolicy/enforce/controls/tree.py",
        old="elif found is _NOTHING:\n            tables",
        new="elif found is _NOTHING or setting.signed:\n            tables",
        tests=("tests/agent/enforce/controls/test_keep.py",),
    ),
    Mutation(
        what="what IT changed since is taken away as ours",
        file="agent/aipolicy/enforce/controls/tree.py",
        old="if blocked is not None or not _same(found, setting.value):\n            continue",
        new="if blocked is not None or found is _NOTHING:\n            continue",
        tests=("tests/agent/enforce/controls/test_keep.py",),
    ),
    Mutation(
        what="a settings file is written where others than root may write",
        file="agent/aipolicy/enforce/controls/place.py",
        old="if not machine.root_only(there):",
        new="if False:",
        tests=("tests/agent/enforce/controls/test_keep.py",),
    ),
    Mutation(
        what="a settings file is written before it is remembered",
        file="agent/aipolicy/enforce/controls/keep.py",
        old="    text = found.text if before",
        new="    place.put(path, after, found)\n    text = found.text if before",
        tests=("tests/agent/enforce/controls/test_keep.py",),
    ),
    Mutation(
        what="policy fmt takes a comment at the end of a list for one about what follows",
        file="agent/aipolicy/core/yaml_layout.py",
        old="    return max(fitting, key=lambda block: block.start.column)",
        new="    return None",
        tests=("tests/agent/core/test_normal_form.py",),
    ),
    Mutation(
        what="policy fmt takes the quotes off what other YAML readers take for a number",
        file="agent/aipolicy/core/normal_form.py",
        old="and (not part.style or _is_text_to_all(text)):",
        new="and True:",
        tests=("tests/agent/core/test_normal_form.py",),
    ),
    Mutation(
        what="policy fmt replaces a link by a file",
        file="agent/aipolicy/cli/policy_fmt.py",
        old="if stat.S_ISLNK(status.st_mode):",
        new="if False:",
        tests=("tests/agent/cli/test_policy_fmt.py",),
    ),
    Mutation(
        what="a value left out at the end of a file is shown in a line that does not exist",
        file="agent/aipolicy/core/yamlfile.py",
        old="line, column = min((line, column), self._last)",
        new="pass",
        tests=("tests/fuzz",),
    ),
    Mutation(
        what="a comma in a file's name ends a property of a GitHub command",
        file="agent/aipolicy/cli/checked/github.py",
        old='.replace(",", "%2C")',
        new="",
        tests=("tests/agent/cli/test_policy_check_forms.py",),
    ),
    Mutation(
        what="an editor finds no key unknown",
        file="agent/aipolicy/core/policy_schema.py",
        old='"additionalProperties": False',
        new='"additionalProperties": True',
        tests=("tests/agent/core/test_policy_schema.py",),
    ),
    Mutation(
        what="policy diff takes tools with other exemptions for alike",
        file="agent/aipolicy/core/policy_diff.py",
        old="for rule in (*policy.entries, *policy.exemptions)",
        new="for rule in policy.entries",
        tests=("tests/agent/core/test_policy_diff.py",),
    ),
    Mutation(
        what="policy diff does not see who is in two scopes",
        file="agent/aipolicy/core/worlds.py",
        old="            if another != group:",
        new="            if False:",
        tests=("tests/agent/core/test_policy_diff.py",),
    ),
    Mutation(
        what="policy diff forgets the end of an exemption",
        file="agent/aipolicy/core/policy_diff.py",
        old="    yield from (exemption.ends for exemption in policy.exemptions)",
        new="    yield from ()",
        tests=("tests/agent/core/test_policy_diff.py",),
    ),
    Mutation(
        what="a plan takes people of different groups for the same",
        file="agent/aipolicy/core/lens.py",
        old="groups & self._groups",
        new="frozenset()",
        tests=("tests/agent/core/test_plan.py",),
    ),
    Mutation(
        what="a plan takes the versions of a tool for the same where a rule asks for them",
        file="agent/aipolicy/core/sides.py",
        old="if self._ranges and",
        new="if False and",
        tests=("tests/agent/core/test_plan.py",),
    ),
    Mutation(
        what="a plan counts a machine once for each of its findings",
        file="agent/aipolicy/core/comparison.py",
        old="        if device != self._device:",
        new="        if True:",
        tests=("tests/agent/core/test_plan.py",),
    ),
    Mutation(
        what="a ban that begins later does not count for the limit",
        file="agent/aipolicy/core/comparison.py",
        old="stops = effect in (Effect.BLOCKED, Effect.LATER)",
        new="stops = effect is Effect.BLOCKED",
        tests=("tests/agent/core/test_plan.py",),
    ),
    Mutation(
        what="an inventory that broke off is taken for a small fleet",
        file="agent/aipolicy/core/inventory.py",
        old='    raise InventoryError("it broke off: its last line is missing")',
        new="",
        tests=("tests/agent/core/test_inventory.py",),
    ),
    Mutation(
        what="a policy of a canary wave goes to everybody",
        file="server/aipolicy_server/store/rollouts.py",
        old="return place is not None and place < percent",
        new="return True",
        tests=("tests/server/test_canary.py",),
    ),
    Mutation(
        what="a night, in which all are silent, holds a policy",
        file="server/aipolicy_server/store/rollouts.py",
        old="silent / devices > usual + _SILENT_MORE",
        new="silent / devices > _SILENT_MORE",
        tests=("tests/server/test_canary.py",),
    ),
    Mutation(
        what="what was stopped by the policy before counts against the one in its canary wave",
        file="server/aipolicy_server/store/rollouts.py",
        old="if _decode(row.about).verdict.policy == version",
        new="if _decode(row.about).verdict.policy",
        tests=("tests/server/test_canary.py",),
    ),
    Mutation(
        what="a later first sight of the server's is taken over: a grace is lengthened",
        file="agent/aipolicy/state/sights.py",
        old="(own is not None and own <= sight.at)",
        new="own == sight.at",
        tests=("tests/agent/state/test_sights.py",),
    ),
    Mutation(
        what="first sights of any machine are handed back",
        file="server/aipolicy_server/store/first_sights.py",
        old="_devices.machine == machine, ",
        new="",
        tests=("tests/server/intake/test_first_sights.py",),
    ),
    Mutation(
        what="first sights of a copy that is still heard of are handed back",
        file="server/aipolicy_server/store/first_sights.py",
        old=", heard <= enrolled",
        new="",
        tests=("tests/server/intake/test_first_sights.py",),
    ),
    Mutation(
        what="a policy lengthens what the server keeps",
        file="server/aipolicy_server/kept_for.py",
        old="min(of, policy.days)",
        new="policy.days",
        tests=("tests/server/test_retention.py",),
    ),
    Mutation(
        what="events that wait for the server go for their age",
        file="agent/aipolicy/state/spool.py",
        old='WHERE status IN (2, 3) ORDER BY n DESC"',
        new='ORDER BY n DESC"',
        tests=("tests/agent/state/test_spool.py",),
    ),
)


def noticed(mutation: Mutation, copy: Path) -> str | None:
    """The first test that fails under it; None where none does. Raises ValueError on a stale mutation."""
    file = copy / mutation.file
    text = file.read_text()
    if mutation.old not in text:
        raise ValueError(f"{mutation.file} no longer holds {mutation.old!r}: mend the mutation")
    file.write_text(text.replace(mutation.old, mutation.new, 1))
    paths = os.pathsep.join(str(copy / folder) for folder in ("agent", "server"))
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutation.tests],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    finally:
        file.write_text(text)
    if run.returncode == 0:
        return None
    lines = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if not lines:
        raise ValueError(f"pytest itself failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return lines[0]


def main() -> int:
    """Every mutation; the number of those that no test noticed."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = HERE / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, copy / name)
        for mutation in MUTATIONS:
            by = noticed(mutation, copy)
            missed += by is None
            sys.stdout.write(f"{'noticed' if by else 'MISSED '}  {mutation.what}\n         {by or ''}\n")
            sys.stdout.flush()
    return missed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
