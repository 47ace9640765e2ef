"""Looks for bytes that break a promise: `PYTHONPATH=tests python -m fuzz TARGET [--minutes N]`.

What makes new code run is kept in tests/fuzz/corpus/, what breaks a promise is written to tests/fuzz/found/.
"""

import argparse
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent


def main() -> None:
    """Runs libFuzzer in this process; it ends it."""
    with atheris.instrument_imports(include=["aipolicy.core"]):
        from fuzz.targets import TARGETS
        from fuzz.words import words
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--kept", type=Path, help="where what is new is kept (default: the corpus)")
    options = parser.parse_args()

    kept, found = options.kept or HERE / "corpus" / options.target, HERE / "found"
    kept.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    dictionary = kept.parent / f"{options.target}.words"
    dictionary.write_text(words())
    arguments = [
        sys.argv[0],
        f"-max_total_time={options.minutes * 60:.0f}",
        "-timeout=20",
        "-max_len=4096",
        "-rss_limit_mb=1500",
        f"-dict={dictionary}",
        f"-artifact_prefix={found}/{options.target}-",
        str(kept),
        str(HERE / "corpus" / "seeds"),
        str(HERE.parents[1] / "policies"),
        str(HERE.parent / "policies" / "bad"),
    ]
    atheris.Setup(arguments, TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
