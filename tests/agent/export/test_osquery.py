"""The exported pack, run against tables of osquery's own schema."""

import json
import re
import sqlite3
from typing import Any

import pytest
from msgspec.structs import replace

from aipolicy.core.tool import Kind
from aipolicy.core.tools import catalog_from
from aipolicy.export.osquery import write
from aipolicy.tools import load
from tool_files import BOTH

CATALOG = catalog_from(BOTH)

SCHEMA = """
CREATE TABLE npm_packages(name TEXT, version TEXT, description TEXT, author TEXT, license TEXT, homepage TEXT,
    path TEXT, directory TEXT);
CREATE TABLE python_packages(name TEXT, version TEXT, summary TEXT, author TEXT, license TEXT, path TEXT,
    directory TEXT);
CREATE TABLE vscode_extensions(name TEXT, uuid TEXT, version TEXT, path TEXT, publisher TEXT,
    publisher_id TEXT, installed_at BIGINT, prerelease INTEGER, uid BIGINT, vscode_edition TEXT);
CREATE TABLE users(uid BIGINT, gid BIGINT, username TEXT, description TEXT, directory TEXT, shell TEXT);
CREATE TABLE deb_packages(name TEXT, version TEXT, source TEXT, size BIGINT, arch TEXT, revision TEXT,
    status TEXT, maintainer TEXT, section TEXT, priority TEXT, admindir TEXT);
CREATE TABLE rpm_packages(name TEXT, version TEXT, release TEXT, source TEXT, size BIGINT, sha1 TEXT,
    arch TEXT, epoch INTEGER);
CREATE TABLE homebrew_packages(name TEXT, path TEXT, version TEXT, prefix TEXT);
CREATE TABLE apps(name TEXT, path TEXT, bundle_executable TEXT, bundle_identifier TEXT, bundle_name TEXT,
    bundle_short_version TEXT, bundle_version TEXT);
CREATE TABLE processes(pid BIGINT, name TEXT, path TEXT, cmdline TEXT, state TEXT, cwd TEXT, root TEXT,
    uid BIGINT);
"""
"""Of https://github.com/osquery/osquery/tree/master/specs: each *.table, shortened at its end."""


def regex_match(text: str | None, pattern: str, group: int) -> str | None:
    """osquery's own SQL function: the group that matches, else null (docs/wiki/introduction/sql.md)."""
    found = re.search(pattern, text or "")
    return found.group(group) if found else None


