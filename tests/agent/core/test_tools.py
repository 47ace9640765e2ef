"""The catalog as a whole: what observers look for, what a policy may name, and who claims what."""

import pytest

from aipolicy.core.tools import catalog_from
from aipolicy.core.yamlfile import YamlErrors
from tool_files import ACME, BOTH, OTHER

CATALOG = catalog_from(BOTH)


def conflict(other: str) -> list[str]:
    with pytest.raises(YamlErrors) as caught:
        catalog_from({"acme.yaml": ACME, "other.yaml": other})
    assert {problem.file for problem in caught.value.problems} == {"other.yaml"}
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_what_a_policy_may_name() -> None:
    known = CATALOG.known
    assert known.ids == {"acme", "other"}
    assert known.aliases == {"acme-cli": "acme"}
    assert known.vendors == {"acme-inc", "other-inc"}
    assert known.categories == {"cli", "editor"}
    assert known.names == {"acme": "Acme Code", "other": "Other"}


def test_what_observers_look_for() -> None:
    wanted = CATALOG.wanted
    assert wanted.npm == {
        "@acme/code", "@acme/code-linux-x64", "@acme/code-darwin-x64", "@acme/sdk-linux-x64", "other-tool",
    }  # fmt: skip
    assert wanted.pypi == {"acme-code"}
    assert wanted.deb == wanted.rpm == {"acme"}
    assert wanted.brew == {"acme-code"}
    assert wanted.extensions == {"acme.code"}
    assert wanted.plugins == {"com.acme.code"}
    assert wanted.executables == {"acme", "ac"}
    assert wanted.paths == ("~/.local/share/acme/versions/*", "/usr/share/acme/acme")
    assert [mark.literal for mark in wanted.marks if mark.id.startswith("acme:")] == [
        "ACME_CODE_FIRST_MARK",
        "ACME_CODE_SECOND_MARK",
    ]
    assert [version.before for version in wanted.versions] == ["acme-user-agent/"]


def test_names_that_hint_at_an_install() -> None:
    hints = CATALOG.wanted.install_names
    assert {"code", "acme", "acme-code", "acme_code", "other-tool", "acme.code"} <= hints
    assert "ac" not in hints
    assert not any("*" in name or "/" in name for name in hints)


def test_python_names_are_wanted_as_pypi_compares_them() -> None:
    text = ACME.replace("pypi: [acme-code]", "pypi: [Acme__Code.CLI]")
    assert catalog_from({"a.yaml": text}).wanted.pypi == {"acme-code-cli"}


def test_tools_stand_in_the_order_of_their_ids() -> None:
    assert [tool.id for tool in catalog_from(dict(reversed(BOTH.items()))).tools] == ["acme", "other"]


