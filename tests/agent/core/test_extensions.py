"""IT's own files add tools and evidence; what would take something from a tool of ours is an error."""

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Owner, Package, PackageRef
from aipolicy.core.shapes import may_be_the_same
from aipolicy.core.tool import Kind, Stop
from aipolicy.core.toolcheck import faults
from aipolicy.core.tools import Catalog, catalog_from, read_files
from aipolicy.core.yamlfile import YamlErrors
from tool_files import BOTH, OTHER

EXTENSION = """\
extends: acme
aliases: [acme-fork]
evidence:
  npm: [acme-mirror]
  executable: [acme-enterprise]
sources: {npm: our mirror, executable: our mirror}
examples:
  - {is: certain, npm: acme-mirror}
  - {is: possible, program: /home/u/acme-enterprise}
not:
  - {npm: acme-docs}
"""
OWN = OTHER.replace("id: other", "id: mine").replace("other-tool", "my-tool").replace("OTHER_TOOL", "MINE")


def with_own(text: str, shared: frozenset[str] = frozenset()) -> Catalog:
    return catalog_from(BOTH, {"/it/own.yaml": text}, shared)


def refused(text: str, shared: frozenset[str] = frozenset()) -> list[str]:
    with pytest.raises(YamlErrors) as caught:
        with_own(text, shared)
    assert {problem.file for problem in caught.value.problems} == {"/it/own.yaml"}
    return [f"{problem.line}:{problem.column}: {problem.message}" for problem in caught.value.problems]


def test_an_extension_adds_to_the_tool_and_changes_nothing_else() -> None:
    before, after = catalog_from(BOTH).by_id["acme"], with_own(EXTENSION).by_id["acme"]
    assert after.evidence[: len(before.evidence)] == before.evidence
    assert {"acme-mirror", "@acme/code"} <= set(after.values(Kind.NPM))
    assert after.aliases == ("acme-cli", "acme-fork")
    assert len(after.examples) == len(before.examples) + 2
    assert (after.vendor, after.category, after.stop, after.file) == (
        "acme-inc",
        "cli",
        Stop.TERMINATE,
        "acme.yaml",
    )
    assert after.sources[: len(before.sources)] == before.sources
    assert after.known_from(Kind.NPM) == "test; our mirror"


def test_what_it_adds_is_recognised() -> None:
    package = PackageRef(ecosystem="npm", name="acme-mirror", version="1.0.0", path="/x/acme-mirror")
    seen = Package(package=package, owner=Owner(uid=1, name="u"), form="npm", has_code=True)
    (finding,) = identify(seen, with_own(EXTENSION))
    assert (finding.tool, finding.confidence) == ("acme", Confidence.CERTAIN)


@pytest.mark.parametrize(
    "key", ["stop: deny-new", "vendor: mine", "category: editor", "name: Mine", "id: acme"]
)
def test_an_extension_has_no_word_for_what_the_tool_is(key: str) -> None:
    (message,) = refused(f"{EXTENSION}{key}\n")
    assert f"12:1: a file that extends a tool has no key '{key.partition(':')[0]}'" in message


def test_an_extension_of_no_tool() -> None:
    assert refused("extends: acmee\n") == ["1:10: it extends 'acmee', which is no tool, did you mean 'acme'?"]


def test_our_own_tool_may_be_extended_whatever_the_order_of_the_names() -> None:
    extension = EXTENSION.replace("extends: acme", "extends: mine")
    catalog = catalog_from(BOTH, {"/it/a.yaml": extension, "/it/b.yaml": OWN})
    assert "acme-mirror" in catalog.by_id["mine"].values(Kind.NPM)


def test_an_extension_that_says_what_we_know_by_now_is_still_right() -> None:
    catalog = with_own(EXTENSION.replace("[acme-mirror]", '["@acme/code"]').replace("acme-fork", "acme-cli"))
    assert catalog.by_id["acme"].aliases == ("acme-cli",)
    assert list(catalog.by_id["acme"].values(Kind.NPM)).count("@acme/code") == 1


