"""Given a saved inventory and a policy, then what `policy plan` prints, saves and exits with."""

import gzip
import json
import os
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

import faults as fault
from aipolicy.cli import main
from aipolicy.core.inventory import INVENTORY_PATH, Arrivals
from aipolicy.core.model import Action, Ruling, State
from aipolicy.tools import texts
from fault_server import Fault, FaultServer
from fleets import NOW, Had, had, kind, lines

OLD = "mode: block\nbanned: [cursor]\n"
NEW = "mode: block\nbanned: [claude-code]\nunlisted: warn\n"


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "new.yaml"
    path.write_text(NEW)
    return str(path)


def snapshot(
    folder: Path, *devices: Iterable[Had], policy: str | None = OLD, arrivals: Arrivals | None = None
) -> str:
    path = folder / "fleet.gz"
    path.write_bytes(gzip.compress(b"".join(lines(devices, policy, arrivals=arrivals))))
    return str(path)


CURSOR = kind("cursor", ruling=Ruling.BANNED, action=Action.BLOCK, rule="old.yaml:2")
FLEET = ([had("alice", kind()), had("alice", kind(state=State.RUNNING))], [had("bob", CURSOR)], [])


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", "plan", *arguments])


def test_the_text_says_whom_it_hits_and_by_which_lines(tmp_path: Path, new: str) -> None:
    said = plan(new, "--snapshot", snapshot(tmp_path, *FLEET))
    assert said.exit_code == 0, said.output
    words = " ".join(said.stdout.split())
    assert "3 devices, 2 people with an AI tool, 3 findings" in words
    assert "newly blocked 1 1 2 1 on 1 machine" in words
    assert (
        "newly blocked claude-code unlisted → report, old.yaml: not listed banned → block, new.yaml:2"
        in words
    )
    assert "warned, no longer blocked cursor banned → block, old.yaml:2 unlisted → warn, new.yaml:3" in words


def test_json_is_as_its_schema_says(tmp_path: Path, new: str) -> None:
    said = plan(
        new, "--snapshot", snapshot(tmp_path, *FLEET), "--format", "json", "--limit", "people=1,machines=10%"
    )
    report = json.loads(said.stdout)
    schema = json.loads(Path("docs/schemas/plan.json").read_text())
    jsonschema.validate(report, schema, jsonschema.Draft202012Validator)
    assert (report["schema"], report["against"]["name"], said.exit_code) == ("aipolicy.plan/1", "old", 4)
    assert [(limit["most"], limit["found"], limit["exceeded"]) for limit in report["limits"]] == [
        (1, 1, False),
        (0, 1, True),
    ]


def test_markdown_is_short_and_shows_no_word_of_a_device_as_markup(tmp_path: Path, new: str) -> None:
    evil = [kind(f"![x](//{n})|`@everyone` <b>") for n in range(40)]
    saved = snapshot(tmp_path, *([had("a", each)] for each in evil))
    said = plan(new, "--snapshot", saved, "--format", "markdown", "--rows", "5", "--limit", "people=0")
    rows = [line for line in said.stdout.splitlines() if "everyone" in line]
    assert len(rows) == 5
    for row in rows:
        cell = row.split(" | ")[1]
        assert cell.startswith("`![x](//")
        assert cell.count("`") == 2
        assert row.replace("\\|", "").count("|") == 8
    assert "… and 35 lines more: 35 tools, 35 findings" in said.stdout
    assert "limit people=0: 0 newly blocked" in said.stdout
    assert said.exit_code == 0


def test_an_old_policy_that_is_given_comes_before_the_servers(tmp_path: Path, new: str) -> None:
    old = tmp_path / "before.yaml"
    old.write_text(NEW)
    said = plan(new, "--snapshot", snapshot(tmp_path, *FLEET), "--against", str(old))
    assert "Nothing changes for anybody." in said.stdout


def test_where_the_server_publishes_nothing_the_reports_are_compared_with(tmp_path: Path, new: str) -> None:
    said = plan(new, "--snapshot", snapshot(tmp_path, *FLEET, policy=None))
    assert "against what the agents reported" in said.stdout
    assert "note: No policy was given with --against" in said.stdout


