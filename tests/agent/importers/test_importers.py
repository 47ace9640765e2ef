"""Given another product's rules, the policy of them holds what is about AI tools, and the rest is said."""

import contextlib
import json
import plistlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.policy import Policy, parse
from aipolicy.importers import FORMATS, format_of
from aipolicy.importers.carried import Carried, carry_over
from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable
from aipolicy.tools import load

CATALOG = load()


def imported(data: bytes | str, read_as: str | None = None) -> Carried:
    data = data.encode() if isinstance(data, str) else data
    return carry_over(FORMATS[read_as or format_of(data)](data), CATALOG, "theirs")


def policy_of(carried: Carried) -> Policy:
    return parse(carried.policy, "policy.yaml", CATALOG.known)


def banned(carried: Carried) -> list[str]:
    return [str(entry.selector) for entry in policy_of(carried).banned]


def approved(carried: Carried) -> list[str]:
    return [str(entry.selector) for entry in policy_of(carried).approved]


def why(carried: Carried, at: str) -> str:
    return next(left.why for left in carried.left if left.at == at)


# --- Santa --------------------------------------------------------------------------------------------------


def santa(*rules: object) -> str:
    return json.dumps({"rules": rules})


def santa_rule(kind: str, policy: str, identifier: str, **more: str) -> dict[str, str]:
    return {"rule_type": kind, "policy": policy, "identifier": identifier, **more}


def test_a_team_id_is_its_vendor_with_all_tools_named() -> None:
    carried = imported(santa(santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW", custom_msg="No contract")))
    assert banned(carried) == ["vendor:anthropic"]
    assert policy_of(carried).banned[0].reason == "No contract"
    assert "claude-code and claude-desktop" in carried.notes[0].note


def test_a_signing_id_is_the_tool_of_that_bundle_and_keys_may_be_in_any_case() -> None:
    rule = {"Rule_Type": "signingid", "POLICY": "blacklist", "identifier": "2DC432GLL2:com.openai.chat"}
    assert banned(imported(santa(rule))) == ["chatgpt"]


def test_another_program_of_a_vendor_is_not_its_ai_tool() -> None:
    carried = imported(santa(santa_rule("SIGNINGID", "ALLOWLIST", "EQHXZ8M8AV:com.google.Chrome")))
    assert approved(carried) == []
    assert "antigravity" in why(carried, "rule 1")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (santa_rule("BINARY", "BLOCKLIST", "a" * 64), "hash"),
        (santa_rule("CDHASH", "BLOCKLIST", "a" * 40), "hash"),
        (santa_rule("CERTIFICATE", "BLOCKLIST", "a" * 64), "certificate"),
        (santa_rule("TEAMID", "CEL", "Q6L2SF6YDW", cel_expr="true"), "CEL"),
        (santa_rule("TEAMID", "REMOVE", "Q6L2SF6YDW"), "REMOVE"),
        (santa_rule("SIGNINGID", "BLOCKLIST", "platform:com.apple.curl"), "macOS"),
        (santa_rule("TEAMID", "BLOCKLIST", "AAAAAAAAAA"), "not about an AI tool"),
        ("text", "not a rule"),
    ],
)
def test_what_santa_can_say_and_a_policy_cannot_is_told(rule: object, words: str) -> None:
    carried = imported(santa(rule))
    assert banned(carried) == []
    assert words in why(carried, "rule 1")


