"""How long a policy of 100,000 entries takes to load, beside PyYAML's own loaders, and a hostile one to refuse.

The absolute times are this machine's; the ratios are what to compare. PyYAML's loaders are given the same text:
they neither keep lines and columns nor refuse duplicate keys. CSafeLoader is not given the nested brackets: it
crashes on them.
"""

import time
from collections.abc import Callable

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


def refused(text: str) -> None:
    """Loads a text that must be refused."""
    try:
        parse(text, "hostile.yaml", KNOWN)
    except PolicyErrors as errors:
        assert {problem.code for problem in errors.problems} == {"E007"}
    else:
        raise AssertionError("not refused")


def main() -> None:
    """Prints one table."""
    for shape, text in SHAPES.items():
        data = text.encode()
        load = seconds(lambda data=data: yamlfile.load(data, "policy.yaml"))  # type: ignore[misc]
        whole = seconds(lambda data=data: parse(data, "policy.yaml", KNOWN))  # type: ignore[misc]
        c_loader = seconds(lambda text=text: yaml.load(text, Loader=yaml.CSafeLoader))  # type: ignore[misc]  # noqa: S506 a safe loader
        python_loader = seconds(lambda text=text: yaml.safe_load(text), rounds=1)  # type: ignore[misc]
        print(f"{ENTRIES:,} entries as {shape} ({len(data):,} bytes)")
        print(f"  yamlfile.load     {load:6.3f} s   1.00x")
        print(f"  policy.parse      {whole:6.3f} s  {whole / load:5.2f}x")
        print(f"  CSafeLoader       {c_loader:6.3f} s  {c_loader / load:5.2f}x")
        print(f"  SafeLoader        {python_loader:6.3f} s  {python_loader / load:5.2f}x")
    print("refused as nested too deep")
    for name, text in HOSTILE.items():
        print(f"  {name:16}  {seconds(lambda text=text: refused(text)) * 1000:6.1f} ms")  # type: ignore[misc]


if __name__ == "__main__":
    main()
