"""`policy plan` beside the obvious loop that decides about every finding by itself, and for a large fleet.

The fleet is the made-up one of `aipolicy server simulate`, written as a snapshot. Both read the same file and
count the same; the loop is run over fewer devices, since it takes long. The plan runs as people run it, in a
process of its own: start and reading the gzipped file are in its time, and its peak memory is the process's.

    python benchmarks/plan.py [--devices N] [--beside N]
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from aipolicy.core.comparison import effect_of
from aipolicy.core.decide import decide
from aipolicy.core.inventory import (
    DeviceInventory,
    Head,
    InForce,
    Writer,
    read_head,
    read_lines,
)
from aipolicy.core.model import Context, Outcome
from aipolicy.core.policy import Policy, parse
from aipolicy.core.sides import Verdict, finding_of
from aipolicy.tools import load
from aipolicy_server.simulation.command import company_of, write_groups
from aipolicy_server.simulation.fleet import device
from aipolicy_server.store.stocktaking import kind_of

NOW = datetime.now(UTC).replace(microsecond=0)
_encode = msgspec.json.Encoder().encode

NEW = """mode: block
contact: https://it.example.com/ai
banned:
  - opencode
  - {tool: cursor, grace: 14d}
  - {tool: codex, from: 2999-12-15}
  - {tool: "vendor:kilo", action: warn}
  - "category:local-model"
approved: [github-copilot, claude-code]
"""
SCOPED = (
    NEW
    + """scopes:
  - {name: wave, percent: 5, banned: [cursor]}
  - {name: engineering, groups: [engineering], approved: [cursor]}
  - {name: berlin, hosts: ["ber-*"], banned: [codex], mode: warn}
  - {name: elsewhere, hosts: ["fra-*", "lon-lt-*"], banned: [codex]}
exemptions:
  - {tool: opencode, users: [ada], until: 2999-12-24, ticket: T-1}
"""
)


def write_fleet(path: Path, devices: int) -> int:
    """A snapshot of a made-up fleet; how many findings it has."""
    company = company_of(devices, 1, 5.0, NOW)
    writer = Writer()
    findings = 0
    with gzip.open(path, "wb", compresslevel=4) as file:
        old = company.current
        file.write(
            writer.head(Head(taken_at=NOW, policy=InForce(number=2, name="policy.yaml", content=old.text)))
        )
        for place in range(devices):
            one = device(company, place, f"device-{place}")
            has = []
            for event in (*one.first, *one.today):
                if isinstance(event.about, Outcome):
                    kind, blocks = kind_of(_encode(event.about).decode())
                    number, line = writer.kind(kind)
                    file.write(line)
                    has.append((event.about.verdict.finding.owner.name, number, blocks))
            findings += len(has)
            file.write(
                writer.device(
                    id=f"device-{place}", hostname=one.host.hostname, os=one.host.os, tags=None, findings=has
                )
            )
        file.write(writer.end())
    return findings


def obvious(path: Path, old: Policy, new: Policy) -> tuple[float, dict[str, tuple[int, int, int]]]:
    """Seconds of CPU, and machines, people and findings by effect, of a decision about every finding."""
    start = time.process_time()
    counted: dict[str, tuple[set[str], set[str], list[int]]] = {}
    kinds = []
    with gzip.open(path) as file:
        read_head(file.readline())
        for value in read_lines(file):
            if not isinstance(value, DeviceInventory):
                kinds.append(finding_of(value))
                continue
            for one in value.has:
                context = Context(
                    now=NOW, device=value.id, hostname=value.hostname, os=value.os, owner=one.owner
                )
                for number in one.kinds:
                    effect = effect_of(said(kinds[number], old, context), said(kinds[number], new, context))
                    if effect is not None:
                        machines, people, findings = counted.setdefault(effect, (set(), set(), [0]))
                        machines.add(value.id)
                        people.add(one.owner)
                        findings[0] += 1
    took = time.process_time() - start
    return took, {effect: (len(m), len(p), f[0]) for effect, (m, p, f) in counted.items()}


def said(finding, policy: Policy, context: Context) -> Verdict:  # type: ignore[no-untyped-def]
    verdict = decide(finding, policy, context, "")
    day = (verdict.blocks_from - datetime(1970, 1, 1, tzinfo=UTC)).days if verdict.blocks_from else 0
    return Verdict(verdict.ruling, verdict.action, verdict.reason, day)


def planned(
    path: Path, policy: Path, *options: str
) -> tuple[float, float, float, dict[str, tuple[int, int, int]]]:
    """Seconds, seconds of CPU, MB at most and the same counts, of the command."""
    command = [
        sys.executable,
        "-m",
        "aipolicy",
        "policy",
        "plan",
        str(policy),
        "--snapshot",
        str(path),
        *options,
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([*command, "--format", "json"], check=True, stdout=subprocess.PIPE)
    took = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    totals = {
        total["effect"]: (total["hit"]["machines"], total["hit"]["people"], total["hit"]["findings"])
        for total in json.loads(done.stdout)["totals"]
    }
    return took, cpu, used.ru_maxrss / 1024, totals


def main() -> None:
    """Prints what both take."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=200_000)
    parser.add_argument("--beside", type=int, default=50_000, help="devices for the obvious loop")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aipolicy-plan-") as folder:
        policy = Path(folder, "new.yaml")
        policy.write_text(NEW)
        small, large = Path(folder, "small.gz"), Path(folder, "large.gz")
        findings = write_fleet(small, asked.beside)
        catalog = load()
        company = company_of(asked.beside, 1, 5.0, NOW)
        old, new = company.current.policy, parse(NEW, "new.yaml", catalog.known)
        slow, counts = obvious(small, old, new)
        took, cpu, _, totals = planned(small, policy)
        assert totals == counts, f"they disagree: {totals} and {counts}"
        print(f"{asked.beside:,} devices, {findings:,} findings, both count the same")
        print(f"  obvious loop     {slow:8.2f} s of CPU  {slow / cpu:6.1f}x")
        print(f"  policy plan      {cpu:8.2f} s of CPU     1.0x   (start of the program included)")
        findings = write_fleet(large, asked.devices)
        took, cpu, peak, _ = planned(large, policy)
        size = os.path.getsize(large) / 1e6
        print(f"{asked.devices:,} devices, {findings:,} findings, a file of {size:.1f} MB")
        print(f"  policy plan      {took:8.2f} s, {cpu:.2f} s of CPU, {peak:.0f} MB at most")
        policy.write_text(SCOPED)
        groups = Path(folder, "groups.csv")
        write_groups(groups, company_of(asked.devices, 1, 5.0, NOW))
        took, cpu, peak, _ = planned(large, policy, "--groups", str(groups))
        print(
            f"  with scopes      {took:8.2f} s, {cpu:.2f} s of CPU, {peak:.0f} MB at most (3 waves, groups)"
        )


if __name__ == "__main__":
    main()
