"""A policy of 100,000 entries loaded, beside PyYAML's own loaders, and hostile ones refused; and what the
commands on a policy of 2,000 lines take, start included, beside PyYAML in a Python of its own.

The absolute times are this machine's; compare the ratios. PyYAML's loaders get the same text: they
neither keep lines and columns nor refuse duplicate keys. CSafeLoader does not get the nested brackets: it
crashes on them.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from aipolicy.core import yamlfile
from aipolicy.core.policy import KnownTools, PolicyErrors, parse
from aipolicy.tools import load

ENTRIES = 100_000
SHAPES = {
    "ids": "banned:\n" + "".join(f"  - tool-{number}\n" for number in range(ENTRIES)),
    "mappings": "banned:\n" + "".join(f"  - {{tool: t{number}, reason: r}}\n" for number in range(ENTRIES)),
}
HOSTILE = {
    "[ x 1,000,000": "[" * 1_000_000,
    "'- ' x 500,000": "- " * 500_000,
    "{a: x 250,000": "{a: " * 250_000,
    "'? ' x 500,000": "? " * 500_000,
}
KNOWN = KnownTools(
    ids=frozenset(f"{letter}{number}" for letter in ("tool-", "t") for number in range(ENTRIES)),
    aliases={},
    vendors=frozenset(),
    categories=frozenset(),
)


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """The best of some rounds: what the work takes when nothing else is in the way."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def refusal(text: str) -> set[str]:
    """The codes with which a text is refused."""
    try:
        parse(text, "hostile.yaml", KNOWN)
    except PolicyErrors as errors:
        return {problem.code for problem in errors.problems}
    return set()


LINES = 2_000


def page() -> str:
    """A policy of 2,000 lines that is right: each entry is for another version of a tool."""
    tools = sorted(load().known.ids)
    lines = ["mode: block", "banned:"]
    for number in range((LINES - len(lines)) // 3):
        lines += [
            f"  - tool: {tools[number % len(tools)]}",
            f"    versions: ={number}.0",
            "    reason: no contract yet  # a remark",
        ]
    return "\n".join(lines) + "\n"


def command(arguments: list[str], rounds: int = 7) -> tuple[float, float]:
    """The best wall and processor time of a command, in seconds, its start included."""
    best_wall = best_cpu = float("inf")
    for _ in range(rounds):
        before, start = spent(), time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        best_wall = min(best_wall, time.perf_counter() - start)
        best_cpu = min(best_cpu, spent() - before)
    return best_wall, best_cpu


def spent() -> float:
    """The processor time of all commands so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def commands() -> None:
    """Prints one table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "policy.yaml")
        file.write_text(page())
        aipolicy, python = [sys.executable, "-m", "aipolicy", "policy"], [sys.executable, "-c"]
        safe = f"import yaml; yaml.load(open({str(file)!r}), yaml.{{}})"
        kinds = {
            "yaml.SafeLoader": [*python, safe.format("SafeLoader")],
            "yaml.CSafeLoader": [*python, safe.format("CSafeLoader")],
            "policy check": [*aipolicy, "check", str(file)],
            "policy fmt": [*aipolicy, "fmt", "--check", str(file)],
            "policy diff": [*aipolicy, "diff", str(file), str(file)],
        }
        base = None
        print(f"commands on {LINES:,} lines, start included")
        for name, arguments in kinds.items():
            wall, cpu = command(arguments)
            base = base or cpu
            print(f"  {name:16} {wall * 1000:6.0f} ms, {cpu * 1000:6.0f} ms of CPU  {cpu / base:5.2f}x")


def main() -> None:
    """Prints the tables."""
    commands()
    for shape, text in SHAPES.items():
        data = text.encode()
        loaded = seconds(partial(yamlfile.load, data, "policy.yaml"))
        others = {
            "policy.parse": seconds(partial(parse, data, "policy.yaml", KNOWN)),
            "CSafeLoader": seconds(partial(yaml.load, text, Loader=yaml.CSafeLoader)),
            "SafeLoader": seconds(partial(yaml.safe_load, text), rounds=1),
        }
        print(f"{ENTRIES:,} entries as {shape} ({len(data):,} bytes)")
        print(f"  yamlfile.load    {loaded:7.3f} s   1.00x")
        for name, took in others.items():
            print(f"  {name:16} {took:7.3f} s  {took / loaded:5.2f}x")
    print("refused as nested too deep")
    for name, text in HOSTILE.items():
        assert refusal(text) == {"E007"}
        print(f"  {name:16} {seconds(partial(refusal, text)) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