def test_a_profile_with_static_rules_is_read() -> None:
    rules = [santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW")]
    profile = {"PayloadContent": [{"PayloadType": "com.northpolesec.santa", "StaticRules": rules}]}
    for form in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        assert banned(imported(plistlib.dumps(profile, fmt=form))) == ["vendor:anthropic"]


def test_json_in_utf_16_is_read() -> None:
    text = santa(santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW"))
    assert banned(imported(text.encode("utf-16"))) == ["vendor:anthropic"]


def test_a_signed_profile_is_told_how_to_be_read() -> None:
    profile = plistlib.dumps({"StaticRules": [santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW")]})
    with pytest.raises(NotReadable, match="security cms -D -i FILE"):
        imported(b"\x30\x82\x0a\x00\x06\x09*\x86H\x86\xf7\r\x01\x07\x02" + profile)


# --- AppLocker ----------------------------------------------------------------------------------------------


def applocker(conditions: str, action: str = "Deny", group: str = "S-1-1-0", mode: str = "Enabled") -> str:
    kind = "FilePathRule" if "FilePath" in conditions else "FilePublisherRule"
    return f"""<AppLockerPolicy Version="1">
<RuleCollection Type="Exe" EnforcementMode="{mode}">
<{kind} Id="1" Name="theirs" Description="" UserOrGroupSid="{group}" Action="{action}">
<Conditions>{conditions}</Conditions></{kind}>
</RuleCollection></AppLockerPolicy>"""


def publisher(name: str, product: str = "*", binary: str = "*", low: str = "*", high: str = "*") -> str:
    return (
        f'<FilePublisherCondition PublisherName="{name}" ProductName="{product}" BinaryName="{binary}">'
        f'<BinaryVersionRange LowSection="{low}" HighSection="{high}"/></FilePublisherCondition>'
    )


ANTHROPIC = "O=ANTHROPIC, PBC, L=SAN FRANCISCO, S=CALIFORNIA, C=US"


def test_a_publisher_is_its_vendor_though_its_name_holds_a_comma() -> None:
    assert banned(imported(applocker(publisher(ANTHROPIC)))) == ["vendor:anthropic"]


def test_a_product_of_a_publisher_is_that_tool() -> None:
    assert banned(imported(applocker(publisher(ANTHROPIC, "CLAUDE CODE", "CLAUDE.EXE")))) == ["claude-code"]


@pytest.mark.parametrize(
    ("low", "high", "versions"),
    [
        ("*", "*", ""),
        ("0.0.0.0", "*", ""),  # noqa: S104  a version, no address
        ("*", "2.0.0.0", "<=2.0.0.0"),
        ("1.5", "*", ">=1.5"),
        ("1.5", "2.0", ">=1.5, <=2.0"),
        ("2.0", "2.0", "=2.0"),
    ],
)
def test_a_range_of_versions_is_carried_over(low: str, high: str, versions: str) -> None:
    carried = imported(applocker(publisher(ANTHROPIC, "CLAUDE CODE", low=low, high=high)))
    (entry,) = policy_of(carried).banned
    assert str(entry.selector) == "claude-code"
    assert (str(entry.versions) if entry.versions else "") == versions


def rule_for(at: str, versions: str, *, bans: bool = True) -> ForeignRule:
    clues = (Clue(kind=Kind.WORD, value="cursor"),)
    return ForeignRule(at=at, says="theirs", bans=bans, clues=clues, versions=versions)


@pytest.mark.parametrize("versions", [">=2, <=1", ">=x", "<=", "<=1\nmode: block"])
def test_a_range_that_is_none_is_told(versions: str) -> None:
    carried = carry_over([rule_for("one", versions)], CATALOG, "theirs")
    assert (banned(carried), [left.at for left in carried.left]) == ([], ["one"])


def test_ranges_that_overlap_are_told_and_those_that_do_not_are_all_there() -> None:
    rules = [
        rule_for("one", "<=1.5"),
        rule_for("two", ">=1.2, <=1.7"),
        rule_for("three", ">1.5"),
        rule_for("all", ""),
    ]
    carried = carry_over(rules, CATALOG, "theirs")
    assert [str(entry.versions) for entry in policy_of(carried).banned] == ["<=1.5", ">1.5", "None"]
    assert "overlap those of one" in why(carried, "two")


def test_a_ban_of_all_versions_beats_an_approval_of_some() -> None:
    rules = [rule_for("one", "<=1.5", bans=False), rule_for("two", "")]
    carried = carry_over(rules, CATALOG, "theirs")
    assert (banned(carried), approved(carried)) == (["cursor"], [])


def test_a_file_name_that_two_tools_have_is_not_guessed_at() -> None:
    assert "claude-code and claude-desktop" in why(
        imported(applocker(publisher(ANTHROPIC, binary="CLAUDE.EXE"))), "line 3"
    )


def test_a_path_on_windows_is_known_by_its_file_and_said_to_be_weak() -> None:
    path = r'<FilePathCondition Path="%OSDRIVE%\Users\*\AppData\Local\Programs\cursor\Cursor.exe"/>'
    carried = imported(applocker(path))
    assert banned(carried) == ["cursor"]
    assert "by the name of its file only" in carried.notes[0].note


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encodings_that_windows_writes_are_read(encoding: str) -> None:
    assert banned(imported(applocker(publisher(ANTHROPIC)).encode(encoding))) == ["vendor:anthropic"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (applocker(publisher("*"), "Allow"), "every program"),
        (applocker(publisher(ANTHROPIC), group="S-1-5-32-544"), "S-1-5-32-544 only"),
        (applocker(""), "not exactly one condition"),
        (
            applocker(publisher("O=MICROSOFT CORPORATION, L=REDMOND, C=US", "MICROSOFT WORD")),
            "not about an AI",
        ),
    ],
)
def test_what_applocker_can_say_and_a_policy_cannot_is_told(text: str, words: str) -> None:
    carried = imported(text)
    assert banned(carried) == []
    assert words in why(carried, "line 3")


def test_an_audit_only_collection_is_told() -> None:
    carried = imported(applocker(publisher(ANTHROPIC), mode="AuditOnly"))
    assert any("only audits" in noted.note for noted in carried.notes)


def test_a_document_type_is_refused_before_it_can_define_anything() -> None:
    text = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + applocker(publisher(ANTHROPIC))
    with pytest.raises(NotReadable, match=r"line 1.*DOCTYPE"):
        imported(text)


def test_broken_xml_names_its_line() -> None:
    with pytest.raises(NotReadable, match="line 3: this is not XML"):
        imported("<AppLockerPolicy>\n\n<a></AppLockerPolicy>")


def test_rules_as_intune_and_a_report_of_group_policies_have_them_are_read() -> None:
    whole = applocker(publisher(ANTHROPIC))
    alone = whole[whole.index("<RuleCollection") : whole.index("</AppLockerPolicy>")]
    report = f'<GPO xmlns:q1="x"><Computer><q1:AppLockerPolicy>{alone}</q1:AppLockerPolicy></Computer></GPO>'
    assert banned(imported(alone)) == banned(imported(report)) == ["vendor:anthropic"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0"?><SiPolicy><FileRules/></SiPolicy>', "without any RuleCollection"),
        ('<?xml version="1.0" encoding="klingon"?><AppLockerPolicy/>', "line 1: unknown encoding: klingon"),
    ],
)
def test_other_xml_is_no_plain_list(text: str, words: str) -> None:
    with pytest.raises(NotReadable, match=words):
        imported(text)


# --- fapolicyd ----------------------------------------------------------------------------------------------


def test_paths_and_folders_are_tools_and_sets_are_written_out() -> None:
    carried = imported(
        "%tools=/opt/cursor/cursor,/usr/local/bin/opencode\n"
        "deny_audit perm=execute all : path=%tools\n"
        "deny perm=any all : dir=/usr/lib/node_modules/@openai/codex/\n"
        "allow perm=execute all : path=/usr/local/bin/qodercli\n"
    )
    assert banned(carried) == ["cursor", "opencode", "codex"]
    assert approved(carried) == ["qoder"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("deny perm=execute uid=1000 : path=/usr/local/bin/opencode", "uid=1000 only"),
        ("deny perm=execute all : all", "names no program"),
        ("deny perm=execute all : dir=untrusted", "names no program"),
        ("allow perm=execute all : path=/usr/local/bin/opencode trust=1", "trust fits"),
        ("deny perm=execute all : path=/usr/bin/vim", "not about an AI tool"),
        ("deny perm=execute all : sha256hash=aa", "hash"),
        ("deny perm=execute all : path=%nothing", "names no program"),
        ("deny perm=execute all", "is not a rule"),
    ],
)
def test_what_fapolicyd_can_say_and_a_policy_cannot_is_told(rule: str, words: str) -> None:
    carried = imported(f"# theirs\n{rule}\n", "fapolicyd")
    assert banned(carried) == []
    assert words in why(carried, "line 2")


def test_the_rules_that_fapolicyd_comes_with_are_about_no_ai_tool() -> None:
    """As `fapolicyd-cli --list` prints them, from its own rules.d."""
    carried = imported(
        "-> %languages=application/x-bytecode.ocaml,text/x-python\n"
        " 1. allow perm=any uid=0 : dir=/var/tmp/\n"
        " 2. deny_audit perm=any pattern=ld_so : all\n"
        " 3. allow perm=execute all : trust=1\n"
        "13. deny_audit perm=execute all : all\n"
        "14. allow perm=open all : all\n"
    )
    assert (carried.rules, carried.carried) == (5, 0)


def test_values_stand_in_a_list_of_their_own_in_quotes_or_in_a_set_with_blanks_around_its_sign() -> None:
    """As parse_set_line and assign_object of fapolicyd's library/rules.c take them."""
    carried = imported(
        "%ours = /usr/local/bin/ollama, /usr/local/bin/aider\n"
        "deny perm=execute all : path=%ours\n"
        'deny perm=execute all : path=/usr/local/bin/codex,"/usr/local/bin/gemini"\n'
    )
    assert banned(carried) == ["ollama", "aider", "codex", "gemini-cli"]


# --- a plain list -------------------------------------------------------------------------------------------


def test_names_ids_aliases_and_packages_are_known_and_the_rest_is_told_with_a_guess() -> None:
    carried = imported(
        "\ufeffClaude Code\n- cursor\n* @openai/codex;it;2026\naider-chat\n\n# no\nclaud\n"
        "C:\\x\\opencode.exe\n"
    )
    assert banned(carried) == ["claude-code", "cursor", "codex", "aider", "opencode"]
    assert "did you mean 'claude'" in why(carried, "line 7")


@pytest.mark.parametrize(
    "line", ["3. Cursor", "- [ ] Cursor", "[x] Cursor", "| Cursor | Anysphere |", "\u00a0Cursor"]
)
def test_an_item_of_a_page_or_a_sheet_is_known_by_what_it_says(line: str) -> None:
    assert banned(imported(f"{line}\nClaude\u00a0Code\n")) == ["cursor", "claude-code"]


# --- whatever comes -----------------------------------------------------------------------------------------


def test_what_is_banned_and_approved_is_banned_and_that_is_said() -> None:
    carried = imported(
        santa(
            santa_rule("TEAMID", "ALLOWLIST", "Q6L2SF6YDW"), santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW")
        )
    )
    assert (banned(carried), approved(carried)) == (["vendor:anthropic"], [])
    assert "rule 2 bans the same" in why(carried, "rule 1")


HOSTILE = [
    "a\nbanned: ['*']",
    "}, *",
    "# x",
    '"',
    "\\",
    "\u202e",
    "\x00",
    "{tool}",
    "é" * 600,
    "'",
    ": ",
    "- ",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_word_of_theirs_can_become_a_rule_of_ours(text: str) -> None:
    rule = santa_rule("TEAMID", "BLOCKLIST", "Q6L2SF6YDW", custom_msg=text)
    carried = carry_over(FORMATS["santa"](santa(rule).encode()), CATALOG, f"theirs{text}")
    assert banned(carried) == ["vendor:anthropic"]


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_a_right_policy_or_a_clear_error(read_as: str, data: bytes) -> None:
    with contextlib.suppress(NotReadable):
        policy_of(imported(data, read_as))


def test_every_format_is_in_the_table() -> None:
    folder = Path(__file__).parents[3] / "agent/aipolicy/importers"
    modules = {path.stem for path in folder.glob("*.py")}
    assert modules - {"__init__", "foreign", "matching", "carried"} == set(FORMATS)