def test_the_version_is_of_all_texts_and_their_names() -> None:
    versions = {
        catalog_from(texts).version
        for texts in (BOTH, {"acme.yaml": ACME}, {"a.yaml": ACME}, BOTH | {"other.yaml": OTHER + "# more\n"})
    }
    assert len(versions) == 4
    assert catalog_from(dict(reversed(BOTH.items()))).version == CATALOG.version


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: other", "id: acme", "1: 'acme' is a word for 'acme' (acme.yaml) already"),
        (
            "id: other",
            "id: other\naliases: [acme-cli]",
            "'acme-cli' is a word for 'acme' (acme.yaml) already",
        ),
        (
            "[other-tool]",
            '["@acme/code-linux-x64"]',
            "7: the npm evidence '@acme/code-linux-x64' is claimed by",
        ),
        (
            "OTHER_TOOL_FIRST_MARK",
            "ACME_CODE_FIRST_MARK",
            "the content evidence 'ACME_CODE_FIRST_MARK' is claimed",
        ),
        ("OTHER_TOOL_FIRST_MARK", "THE_ACME_CODE_FIRST_MARK", "overlaps a mark of 'acme'"),
        ("OTHER_TOOL_FIRST_MARK", "CODE_FIRST_MARK", "overlaps a mark of 'acme'"),
        ("OTHER_TOOL_SECOND_MARK", "OTHER_TOOL_FIRST_MARK_2", "overlaps the mark 'OTHER_TOOL_FIRST_MARK'"),
        ("[other-tool]", '["@acme/sdk-linux-x64"]', "the npm evidence '@acme/sdk-linux-x64' is claimed by"),
        ("id: other", "id: other\nsame-code: [nobody]", "same-code names 'nobody'"),
        ("id: other", "id: other\nsame-code: [other]", "same-code names 'other'"),
    ],
)
def test_no_two_tools_claim_the_same(old: str, new: str, said: str) -> None:
    assert old in OTHER
    (message,) = conflict(OTHER.replace(old, new, 1))
    assert said in message


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (
            "carrier",
            "@acme/code",
            "the carrier evidence '@acme/code' is claimed by 'acme' (acme.yaml) already",
        ),
        ("title", "ac", "the title evidence 'ac' is claimed by 'acme' (acme.yaml) already"),
        ("deb", "acme", "the deb evidence 'acme' is claimed by"),
        ("brew", "acme-code", "the brew evidence 'acme-code' is claimed by"),
        ("bundle", "com.acme.desktop", "the bundle evidence 'com.acme.desktop' is claimed by"),
        ("vscode-extension", "acme.code", "the vscode-extension evidence 'acme.code' is claimed by"),
        ("path", "/usr/share/acme/acme", "the path evidence '/usr/share/acme/acme' is claimed by"),
        ("path", "/usr/share/*/acme", "the path '/usr/share/*/acme' overlaps a path of 'acme' (acme.yaml)"),
        ("path", "~/.local/share/acme/versions/*", "versions/*' overlaps a path of 'acme' (acme.yaml)"),
    ],
)
def test_what_is_looked_up_alike_is_claimed_alike(kind: str, value: str, said: str) -> None:
    (message,) = conflict(with_evidence(kind, value))
    assert said in message
    assert message.startswith("8: ")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("path", "~/.local/share/acme/versions/current/acme"),
        ("path", "/usr/share/acme/acme-helper"),
        ("deb", "acme-code"),
        ("rpm", "other"),
    ],
)
def test_what_is_met_apart_is_no_conflict(kind: str, value: str) -> None:
    catalog_from({"acme.yaml": ACME, "other.yaml": with_evidence(kind, value)})


def test_the_error_says_where_and_what_to_do() -> None:
    with pytest.raises(YamlErrors) as caught:
        catalog_from({"acme.yaml": ACME, "other.yaml": with_evidence("path", "/usr/share/*/acme")})
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (8, 10)
    assert problem.source_line == '  path: ["/usr/share/*/acme"]'
    assert problem.suggestion == "evidence speaks for one tool only; remove it from one of the two"


def with_evidence(kind: str, value: str) -> str:
    """The other tool with one more line of evidence, which is line 8."""
    text = OTHER.replace("  npm: [other-tool]\n", f'  npm: [other-tool]\n  {kind}: ["{value}"]\n')
    return text.replace("{npm: test,", f"{{npm: test, {kind}: test,")


def test_names_that_differ_only_as_a_registry_does_not_see_are_the_same() -> None:
    text = OTHER.replace("npm: [other-tool]", "pypi: [Acme.Code]").replace("npm: test", "pypi: test")
    text = text.replace("npm: other-tool", "pypi: Acme.Code")
    assert "the pypi evidence 'Acme.Code' is claimed by 'acme'" in conflict(text)[0]


def test_one_vendor_signs_several_products() -> None:
    text = OTHER.replace("  npm: [other-tool]\n", "  npm: [other-tool]\n  signer: [ACMETEAM01]\n")
    catalog_from({"acme.yaml": ACME, "other.yaml": text.replace("{npm: test,", "{npm: test, signer: test,")})


def test_the_errors_of_every_file_come_together() -> None:
    with pytest.raises(YamlErrors) as caught:
        catalog_from({"a.yaml": "id: A\n", "b.yaml": "[]\n", "c.yaml": "name: &x y\n"})
    assert {problem.file for problem in caught.value.problems} == {"a.yaml", "b.yaml", "c.yaml"}
