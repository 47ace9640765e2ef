"""Writes the pages and schemas that are made from the code; with --check it only says which are stale."""

import inspect
import json
import re
import sys
from collections.abc import Callable
from enum import EnumMeta
from inspect import cleandoc
from pathlib import Path

import msgspec

from aipolicy.cli.checked.report import CheckReport
from aipolicy.cli.policy_diff import DiffReport
from aipolicy.cli.policy_schema import policy_schema_text
from aipolicy.cli.policy_test import TestReport
from aipolicy.core import first_sights, model, wire
from aipolicy.core.error_page import errors_of, in_markdown
from aipolicy.core.explain_report import Explanation
from aipolicy.core.plan_report import PlanReport
from aipolicy.core.problem import Code
from aipolicy.core.scan_report import ScanReport
from aipolicy.core.status import Mine, Status
from aipolicy.core.values import KEYS, Key, Place
from aipolicy.export.catalog_json import ExportedCatalog
from aipolicy.tools import load

HERE = Path(__file__).parent

LEAVES_THE_MACHINE = (
    (model.Event, model.Outcome, model.Verdict, model.Finding, model.Evidence, model.Owner),
    (model.Gone, model.Unseen, model.Health),
    (wire.Batch, wire.CheckIn, wire.HostInfo, wire.EnrolRequest),
    (first_sights.FirstSights, first_sights.FirstSight),
)
STAYS_HERE = (model.Process, model.Executable, model.Package, model.Extension, model.App, model.FileFacts)
SCHEMAS = {
    "scan": ScanReport,
    "status": Status,
    "mine": Mine,
    "batch": wire.Batch,
    "catalog": ExportedCatalog,
    "explain": Explanation,
    "plan": PlanReport,
    "policy-check": CheckReport,
    "policy-test": TestReport,
    "policy-diff": DiffReport,
}

PRIVACY = """# What is recorded about you

This page is made from the record types in `agent/aipolicy/core` (`model.py`, `wire.py`, `first_sights.py`) by
`docs/generate.py`; `make lint` fails when it is stale. A record cannot carry a field that is not listed here.

**Never recorded, never sent:** prompts, command-line arguments, environment variables, file contents, window
titles, browser or shell history, keystrokes, the names of programs that are not AI tools in the catalog.
`aipolicy mine` shows every record stored about the person who asks, byte for byte as it is sent, and when
graces began on the machine for the tools in them.

Paths that leave the machine are home-relative: `/home/alice/bin/claude` becomes `~/bin/claude`.

## What leaves the machine

The agent sends Events in Batches, and a CheckIn now and then; where graces began, FirstSights, which name a
tool and no person. It asks for the policy that is to be in force, which says only whose device asks. Nothing
else.
"""

STAYS = """
## What is looked at and stays on the machine

These records pass from the place that looks to the place that recognises a tool. They are not stored and not
sent; of a file, its identity and facts are kept in a local cache so that it is not read twice.
"""


def fields_page(record: type[msgspec.Struct]) -> str:
    """A record's description and the list of its fields with their types."""
    said = inspect.cleandoc(record.__doc__ or "").replace("\n", "  \n")
    lines = [f"\n### {record.__name__}\n", f"{said}\n"]
    lines += ["| field | type |", "| --- | --- |"]
    for field in msgspec.structs.fields(record):
        shown = type_name(field.type).replace("|", "\\|")
        lines.append(f"| `{field.name}` | {shown} |")
    return "\n".join(lines) + "\n"


def type_name(kind: object) -> str:
    """A type as people read it: `text or nothing` stays close to the code, enumerations list their words."""
    if isinstance(kind, EnumMeta):
        return "one of " + ", ".join(f"`{member.value}`" for member in kind)  # type: ignore[var-annotated]
    return re.sub(r"(aipolicy\.core\.\w+|datetime|<class '|'>)\.?", "", str(kind)).strip("'") or "datetime"


def privacy() -> str:
    """docs/privacy.md."""
    parts = [PRIVACY]
    parts += [fields_page(record) for group in LEAVES_THE_MACHINE for record in group]
    parts.append(STAYS)
    parts += [fields_page(record) for record in STAYS_HERE]
    return "".join(parts)


def policy_page() -> str:
    """docs/policy.md with the parts between its marks written anew."""

    def part(mark: re.Match[str]) -> str:
        what, _, of = mark[1].partition(": ")
        lines = codes_table() if what == "codes" else keys_table(Place(of))
        return "\n".join((f"<!-- {mark[1]} -->", *lines, "<!-- end -->"))

    page = (HERE / "policy.md").read_text()
    return re.sub(r"<!-- (codes|keys: \w+) -->\n.*?<!-- end -->", part, page, flags=re.DOTALL)


def keys_table(place: Place) -> list[str]:
    """The keys that may stand there."""
    rows = [f"| `{key.name}` | {key.says} | {_without(key)} |" for key in KEYS[place]]
    return ["| key | what it says | where it is left out |", "| --- | --- | --- |", *rows]


def _without(key: Key) -> str:
    return "it must be there" if key.needed else key.without


def codes_table() -> list[str]:
    """Every error code with its meaning."""
    return [
        "| code | what is wrong |",
        "| --- | --- |",
        *(f"| [{code}](policy-errors.md#{code.lower()}) | {code.meaning} |" for code in Code),
    ]


ERRORS = """# The errors of a policy

What `aipolicy policy check` says, and how to mend it; `aipolicy policy explain E025` shows one of them.
The codes are stable. This page is made from `agent/aipolicy/core/error_page.py`; a test reads every example.
"""


def errors_page() -> str:
    """docs/policy-errors.md."""
    known = load().known
    return ERRORS + "".join(f"\n## {code}\n\n{in_markdown(code, errors_of(code, known))}\n" for code in Code)


def policy_json_schema() -> str:
    """policies/policy.schema.json, which `aipolicy policy schema` prints."""
    return policy_schema_text(load())


def schema(record: type[msgspec.Struct]) -> str:
    """The JSON Schema of one JSON that a command prints or an agent sends."""
    return json.dumps(_dedented(msgspec.json.schema(record)), indent=1, sort_keys=True) + "\n"


def _dedented(part: object) -> object:
    """msgspec before 0.23 leaves docstrings indented; the file is the same with each."""
    if isinstance(part, dict):
        return {key: _dedented(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_dedented(each) for each in part]
    return cleandoc(part) if isinstance(part, str) else part


def generated() -> dict[Path, Callable[[], str]]:
    """Every generated file and what makes it."""
    from aipolicy.cli.tools import tools_page

    files: dict[Path, Callable[[], str]] = {
        HERE / "privacy.md": privacy,
        HERE / "tools.md": tools_page,
        HERE / "policy.md": policy_page,
        HERE / "policy-errors.md": errors_page,
        HERE.parent / "policies" / "policy.schema.json": policy_json_schema,
    }
    for name, record in SCHEMAS.items():
        files[HERE / "schemas" / f"{name}.json"] = lambda record=record: schema(record)  # type: ignore[misc]
    return files


def main(check: bool) -> int:
    """Write, or with `check` compare; 1 when something is stale."""
    stale = 0
    for path, make in generated().items():
        text = make()
        if path.is_file() and path.read_text() == text:
            continue
        if check:
            print(f"{path.relative_to(HERE.parent)} is stale: run `make docs`", file=sys.stderr)  # noqa: T201
            stale = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(HERE.parent)}")  # noqa: T201
    return stale


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