def test_a_snapshot_is_ones_own_and_can_be_without_names(tmp_path: Path, new: str) -> None:
    saved = snapshot(tmp_path, *FLEET)
    copy, plain = tmp_path / "copy.gz", tmp_path / "plain.gz"
    whole = plan(new, "--snapshot", saved, "--save-snapshot", str(copy))
    numbered = plan(new, "--snapshot", saved, "--save-snapshot", str(plain), "--without-names")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert b"alice" in gzip.decompress(copy.read_bytes())
    text = gzip.decompress(plain.read_bytes())
    assert not any(name in text for name in (b"alice", b"bob", b"pc-1"))
    for path in (copy, plain):
        again = plan(new, "--snapshot", str(path))
        assert again.stdout.splitlines()[1:] == whole.stdout.splitlines()[1:]
    assert numbered.exit_code == 0
    assert sorted(os.listdir(tmp_path)) == ["copy.gz", "fleet.gz", "new.yaml", "plain.gz"]


@pytest.mark.parametrize("damage", ["cut", "no gzip", "cut inside", "other", "empty"])
def test_a_damaged_snapshot_is_refused(tmp_path: Path, new: str, damage: str) -> None:
    saved = Path(snapshot(tmp_path, *FLEET))
    whole = saved.read_bytes()
    text = gzip.decompress(whole)
    saved.write_bytes(
        {
            "cut": gzip.compress(text[: text.rindex(b"\n", 0, -1) + 1]),
            "cut inside": whole[:-20],
            "no gzip": b"\x1f\x8bnothing",
            "other": b"mode: block\n",
            "empty": b"",
        }[damage]
    )
    said = plan(new, "--snapshot", str(saved), "--save-snapshot", str(tmp_path / "copy"))
    assert said.exit_code == 2
    assert "get it again, with --server URL" in said.stderr
    assert sorted(os.listdir(tmp_path)) == ["fleet.gz", "new.yaml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--server URL or --snapshot FILE"),
        (("--snapshot", "none.gz"), "none.gz: no such file"),
        (("--server", "http://192.0.2.1", "--token-file", "{token}"), "use https"),
        (("--server", "http://127.0.0.1:1"), "AIPOLICY_TOKEN"),
        (("--server", "http://127.0.0.1:1", "--token-file", "{token}"), "connection refused"),
        (("--server", "http://127.0.0.1:1", "--token-file", "none"), "none: No such file"),
        (("--server", "http://127.0.0.1:1", "--token-file", "{new}"), "the server's admin token"),
        (("--snapshot", "{saved}", "--limit", "people=many"), "is no limit"),
        (("--snapshot", "{saved}", "--groups", "{new}"), "write user,group"),
        (("--snapshot", "{saved}", "--groups", "none.csv"), "none.csv: No such file"),
        (("--snapshot", "{saved}", "--groups", "/dev/zero"), "write user,group"),
        (("--snapshot", "{saved}", "--catalog", "none"), "none"),
        (
            ("--snapshot", "{saved}", "--tools", "{new}"),
            "it is no folder: give the one that the tool files are in",
        ),
        (("--snapshot", "{saved}", "--without-names"), "--save-snapshot FILE"),
        (("--snapshot", "{saved}", "--save-snapshot", "/proc/none/x"), "can't be saved there"),
        (("--snapshot", "{saved}", "--save-snapshot", "/dev/null"), "/dev/null: it is no file"),
        (("--snapshot", "/dev/null"), "/dev/null: it is no file"),
        (("--snapshot", "{saved}", "--server", "http://127.0.0.1:1"), "--server URL or --snapshot FILE"),
    ],
)
def test_what_can_not_be_is_said_with_what_to_do(
    tmp_path: Path, new: str, options: tuple[str, ...], words: str
) -> None:
    token = tmp_path / "token"
    token.write_text("aipa_x")
    known = {"saved": snapshot(tmp_path, *FLEET), "new": new, "token": str(token)}
    said = plan(new, *(option.format(**known) for option in options))
    assert said.exit_code == 2
    assert words in said.stderr


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (fault.redirect, "HTTP 307: it points elsewhere"),
        (fault.captive_portal, "it does not begin as an inventory does: is --server right?"),
        (fault.cut_gzip, "no answer that HTTP knows (IncompleteRead)"),
        (fault.close_at_once, "no answer that HTTP knows (RemoteDisconnected)"),
    ],
)
def test_what_answers_in_place_of_the_server_is_named(
    tmp_path: Path, new: str, fault: Fault, words: str
) -> None:
    token = tmp_path / "token"
    token.write_text("aipa_x")
    with FaultServer(faults=[fault], on=INVENTORY_PATH) as server:
        said = plan(
            new, "--server", server.url, "--token-file", str(token), "--save-snapshot", str(tmp_path / "s")
        )
        assert said.exit_code == 2
        assert said.stderr.startswith(f"{server.url}: ")
    assert words in said.stderr
    assert not (tmp_path / "s").exists()


