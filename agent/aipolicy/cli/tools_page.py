"""The page docs/tools.md, made from the catalog; docs/generate.py writes it."""

from aipolicy.core.tool import Kind, Source, Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import GROUNDS
from aipolicy.tools import load

_HEAD = """# The tools that are recognised

Made from `agent/aipolicy/tools/*.yaml` by `docs/generate.py`; `make lint` fails when it is stale.
`aipolicy tools show ID` shows the evidence for one tool, `aipolicy tools check` runs every example of every file.

One id covers every form of a product.

Marks count in a file as large as tools are (1 MB; the smallest tool measured has 9). In a script one mark is a
mention, and a file with the marks of three tools is a list of them: a scanner, a rule set, this agent itself. A
place proves less where a file lies that cannot be the tool: it holds none of the marks, and is a plain interpreter,
smaller than any build (`smallest` in the tool's file) or, where that is not known, a program below 1 MB.

Names that other programs bear, too (`q`, `pi`, `cn`, `goose`, `zed`, `agy`), are no evidence at all. An interpreter
is never the tool that it runs: the script's package is. A package without its code, an SDK, a settings folder
and a mention in a text are not the tool.

`aipolicy tools check` refuses, with file, line and what to do: evidence that two tools claim, also where a path shape
or a mark of one lies in another's; a mark shorter than 12 characters, inside another mark of the same file, or inside
a text known to be in other programs; a tool with nothing but names (program, title, signer, deb, rpm); a value
without a source; a value that could be deleted without one example's noticing, alternatives written out; an
example that comes out otherwise, or in which a second tool is certain, too.

Editors on Linux (Cursor, Windsurf, Kiro, Antigravity, Trae, the Qoder editor) are known by the bundle id in their
product.json, in any folder and inside an AppImage, and by their place: with the vendor's deb or rpm `certain`, else
`likely`. They are not ended while they run (`deny-new`).

"""  # noqa: E501  (a page of text)

_SURE = """## How sure a finding is

The first row that holds decides; `aipolicy explain` names it, and what would make a finding certain.

| confidence | ground | what it takes |
| --- | --- | --- |
"""

_CEILINGS = """
A certain finding may be blocked, a likely one warned of at most, a possible one reported at most.

"""

_SOURCES = """
\\* some of it is neither run nor read in a public source; the table below has a star at each such line.

## Where each value is known from

"Here" is the machine on which the catalog was made; "app-audit notes" are public notes and code of others with
measured signatures.

| tool | evidence | values | known from |
| --- | --- | --- | --- |
"""  # noqa: E501  (a page of text)


def tools_page() -> str:
    """docs/tools.md."""
    catalog = load()
    lines = ["| tool | id, aliases | vendor | category | stop | recognised by |", "|" + " --- |" * 6]
    lines += [_row(tool) for tool in catalog.tools]
    sure = (f"| {ground.sure} | {ground.name} | {ground.words} |\n" for ground in GROUNDS)
    known = (_source(tool, source) for tool in catalog.tools for source in tool.sources)
    return "".join(
        [_HEAD, _SURE, *sure, _CEILINGS, _summary(catalog), "\n", "\n".join(lines), "\n", _SOURCES, *known]
    )


def _summary(catalog: Catalog) -> str:
    marks = sum(len(tool.marks) for tool in catalog.tools)
    marked = sum(bool(tool.marks) for tool in catalog.tools)
    return f"## The catalog\n\n{len(catalog.tools)} tools, {marks} content marks in {marked} of them.\n"


def _row(tool: Tool) -> str:
    words = ", ".join(f"`{word}`" for word in (tool.id, *tool.aliases))
    kinds = ", ".join(kind for kind in Kind if any(True for _ in tool.values(kind)))
    star = "" if all(source.verified for source in tool.sources) else " \\*"
    return _cells(tool.name + star, words, tool.vendor, tool.category, tool.stop, kinds)


def _source(tool: Tool, source: Source) -> str:
    values = ", ".join(f"`{value}`" for value in source.values)
    return _cells(tool.id, source.kind, values, source.text + ("" if source.verified else " \\*")) + "\n"


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