def test_a_tool_of_ours_is_not_described_anew() -> None:
    with pytest.raises(YamlErrors) as caught:
        with_own(OTHER.replace("deny-new", "terminate"))
    (problem,) = caught.value.problems
    assert str(problem) == "/it/own.yaml:1:5: 'other' is a word for 'other' (other.yaml) already"
    assert "`extends: other`" in problem.suggestion


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "id: mine",
            "id: mine\naliases: [fine, acme-cli]",
            "2:17: 'acme-cli' is a word for 'acme' (acme.yaml)",
        ),
        ("id: mine", "id: mine\naliases: [acme]", "2:11: 'acme' is a word for 'acme' (acme.yaml) already"),
        ("[my-tool]", '["@acme/code"]', "7:9: the npm evidence '@acme/code' is claimed by 'acme'"),
        ("[my-tool]", '["@acme/sdk-linux-x64"]', "7:9: the npm evidence '@acme/sdk-linux-x64' is claimed by"),
        ("MINE_FIRST_MARK", "ME_CODE_FIRST", "8:13: the mark 'ME_CODE_FIRST' overlaps a mark of 'acme'"),
        ("id: mine", "id: mine\nsame-code: [acme]", "same-code would hide 'acme' (acme.yaml)"),
        (
            "  npm: [my-tool]",
            "  npm: [my-tool]\n  path: [~/.local/*/acme/*/*]",
            "8:10: the path '~/.local/*/acme/*/*' overlaps a path of 'acme' (acme.yaml)",
        ),
    ],
)
def test_what_is_a_tool_of_ours_is_not_claimed_for_another(old: str, new: str, said: str) -> None:
    assert old in OWN
    text = OWN.replace(old, new, 1)
    if "path:" in new:
        text = text.replace("{npm: test,", "{npm: test, path: test,")
    (message,) = refused(text)
    assert said in message


def test_a_mark_that_is_in_other_programs_would_make_every_program_a_list_of_tools() -> None:
    (message,) = refused(OWN, frozenset({"MINE_FIRST_MARK"}))
    assert message == "8:13: 'MINE_FIRST_MARK' is known to be in other programs"


def test_an_extension_takes_nothing_from_a_third_tool() -> None:
    (message,) = refused(
        EXTENSION.replace("acme-mirror]", "other-tool]").replace("npm: acme-mirror", "npm: x")
    )
    assert message == "4:9: the npm evidence 'other-tool' is claimed by 'other' (other.yaml) already"


def test_the_examples_of_an_extension_are_run_and_its_evidence_must_be_proved() -> None:
    text = EXTENSION.replace("is: certain", "is: likely").replace(
        "  - {is: possible, program: /home/u/acme-enterprise}\n", ""
    )
    (file,), _ = read_files({"/it/own.yaml": text})
    said = [(fault.line, fault.code) for fault in faults(file.tool, with_own(text))]
    assert said == [(8, "T050"), (5, "T053")]


@pytest.mark.parametrize(
    "line", ["npm: ['x" + "{a,b}" * 150 + "']", "npm: ['" + "{" * 400 + "a,b" + "}" * 400 + "']"]
)
def test_a_line_that_stands_for_more_names_than_memory_holds(line: str) -> None:
    assert "no npm evidence" in refused(EXTENSION.replace("npm: [acme-mirror]", line))[0]


def test_a_place_that_takes_for_ever_to_compare() -> None:
    said = refused(EXTENSION.replace("npm: [acme-mirror]", "path: [~/x/*a*a*a*a*a*a*a*a*a*a*a]"))
    assert "more than 3 * in one name" in said[0]


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("/opt/a/b", "/opt/a/b", True),
        ("/opt/*/b", "/opt/a/*", True),
        ("/opt/a*/b", "/opt/b*/b", False),
        ("/opt/a*c/b", "/opt/ab*/b", True),
        ("~/bin/x", "/home/u/bin/x", True),
        ("~/bin/x", "/bin/x", False),
        ("~/bin/x", "~/u/bin/x", True),
        ("~/bin/x", "~/bin/y", False),
        ("/opt/a", "/opt/a/b", False),
        ("~/v/{version}", "~/v/1.2", True),
    ],
)
def test_two_shapes_that_one_path_can_have(one: str, other: str, meet: bool) -> None:
    assert may_be_the_same(one, other) is meet
    assert may_be_the_same(other, one) is meet
