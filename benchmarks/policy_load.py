"""A policy of 100,000 entries loaded, beside PyYAML's own loaders, and hostile ones refused.

The absolute times are this machine's; compare the ratios. PyYAML's loaders get the same text: they
neither keep lines and columns nor refuse duplicate keys. CSafeLoader does not get the nested brackets: it
crashes on them.
"""

import time
from collections.abc import Callable
from functools import partial

import yaml

from aipolicy.core import yamlfile
from aipolicy.core.policy import KnownTools, PolicyErrors, parse

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


def main() -> None:
    """Prints one table."""
    for shape, text in SHAPES.items():
        data = text.encode()
        load = seconds(partial(yamlfile.load, data, "policy.yaml"))
        others = {
            "policy.parse": seconds(partial(parse, data, "policy.yaml", KNOWN)),
            "CSafeLoader": seconds(partial(yaml.load, text, Loader=yaml.CSafeLoader)),
            "SafeLoader": seconds(partial(yaml.safe_load, text), rounds=1),
        }
        print(f"{ENTRIES:,} entries as {shape} ({len(data):,} bytes)")
        print(f"  yamlfile.load    {load:7.3f} s   1.00x")
        for name, took in others.items():
            print(f"  {name:16} {took:7.3f} s  {took / load:5.2f}x")
    print("refused as nested too deep")
    for name, text in HOSTILE.items():
        assert refusal(text) == {"E007"}
        print(f"  {name:16} {seconds(partial(refusal, text)) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