def test_a_snapshot_is_taken_where_the_environment_names_a_server(tmp_path: Path, new: str) -> None:
    saved = snapshot(tmp_path, *FLEET)
    environment = {"AIPOLICY_SERVER": "http://127.0.0.1:1"}
    said = CliRunner().invoke(main, ["policy", "plan", new, "--snapshot", saved], env=environment)
    assert said.exit_code == 0, said.output


def test_a_policy_of_the_server_that_names_an_unknown_tool_says_what_to_do(tmp_path: Path, new: str) -> None:
    said = plan(new, "--snapshot", snapshot(tmp_path, *FLEET, policy="banned: [our-own]\n"))
    assert said.exit_code == 2
    assert "unknown tool 'our-own'" in said.stderr
    assert "number 7 of the server" in said.stderr
    assert "--tools DIR" in said.stderr


SCOPED = """mode: block
banned: []
scopes:
  - {name: developers, groups: [dev], percent: 5, banned: [claude-code]}
"""


def test_waves_are_shown_and_what_is_not_known_is_said(tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(SCOPED)
    groups = tmp_path / "groups.csv"
    groups.write_text("user,group\n" + "".join(f"p{n},dev\n" for n in range(100)))
    saved = snapshot(tmp_path, *([had(f"p{n}", kind())] for n in range(200)))
    known = plan(str(new), "--snapshot", saved, "--groups", str(groups), "--format", "json")
    waves = json.loads(known.stdout)["waves"]
    assert [wave["percent"] for wave in waves] == ["5", "30", "100"]
    hit = [wave["hit"]["machines"] for wave in waves]
    assert 0 < hit[0] < hit[1] < hit[2] == 100
    text = plan(str(new), "--snapshot", saved, "--groups", str(groups)).stdout
    assert "100 %: 100 people on 100 machines" in text
    assert "note:" not in text
    unknown = plan(str(new), "--snapshot", saved)
    assert "Give --groups FILE." in unknown.stdout
    assert (
        json.loads(plan(str(new), "--snapshot", saved, "--format", "json").stdout)["waves"][2]["hit"][
            "machines"
        ]
        == 0
    )


# --- another catalog --------------------------------------------------------------------------------------

MINE = """id: our-own
name: Ours
vendor: us
category: cli
evidence:
  npm: ["@us/tool"]
sources:
  npm: our own registry
examples:
  - {is: certain, npm: "@us/tool"}
not:
  - {npm: tool}
"""


def test_a_whole_catalog_that_moves_a_tool_to_another_category(tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text("mode: block\nbanned: [category:cli]\n")
    folder = tmp_path / "catalog"
    folder.mkdir()
    for name, text in texts().items():
        if name == "cursor.yaml":
            text = text.replace("category: editor", "category: cli")
        (folder / name).write_text(text)
    cursor = kind("cursor", because=(("deb", "cursor"),))
    gone = kind("cursor", because=(("deb", "no-such-package"),))
    saved = snapshot(tmp_path, [had("a", cursor), had("b", gone)], policy=new.read_text())
    said = plan(str(new), "--snapshot", saved, "--catalog", str(folder), "--format", "json")
    report = json.loads(said.stdout)
    assert report["catalog"]
    assert [
        (change["effect"], change["after"] and change["after"]["rule"]) for change in report["changes"]
    ] == [
        ("blocked", "new.yaml:2"),
        ("reported otherwise", None),
    ]


def test_own_tool_files_that_are_new_are_named_as_not_looked_for(tmp_path: Path, new: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "our-own.yaml").write_text(MINE)
    said = plan(new, "--snapshot", snapshot(tmp_path, *FLEET), "--catalog", str(folder))
    assert said.exit_code == 0, said.output
    assert "Nobody has looked for these yet, so who has them is not known: our-own." in said.stdout


def test_a_shorter_retention_is_said_with_how_many_events_it_removes(tmp_path: Path) -> None:
    shorter = tmp_path / "new.yaml"
    shorter.write_text(OLD + "privacy: {retention: 30d}\n")
    today = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
    arrivals = Arrivals(events=4_000, days=(today - 90, today - 31, today - 30, today))
    said = plan(str(shorter), "--snapshot", snapshot(tmp_path, *FLEET, arrivals=arrivals)).stdout
    assert (
        "note: Events are kept for 30 days at most (was for as long as the server's own setting says)" in said
    )
    assert "Of now about 4,000 events, about 2,000 would be removed." in said
    older = plan(str(shorter), "--snapshot", snapshot(tmp_path, *FLEET)).stdout
    assert "How many those are, this inventory does not tell." in older
    same = plan(str(shorter), "--snapshot", snapshot(tmp_path, *FLEET), "--against", str(shorter)).stdout
    assert "Events are kept" not in same
