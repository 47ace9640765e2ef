"""The page docs/tools.md, made from the catalog; docs/generate.py writes it."""

from aipolicy.core.tool import Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.tools import load

_HEAD = """# The tools that are recognised

Made from `agent/aipolicy/tools/*.yaml` by `docs/generate.py`; `make lint` fails when it is stale.
`aipolicy tools show ID` shows the evidence for one tool, `aipolicy tools check` runs every example of every file.

One id covers every form of a product. How sure a finding is:

| confidence | what it takes | what the policy can do |
| --- | --- | --- |
| certain | a package with its code, in a registry where a name has one owner (npm, PyPI, VS Code, JetBrains); or two content marks in a program; or one mark together with a package, an installed place or a signature; or a deb or rpm package whose program lies where the tool's does | allow, report, warn, block |
| likely | one content mark; an installed place; a Homebrew, snap or flatpak name; a bundle id; a process title set by the tool where its owner has the tool's package | at most warn |
| possible | a name alone | at most report |

Marks count in a file as large as tools are (1 MB; the smallest tool measured has 9). In a script one mark is a
mention, and a file with the marks of three tools is a list of them: a scanner, a rule set, this agent itself.

Names that other programs bear, too (`q`, `pi`, `cn`, `goose`, `zed`, `agy`), are no evidence at all. An interpreter
is never the tool that it runs: the script's package is. A package without its code, an SDK, a settings folder
and a mention in a text are not the tool.

`aipolicy tools check` refuses, with file, line and what to do: evidence that two tools claim, also where a path shape
or a mark of one lies in another's; a mark shorter than 12 characters, inside another mark of the same file, or inside
a text known to be in other programs; a tool with nothing but names (program, title, signer, deb, rpm); evidence
without a source; evidence that no example needs; an example that comes out otherwise.

Editors on Linux (Cursor, Windsurf, Kiro, Antigravity, Trae, the Qoder editor, Zed) are known by their place: with
the vendor's deb or rpm `certain`, as an AppImage or an unpacked archive `likely`. They are not ended while they
run (`deny-new`).

"""  # noqa: E501  (one line per row of a table)

_STARS = """
\\* some of it is not verified on a real program; see `sources` in the tool's file.
"""


def tools_page() -> str:
    """docs/tools.md."""
    catalog = load()
    lines = ["| tool | id, aliases | vendor | category | stop | recognised by |", "|" + " --- |" * 6]
    lines += [_row(tool) for tool in catalog.tools]
    return _HEAD + _summary(catalog) + "\n" + "\n".join(lines) + "\n" + _STARS


def _summary(catalog: Catalog) -> str:
    marks = sum(len(tool.marks) for tool in catalog.tools)
    marked = sum(bool(tool.marks) for tool in catalog.tools)
    return f"{len(catalog.tools)} tools, {marks} content marks in {marked} of them.\n"


def _row(tool: Tool) -> str:
    words = ", ".join(f"`{word}`" for word in (tool.id, *tool.aliases))
    kinds = ", ".join(kind for kind in Kind if any(True for _ in tool.values(kind)))
    unverified = any("not verified" in source for source in tool.sources.values())
    cells = (tool.name + (" \\*" if unverified else ""), words, tool.vendor, tool.category, tool.stop, kinds)
    return "| " + " | ".join(cells) + " |"
