"""npm's packages, wherever npm or a manager of node versions puts them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Executable, Finding, Package, PackageRef, Unseen
from aipolicy.examine import examiner_for
from aipolicy.observe import look_everywhere
from aipolicy.observe.node_modules import form_of
from aipolicy.tools import load
from host import FakeMachine
from hostile import NO_JSON, UNREADABLE, fifo, link_to_itself, wrong_types
from installed import (
    A_SCRIPT,
    NATIVE_CLAUDE,
    NATIVE_OTHER,
    bin_link,
    described,
    look,
    npm_package,
    put,
)

REAL_CLAUDE = NATIVE_CLAUDE + b"tengu_startup_telemetry\0tengu_tool_use_success\0"
"""With two marks of the real catalog."""


@pytest.mark.parametrize(
    ("folder", "form"),
    [
        ("/.npm-global/lib/node_modules", "npm global"),
        ("/.local/lib/node_modules", "npm global"),
        ("/tools/of/mine/lib/node_modules", "npm global"),
        ("/.nvm/versions/node/v20.1.0/lib/node_modules", "npm global, nvm"),
        ("/.local/share/fnm/node-versions/v22.3.0/installation/lib/node_modules", "npm global, fnm"),
        ("/.volta/tools/image/packages/claude-code/lib/node_modules", "npm global, volta"),
        ("/.asdf/installs/nodejs/20.1.0/lib/node_modules", "npm global, asdf"),
        ("/.local/share/mise/installs/npm-anthropic-ai-claude-code/1.0/lib/node_modules", "npm global, mise"),
        ("/.local/share/mise/installs/node/22/lib/node_modules", "npm global, mise"),
        ("/.npm/_npx/0123456789abcdef/node_modules", "npx cache"),
        ("/src/project/node_modules", "npm project"),
        ("/node_modules", "npm project"),
    ],
)
def test_every_form_in_a_home(folder: str, form: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(ann.home + folder, "claude-code-1.0.100")
    reference = PackageRef(
        ecosystem="npm", name="@anthropic-ai/claude-code", version="1.0.100", path=str(package)
    )
    assert look(machine) == [
        Package(package=reference, owner=machine.owner(ann.uid), form=form, has_code=True)
    ]


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt/node-v22", "/srv/tools/node"])
def test_an_administrators_prefix_is_its_owners(prefix: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.add_user("ann")
    npm_package(machine.at(f"{prefix}/lib/node_modules"), "codex-0.169.0")
    assert described(look(machine)) == {"npm global: @openai/codex 0.169.0 of root"}


def test_a_prefix_in_the_path_is_looked_into(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, path=["usr/bin", "tools/bin"])
    npm_package(machine.at("/tools/lib/node_modules"), "codex-0.169.0")
    assert described(look(machine)) == {"npm global: @openai/codex 0.169.0 of root"}


def test_a_package_and_its_link_in_bin_are_one_place(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-1.0.100")
    bin_link(f"{ann.home}/np/bin", "claude", package / "cli.js")
    assert len(look(machine)) == 1


def test_npm_link_leads_to_the_real_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    sources = npm_package(f"{ann.home}/src", "claude-code-1.0.100", name="mine")
    scope = Path(f"{ann.home}/np/lib/node_modules/@anthropic-ai")
    scope.mkdir(parents=True)
    (scope / "claude-code").symlink_to(sources)
    (found,) = look(machine)
    assert isinstance(found, Package)
    assert (found.package.path, found.form) == (str(sources), "npm global")


def test_a_project_of_ones_own_called_droid_is_no_install(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    own = f"{ann.home}/work/mono/packages/droid"
    put(f"{own}/package.json", b'{"name": "droid", "version": "1.0.0", "main": "index.js"}')
    put(f"{own}/index.js", A_SCRIPT)
    bin_link(f"{ann.home}/work/mono/node_modules", "droid", own)
    assert look(machine, npm={"droid"}) == []


def test_the_name_inside_counts_and_not_the_folders(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = f"{ann.home}/np/lib/node_modules"
    npm_package(modules, "gemini-lookalike-7.5.2", name="@anthropic-ai/claude-code")
    npm_package(modules, "codex-linux-x64-0.169.0", name="@openai/codex")
    assert described(look(machine)) == {"npm global: @openai/codex 0.169.0-linux-x64 of ann without code"}


def test_a_package_json_without_its_program_says_so(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = f"{ann.home}/project/node_modules/@anthropic-ai/claude-code"
    put(f"{folder}/package.json", b'{"name": "@anthropic-ai/claude-code", "version": "2.1.0"}')
    put(f"{folder}/sdk-tools.d.ts", b"export {}\n")
    assert described(look(machine)) == {"npm project: @anthropic-ai/claude-code 2.1.0 of ann without code"}


def test_pnpm_in_a_project_also_what_is_needed_indirectly(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, "project", "node_modules")
    npm_package(modules / ".pnpm" / "@qwen-code+qwen-code@0.15.10" / "node_modules", "qwen-code-0.15.10")
    direct = npm_package(modules / ".pnpm" / "opencode-ai@1.18.33_x" / "node_modules", "opencode-ai-1.18.33")
    (modules / "opencode-ai").symlink_to(direct)
    assert described(look(machine)) == {
        "npm project: @qwen-code/qwen-code 0.15.10 of ann",
        "npm project: opencode-ai 1.18.33 of ann",
    }


def test_a_linked_node_modules_is_followed_once(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    npm_package(f"{ann.home}/shared/node_modules", "claude-code-1.0.100")
    Path(f"{ann.home}/project").mkdir()
    Path(f"{ann.home}/project/node_modules").symlink_to("../shared/node_modules")
    assert len(look(machine)) == 1


@pytest.mark.parametrize(("make", "reason"), [*UNREADABLE[:4], *NO_JSON])
def test_a_hostile_package_json_is_unseen(make: object, reason: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = f"{ann.home}/np/lib/node_modules"
    package = npm_package(modules, "claude-code-1.0.100")
    (package / "package.json").unlink()
    make(package / "package.json")  # type: ignore[operator]  # a function of hostile
    npm_package(modules, "codex-0.169.0")
    assert described(look(machine)) == {
        f"unseen {package}/package.json: {reason}",
        "npm global: @openai/codex 0.169.0 of ann",
    }


def test_a_package_json_of_wrong_types_names_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-1.0.100")
    (package / "package.json").unlink()
    wrong_types(package / "package.json")
    assert look(machine) == []


def test_a_version_that_is_no_text_does_not_hide_the_package(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-1.0.100")
    stated = json.loads((package / "package.json").read_text())
    stated |= {"version": {"major": 1}, "optionalDependencies": 5}
    (package / "package.json").write_text(json.dumps(stated))
    assert described(look(machine)) == {"npm global: @anthropic-ai/claude-code None of ann"}


def test_a_link_onto_a_network_is_unseen(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, far={"/net/": "on nfs4, which may hang"})
    ann = machine.add_user("ann")
    scope = Path(f"{ann.home}/np/lib/node_modules/@openai")
    scope.mkdir(parents=True)
    (scope / "codex").symlink_to("/net/server/codex")
    assert look(machine) == [Unseen(place="/net/server/codex", reason="on nfs4, which may hang")]


@pytest.mark.parametrize(
    ("folder", "form"),
    [
        ("np/lib/node_modules", "npm global"),
        ("np/lib/node_modules/promptfoo/node_modules", "embedded in promptfoo"),
        ("np/lib/node_modules/@acme/notes/node_modules", "embedded in @acme/notes"),
        ("np/lib/node_modules/a/node_modules/b/node_modules", "embedded in a"),
        ("work/node_modules/.pnpm/a@1.0.0/node_modules", "npm project"),
    ],
)
def test_what_came_with_another_package_says_so(folder: str, form: str) -> None:
    assert form_of(f"/home/ann/{folder}")[1] == form


def test_an_unknown_place_counts_as_a_project() -> None:
    assert form_of("/somewhere/else") == ("npm", "npm project")


# --- aliases: `npm install memo@npm:@anthropic-ai/claude-code` ---------------------------------------------


def confidences(machine: FakeMachine) -> list[tuple[str, Confidence, str]]:
    return [(found.tool, found.confidence, found.path) for found in findings(machine)]


def findings(machine: FakeMachine) -> tuple[Finding, ...]:
    catalog = load()
    seen = look_everywhere(machine, catalog.wanted, examiner_for(catalog))
    observations = [found for found in seen if not isinstance(found, Unseen)]
    single = [found for one in observations for found in identify(one, catalog)]
    return correlate(observations, single, catalog)


@pytest.mark.parametrize("where", ["np/lib/node_modules", "project/node_modules"])
@pytest.mark.parametrize("name", ["memo", "@me/memo"])
def test_an_alias_whose_program_is_the_tools_is_certain(where: str, name: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/{where}", "claude-code-2.1.197", REAL_CLAUDE, name)
    assert confidences(machine) == [("claude-code", Confidence.CERTAIN, str(package))]
    shutil.rmtree(package)
    assert confidences(machine) == []


def test_an_alias_in_a_large_project_is_seen_by_the_link_of_its_program(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = f"{ann.home}/project/node_modules"
    for number in range(100):
        put(f"{modules}/package{number}/package.json", b'{"name": "x", "version": "1"}')
    package = npm_package(modules, "claude-code-2.1.197", REAL_CLAUDE, "memo")
    bin_link(f"{modules}/.bin", "claude", package / "bin" / "claude.exe")
    bin_link(f"{modules}/.bin", "codex", f"{ann.home}/elsewhere/codex")
    assert confidences(machine) == [("claude-code", Confidence.CERTAIN, str(package))]


@pytest.mark.parametrize("program", [NATIVE_OTHER, A_SCRIPT], ids=["native", "script"])
def test_a_foreign_name_beside_other_code_is_not_certain(program: bytes, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = f"{ann.home}/np/lib/node_modules"
    package = npm_package(modules, "claude-code-2.1.197", program, "memo")
    bin_link(f"{ann.home}/np/bin", "claude", package / "bin" / "claude.exe")
    assert [confidence for _, confidence, _ in confidences(machine)] == [Confidence.LIKELY]


@pytest.mark.parametrize("make", [link_to_itself, fifo, wrong_types])
def test_a_hostile_neighbour_hides_no_alias(make: Callable[[Path], None], tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, "np", "lib", "node_modules")
    modules.mkdir(parents=True)
    make(modules / "@scope")
    make(modules / ".bin")
    (modules / "x").mkdir()
    make(modules / "x" / "package.json")
    package = npm_package(modules, "claude-code-2.1.197", REAL_CLAUDE, "memo")
    assert ("claude-code", Confidence.CERTAIN, str(package)) in confidences(machine)


SCRIPT_CLAUDE = b"#!/usr/bin/env node\ntengu_startup_telemetry tengu_tool_use_success\n//" + b"x" * (2 << 20)


@pytest.mark.parametrize("place", ["cli.js", "vendor/cli.js", "dist/node/claude"])
def test_a_tool_inside_another_package_of_its_vendor_is_embedded_in_that(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    sdk = Path(ann.home, "work/shop/node_modules/@anthropic-ai/claude-agent-sdk")
    put(sdk / "package.json", b'{"name": "@anthropic-ai/claude-agent-sdk", "version": "0.2.1"}')
    Path(put(sdk / place, SCRIPT_CLAUDE)).chmod(0o755)
    Path(put(sdk / "node_modules/other/cli.js", SCRIPT_CLAUDE)).chmod(0o755)
    [finding] = findings(machine)
    assert (finding.tool, finding.confidence, finding.path) == (
        "claude-code",
        Confidence.CERTAIN,
        f"{sdk}/{place}",
    )
    assert finding.form == "embedded in @anthropic-ai/claude-agent-sdk"


def test_an_sdk_with_other_programs_is_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    sdk = Path(ann.home, "work/shop/node_modules/@anthropic-ai/sdk")
    put(sdk / "package.json", b'{"name": "@anthropic-ai/sdk", "version": "1.0.0"}')
    Path(put(sdk / "rg", b"\x7fELF" + b"\1" * (2 << 20))).chmod(0o755)
    Path(put(sdk / "sdk.js", b"#!/usr/bin/env node\ntengu_startup_telemetry\n//" + b"x" * (2 << 20))).chmod(
        0o755
    )
    (sdk.parent / "nowhere").symlink_to("/nowhere")
    assert findings(machine) == ()


def test_a_tools_script_as_a_command_of_somebodys_own_package(tmp_path: Path) -> None:
    """Beside it a link that leads nowhere and a command too small to be a tool."""
    machine = FakeMachine(tmp_path)
    modules = f"{machine.add_user('ann').home}/shop/node_modules"
    script = b"#!/usr/bin/env node\n/* CLAUDE_CODE_ENABLE_TELEMETRY tengu_api_success */\n"
    large = put(f"{modules}/my-lib/dist/index.js", script.ljust(2 << 20, b" "))
    bin_link(f"{modules}/.bin", "gone", f"{modules}/gone/cli.js")
    bin_link(f"{modules}/.bin", "notes", large)
    bin_link(f"{modules}/.bin", "small", put(f"{modules}/other/cli.js", script))
    assert [found.path for found in look(machine) if isinstance(found, Executable)] == [large]