def answers(pack: str, table: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """What the query over `table` finds where these rows are in it."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.create_function("regex_match", 3, regex_match)
    database.executescript(SCHEMA)
    database.execute("INSERT INTO users(uid, username) VALUES (1000, 'u')")
    for row in rows:
        places = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO {table}({', '.join(row)}) VALUES ({places})", tuple(row.values()))  # noqa: S608
    query = json.loads(pack)["queries"][f"aipolicy_{table}"]["query"]
    found = [dict(row) for row in database.execute(query)]
    database.close()
    return found


def tools(table: str, *rows: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["tool"], row["confidence"]) for row in answers(write(CATALOG, CATALOG.tools), table, *rows)]


INSTALLED = "install ok installed"


@pytest.mark.parametrize(
    ("table", "row", "wanted"),
    [
        ("npm_packages", {"name": "@acme/code-linux-x64"}, [("acme", "likely")]),
        ("npm_packages", {"name": "@acme/sdk-linux-x64"}, [("acme", "likely")]),
        ("npm_packages", {"name": "acme"}, []),
        ("python_packages", {"name": "Acme_Code"}, [("acme", "likely")]),
        ("python_packages", {"name": "acme.code"}, [("acme", "likely")]),
        ("python_packages", {"name": "acmecode"}, []),
        ("vscode_extensions", {"name": "Acme.Code", "uid": 1000}, [("acme", "likely")]),
        ("vscode_extensions", {"name": "code", "publisher": "acme", "uid": 1000}, []),
        ("deb_packages", {"name": "acme", "status": INSTALLED}, [("acme", "possible")]),
        ("deb_packages", {"name": "acme", "status": "deinstall ok config-files"}, []),
        ("rpm_packages", {"name": "acme"}, [("acme", "possible")]),
        ("homebrew_packages", {"name": "acme-code"}, [("acme", "likely")]),
        ("homebrew_packages", {"name": "acme"}, []),
        ("apps", {"name": "Notes.app", "bundle_identifier": "com.acme.desktop"}, [("acme", "likely")]),
        ("apps", {"name": "Acme.app", "bundle_identifier": "org.acme"}, []),
        ("processes", {"path": "/home/u/.local/share/acme/versions/1.2.3"}, [("acme", "likely")]),
        ("processes", {"path": "/usr/share/acme/acme"}, [("acme", "likely")]),
        ("processes", {"path": "/home/u/.local/share/acme/versions/latest", "name": "acme"}, []),
        ("processes", {"path": "/home/u/.local/share/acme/versions/1.2/rg"}, []),
        ("processes", {"path": "/x/usr/share/acme/acme"}, []),
        ("processes", {"path": "/usr/bin/acme", "name": "acme", "cmdline": "acme"}, []),
        ("processes", {"path": None, "name": "acme"}, []),
    ],
)
def test_what_a_query_finds(table: str, row: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    assert tools(table, row, dict.fromkeys(row)) == wanted


def test_every_query_of_the_whole_catalog_runs_and_knows_what_the_catalog_knows() -> None:
    catalog = load()
    pack = write(catalog, catalog.tools)
    values = {kind: {v for tool in catalog.tools for v in tool.values(kind)} for kind in Kind}
    rows = ({"name": value} for value in values[Kind.NPM])
    assert len(answers(pack, "npm_packages", *rows)) == len(values[Kind.NPM])
    rows = ({"bundle_identifier": value} for value in values[Kind.BUNDLE])
    assert len(answers(pack, "apps", *rows)) == len(values[Kind.BUNDLE])
    for name in json.loads(pack)["queries"]:
        assert answers(pack, name.removeprefix("aipolicy_")) == []


def test_the_table_is_made_once_and_not_for_every_known_value() -> None:
    """The outer loop of the plan is the table: SQLite would else scan it for each value."""
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    catalog = load()
    query = json.loads(write(catalog, catalog.tools))["queries"]["aipolicy_npm_packages"]["query"]
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]
    loops = [step for step in plan if step.split()[:2] in (["SCAN", "t"], ["SCAN", "k"])]
    assert loops[0] == "SCAN t"
    database.close()


def test_a_quote_stays_in_its_text() -> None:
    acme = CATALOG.by_id["acme"]
    nasty = "a'); DROP TABLE users; --"
    evidence = (replace(next(r for r in acme.evidence if r.kind == Kind.BUNDLE), values=(nasty,)),)
    pack = write(CATALOG, [replace(acme, evidence=evidence)])
    found = answers(pack, "apps", {"bundle_identifier": nasty}, {"bundle_identifier": "a"})
    assert [row["tool"] for row in found] == ["acme"]


def test_nobodys_arguments_are_asked_for_and_no_process_by_its_name() -> None:
    query = json.loads(write(CATALOG, CATALOG.tools))["queries"]["aipolicy_processes"]["query"]
    assert not re.search("cmdline|name", query)


def test_the_pack_says_where_what_runs_and_what_is_not_carried_over() -> None:
    pack = json.loads(write(CATALOG, CATALOG.tools))
    assert {name: query.get("platform") for name, query in pack["queries"].items()} == {
        "aipolicy_npm_packages": None,
        "aipolicy_python_packages": None,
        "aipolicy_vscode_extensions": None,
        "aipolicy_deb_packages": "linux",
        "aipolicy_rpm_packages": "linux",
        "aipolicy_homebrew_packages": "darwin",
        "aipolicy_apps": "darwin",
        "aipolicy_processes": "posix",
    }
    assert "content marks" in pack["description"]
    assert CATALOG.version in pack["description"]
    assert json.loads(write(CATALOG, [CATALOG.by_id["other"]]))["queries"].keys() == {"aipolicy_npm_packages"}
