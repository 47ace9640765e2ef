"""The exported YARA rules mean what we mean: two marks of one tool in a program. Asked of both engines."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yara
import yara_x
from msgspec.structs import replace

from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Executable, FileFacts, Owner
from aipolicy.core.tools import catalog_from, catalog_of
from aipolicy.examine import examiner_for
from aipolicy.export.yara import quoted, write
from aipolicy.tools import load
from tool_files import BOTH, OTHER

THIRD = OTHER.replace("id: other", "id: third").replace("other-tool", "third-tool")
CATALOG = catalog_from({**BOTH, "third.yaml": THIRD.replace("OTHER_TOOL", "THIRD")})
FIRST, SECOND = b"ACME_CODE_FIRST_MARK", b"ACME_CODE_SECOND_MARK"
PADDING = b"\0" * 1_000_000
ELF = Path("/proc/self/exe").read_bytes()
PE = b"MZ".ljust(0x3C, b"\0") + (0x80).to_bytes(4, "little") + b"\0" * 0x40 + b"PE\0\0"
FAT = b"\xca\xfe\xba\xbe\0\0\0\2"


def wide(mark: bytes) -> bytes:
    return mark.decode().encode("utf-16-le")


def by_yara(source: str, data: bytes) -> list[str]:
    return [match.rule for match in yara.compile(source=source, error_on_warning=True).match(data=data)]


def by_yara_x(source: str, data: bytes) -> list[str]:
    return [rule.identifier for rule in yara_x.compile(source).scan(data).matching_rules]


ENGINES = pytest.mark.parametrize("engine", [by_yara, by_yara_x])
Engine = Callable[[str, bytes], list[str]]

MATCHES = {
    "two marks in a program": ELF + PADDING + FIRST + b"\0" + SECOND,
    "the same in UTF-16": ELF + PADDING + wide(FIRST) + b"\0" + wide(SECOND),
    "one in each encoding": ELF + PADDING + wide(FIRST) + b"\0" + SECOND,
    "a program for Windows": PE + PADDING + FIRST + SECOND,
    "a program for macOS": bytes.fromhex("cffaedfe") + PADDING + FIRST + SECOND,
    "one for two processors": FAT + PADDING + FIRST + SECOND,
    "a script with a first line": b"#!/usr/bin/env node\n" + b" " * 1_000_000 + FIRST + b"\n" + SECOND,
    "marks of another tool, too": ELF + PADDING + FIRST + SECOND + b"OTHER_TOOL_FIRST_MARK",
}
NONE = {
    "one mark": ELF + PADDING + FIRST,
    "one mark twice": ELF + PADDING + FIRST + PADDING + wide(FIRST),
    "a README that quotes both": b"# How to find Acme\n" + b" " * 1_000_000 + FIRST + b"\n" + SECOND,
    "a Java class": b"\xca\xfe\xba\xbe\0\0\0\x3d" + PADDING + FIRST + SECOND,
    "a program for DOS": b"MZ" + PADDING + FIRST + SECOND,
    "a small script": b"#!/bin/sh\n" + FIRST + b"\n" + SECOND,
    "a list of three tools": ELF + PADDING + FIRST + SECOND + b"OTHER_TOOL_FIRST_MARK THIRD_SECOND_MARK",
    "nothing": b"",
}


@ENGINES
@pytest.mark.parametrize("data", MATCHES.values(), ids=MATCHES.keys())
def test_what_is_the_tool(engine: Engine, data: bytes) -> None:
    assert engine(write(CATALOG, CATALOG.tools), data) == ["aipolicy_acme"]


@ENGINES
@pytest.mark.parametrize("data", NONE.values(), ids=NONE.keys())
def test_what_is_not(engine: Engine, data: bytes) -> None:
    assert engine(write(CATALOG, CATALOG.tools), data) == []


@pytest.mark.parametrize("data", [*MATCHES.values(), *NONE.values()], ids=[*MATCHES, *NONE])
def test_the_rules_and_we_agree(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(data)
    file = examiner_for(CATALOG).file(str(path))
    assert isinstance(file, FileFacts)
    owner = Owner(uid=1, name="u")
    found = identify(Executable(path=str(path), found_as=str(path), owner=owner, file=file), CATALOG)
    certain = [f"aipolicy_{finding.tool}" for finding in found if finding.confidence is Confidence.CERTAIN]
    assert certain == by_yara(write(CATALOG, CATALOG.tools), data)


@ENGINES
def test_every_tool_of_the_catalog_compiles_and_matches_its_own_marks(engine: Engine) -> None:
    catalog = load()
    source = write(catalog, catalog.tools)
    for tool in catalog.tools:
        marks = b"\0".join(mark.literal.encode() for mark in tool.marks)
        wanted = [f"aipolicy_{tool.id.replace('-', '_')}"] if len(tool.marks) >= 2 else []
        assert engine(source, ELF + PADDING + marks) == wanted


@ENGINES
def test_one_tool_alone_still_knows_a_list_of_all(engine: Engine) -> None:
    source = write(CATALOG, [CATALOG.by_id["acme"]])
    assert engine(source, MATCHES["two marks in a program"]) == ["aipolicy_acme"]
    assert engine(source, NONE["a list of three tools"]) == []
    assert source.count("\nrule ") == 1


NASTY = 'a"b\\c\\x41 \t%{}/*é€*/'


@ENGINES
def test_whatever_stands_in_a_text_is_only_a_text(engine: Engine) -> None:
    acme = CATALOG.by_id["acme"]
    rules = tuple(
        replace(rule, values=(f"{value} {NASTY}",)) if rule.kind == "content" else rule
        for rule in acme.evidence
        for value in rule.values
    )
    acme = replace(acme, name=NASTY, vendor="\n} rule x { condition: true }", evidence=rules, id="1-rule")
    source = write(catalog_of([acme], "v"), [acme])
    data = ELF + PADDING + b" ".join(f"{mark.decode()} {NASTY}".encode() for mark in (FIRST, SECOND))
    assert engine(source, data) == ["aipolicy_1_rule"]
    assert engine(source, MATCHES["two marks in a program"]) == []


@ENGINES
def test_an_id_that_is_longer_than_an_identifier_may_be(engine: Engine) -> None:
    tools = [replace(CATALOG.by_id["acme"], id="a" * 200 + end) for end in ("1", "2")]
    assert len(engine(write(catalog_of(tools, "v"), tools), MATCHES["two marks in a program"])) == 2


def test_meta_says_what_and_where_from() -> None:
    rules = yara.compile(source=write(CATALOG, CATALOG.tools))
    (match,) = rules.match(data=MATCHES["two marks in a program"])
    assert match.meta == {
        "id": "acme",
        "name": "Acme Code",
        "vendor": "acme-inc",
        "category": "cli",
        "catalog": CATALOG.version,
        "sources": "test",
    }


def test_the_head_says_what_is_not_carried_over() -> None:
    catalog = load()
    head = write(catalog, catalog.tools).partition("\n\n")[0]
    assert all(line.startswith("//") and len(line) <= 111 for line in head.splitlines())
    for word in ("packages", "signers", catalog.version, "openhands"):
        assert word in head
    alone = write(catalog, [catalog.by_id["openhands"]])
    assert all(line.startswith("//") for line in alone.splitlines())


def test_quoting() -> None:
    assert quoted('a"\\\né\x7f') == r'"a\"\\\x0a\xc3\xa9\x7f"'
