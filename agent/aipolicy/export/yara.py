"""YARA rules: one per tool with two content marks, and the condition under which that is certain.

They compile with YARA 4 and YARA-X, which knows no sets of rules: hence the counting in `aipolicy_list`.
https://yara.readthedocs.io/en/stable/writingrules.html, https://virustotal.github.io/yara-x/docs/
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from aipolicy.core.content import A_LIST, PROOF, SMALLEST_TOOL
from aipolicy.core.tool import Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.export.comment import comment

_LONGEST_NAME: Final = 100
"""YARA refuses identifiers of more than 128 characters."""

_HEAD: Final = (
    "AI tools by what is inside their programs. Written by `aipolicy tools export --format "
    "yara`, catalog {version}. A rule matches where two marks of one tool stand in a program "
    "or script of 1 MB or more that does not hold marks of three tools."
)
_LEFT_OUT: Final = (
    "Not carried over, since YARA sees one file's bytes: packages, extensions, places, bundle "
    "ids, signers and names; one mark together with any of these; the version; a list of "
    "marks inside a program, which aipolicy leaves out block by block."
)

_KINDS: Final = """\
private rule aipolicy_program
{
    condition:
        uint32be(0) == 0x7f454c46 // ELF
        or (uint16be(0) == 0x4d5a and uint32(0x3c) < 0x1000 and uint32be(uint32(0x3c)) == 0x50450000) // PE
        or uint32be(0) == 0xfeedface or uint32be(0) == 0xfeedfacf // Mach-O
        or uint32be(0) == 0xcefaedfe or uint32be(0) == 0xcffaedfe
        or uint32be(0) == 0xcafebabf or uint32be(0) == 0xbfbafeca
        or (uint32be(0) == 0xcafebabe and uint32be(4) > 0 and uint32be(4) < 30) // not Java's
        or uint16be(0) == 0x2321 // a script
}
"""


def write(catalog: Catalog, tools: Sequence[Tool]) -> str:
    """The rules for `tools`. What is a list of tools is told by the marks of the whole catalog."""
    written = [tool for tool in tools if len(tool.marks) >= PROOF]
    without = ", ".join(tool.id for tool in tools if tool not in written)
    without = f"Without two content marks, hence without a rule: {without}." if without else ""
    head = comment("//", _HEAD.format(version=catalog.version), _LEFT_OUT, without)
    if not written:
        return head
    marked = [tool for tool in catalog.tools if tool.marks]
    parts = [_KINDS, *map(_mentions, marked), _list(marked)]
    return "\n".join([head, *parts, *(_rule(tool, catalog.version) for tool in written)])


def quoted(text: str) -> str:
    r"""A YARA text string: quotes and backslashes escaped, what is not printable ASCII as \xNN."""
    return '"' + "".join(map(_escaped, text.encode())) + '"'


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{byte:c}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def _name(tool: Tool) -> str:
    word = tool.id.replace("-", "_")
    if len(word) > _LONGEST_NAME:
        word = f"{word[:_LONGEST_NAME]}_{hashlib.sha256(word.encode()).hexdigest()[:8]}"
    return word


def _strings(tool: Tool) -> Iterator[str]:
    for number, literal in enumerate(sorted(mark.literal for mark in tool.marks), 1):
        yield f"        $m{number} = {quoted(literal)} ascii wide\n"


def _mentions(tool: Tool) -> str:
    strings = "".join(_strings(tool))
    return (
        f"private rule aipolicy_mentions_{_name(tool)}\n{{\n    strings:\n{strings}"
        "    condition:\n        any of them\n}\n"
    )


def _list(marked: Sequence[Tool]) -> str:
    """Whether the file names A_LIST tools."""
    each = "\n            or ".join(
        f"(i == {number} and aipolicy_mentions_{_name(tool)})" for number, tool in enumerate(marked, 1)
    )
    return (
        "private rule aipolicy_list\n{\n    condition:\n"
        f"        for {A_LIST} i in (1..{max(A_LIST, len(marked))}) : (\n            {each}\n        )\n}}\n"
    )


def _rule(tool: Tool, version: str) -> str:
    meta = {
        "id": tool.id,
        "name": tool.name,
        "vendor": tool.vendor,
        "category": tool.category,
        "catalog": version,
        "sources": tool.known_from(Kind.CONTENT),
    }
    lines = "".join(f"        {key} = {quoted(value)}\n" for key, value in meta.items())
    strings = "".join(_strings(tool))
    return (
        f"rule aipolicy_{_name(tool)}\n{{\n    meta:\n{lines}    strings:\n{strings}"
        f"    condition:\n        filesize >= {SMALLEST_TOOL} and aipolicy_program and not aipolicy_list"
        f" and {PROOF} of them\n}}\n"
    )
