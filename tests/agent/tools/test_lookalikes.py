"""What bears the name of an AI tool and is none: nobody is accused, by whichever tool of the catalog.

Each was met on a real machine or in a real registry.
"""

import pytest

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import (
    App,
    Confidence,
    Executable,
    Extension,
    FileFacts,
    FileKind,
    Finding,
    Observation,
    Owner,
    Package,
    PackageRef,
    Process,
)
from aipolicy.core.tool import Tool
from aipolicy.core.toolexample import plain_file
from aipolicy.tools import load

CATALOG = load()
USER = Owner(uid=1000, name="u")
ROOT = Owner(uid=0, name="root")


def found(*seen: Observation) -> tuple[Finding, ...]:
    alone = [finding for one in seen for finding in identify(one, CATALOG)]
    return correlate(seen, alone, CATALOG)


def package(ecosystem: str, name: str, path: str) -> PackageRef:
    return PackageRef(ecosystem=ecosystem, name=name, version="1.0.0", path=path)


def installed(ecosystem: str, name: str, *, has_code: bool = True, path: str | None = None) -> Package:
    where = path or f"/usr/lib/x/{name}"
    return Package(package=package(ecosystem, name, where), owner=USER, form=ecosystem, has_code=has_code)


def script(path: str, *, of: PackageRef | None = None) -> FileFacts:
    return plain_file(path, FileKind.SCRIPT, package=of)


def program(path: str, found_as: str | None = None, *, file: FileFacts | None = None) -> Executable:
    file = file or plain_file(path, FileKind.ELF)
    return Executable(path=path, found_as=found_as or path, owner=USER, file=file)


def process(name: str, exe: str, **more: object) -> Process:
    file = plain_file(exe, FileKind.ELF)
    return Process(pid=9, started=1, owner=USER, name=name, exe=exe, file=file, **more)  # type: ignore[arg-type]


OTHERS = {
    "npm": """claude claude-code codex gemini cn pi copilot cursor amp trae zed kimi interpreter continue
        windsurf kilocode ollama warp hermes q antigravity chatgpt openai @anthropic-ai/sdk @openai/codex-sdk
        cmd tabby-core tabby-terminal jules letta @letta-ai/letta-client @codebuff/sdk @cherrystudio/ai-core
        @anthropic-ai/claude-agent-sdk @zed-industries/codex-acp @github/copilot-sdk""",
    "pypi": """claude codex codex-cli gemini gemini-cli cursor copilot ghcopilot pi warp hermes roo agy goose3
        goose-ai q aider cline zed kimi qwen amp cn vibe acli crush crush-config ollama anthropic openai letta
        letta-client jules nanocoder codebuff sourcery-analytics pieces-os-client tabby blackbox codegpt
        smol-vllm""",
    "deb": """pi zfs-zed python3-q-text-as-data calligra-gemini ceph-base blackbox cloudflare-warp
        tabby-terminal""",
    "brew": "goose sourcery tabby",
}
OTHERS_PACKAGES = [(ecosystem, name) for ecosystem, names in OTHERS.items() for name in names.split()]


@pytest.mark.parametrize(("ecosystem", "name"), OTHERS_PACKAGES)
def test_another_package_of_a_like_name(ecosystem: str, name: str) -> None:
    assert found(installed(ecosystem, name)) == ()


@pytest.mark.parametrize(
    "name",
    ["codex", "gemini", "cn", "pi", "claude-code", "antigravity", "copilot", "droidx", "jules", "warp"],
)
def test_the_program_that_another_npm_package_puts_in_the_path(name: str) -> None:
    file = script(
        f"/usr/lib/node_modules/{name}/cli.js", of=package("npm", name, f"/usr/lib/node_modules/{name}")
    )
    assert found(program(file.path, f"/usr/bin/{name}", file=file)) == ()
    assert found(process("node", "/usr/bin/node", script=file.path, script_file=file)) == ()


@pytest.mark.parametrize(
    "name",
    [
        "copilot",
        "hermes",
        "roo",
        "agy",
        "codex-cli",
        "gemini-cli",
        "aider",
        "cline",
        "jules",
        "nanocoder",
        "letta",
    ],
)
def test_the_program_that_another_python_package_puts_in_the_path(name: str) -> None:
    of = package("pypi", name, f"/home/u/.local/lib/python3.11/site-packages/{name}-1.dist-info")
    file = script(f"/home/u/.local/bin/{name}", of=of)
    assert found(program(file.path, file=file)) == ()
    assert found(process(name, "/usr/bin/python3.11", script=file.path, script_file=file)) == ()


@pytest.mark.parametrize(
    "path",
    [
        "/home/u/go/bin/goose",  # pressly's: database migrations
        "/usr/local/bin/goose",
        "/usr/sbin/zed",  # the event daemon of ZFS
        "/usr/bin/q",  # SQL on text files
        "/usr/bin/pi",  # computes the number
        "/usr/bin/warp",
        "/usr/bin/crushtool",  # Ceph
        "/home/u/bin/cn",
        "/home/u/bin/i",
        "/home/u/bin/mini",
        "/home/u/bin/ge",
        "/home/u/bin/llm",
        "/home/u/bin/vibe",
        "/home/u/bin/hermes",
        "/home/u/bin/grok",
        "/home/u/bin/agent",
        "/home/u/bin/code",
        "/home/u/bin/cmd",
        "/home/u/bin/cb",
        "/home/u/bin/pieces",
        "/opt/Tabby/tabby",  # the terminal emulator
        "/usr/bin/blackbox",  # the window manager
        "/usr/local/bin/sourcery",  # generates code for Swift
        "/usr/bin/warp-cli",  # Cloudflare's
    ],
)
def test_a_name_that_other_programs_bear_is_no_evidence(path: str) -> None:
    name = path.rpartition("/")[2]
    assert found(program(path)) == ()
    assert found(program(path, file=script(path))) == ()
    assert found(process(name, path)) == ()


@pytest.mark.parametrize("name", ["claude", "opencode", "codex", "aider", "qodercli"])
def test_a_copy_of_sleep_under_a_tools_name_is_only_possible(name: str) -> None:
    path = f"/tmp/{name}"
    for seen in (program(path), process(name, path)):
        assert {finding.confidence for finding in found(seen)} == {Confidence.POSSIBLE}


def test_a_link_that_bears_a_tools_name_does_not_make_its_target_run_as_it() -> None:
    assert found(process("claude", "/usr/bin/sleep")) == ()


def test_a_package_without_its_code_is_nothing() -> None:
    for tool in CATALOG.tools:
        for ecosystem, kind in (("npm", "npm"), ("pypi", "pypi")):
            for name in tool.values(kind):  # type: ignore[arg-type]
                assert found(installed(ecosystem, name, has_code=False)) == ()


def test_an_ordinary_server_an_editor_and_a_shell() -> None:
    of = package("npm", "my-app", "/home/u/my-app")
    server = script("/home/u/my-app/server.js", of=of)
    assert found(process("node", "/usr/bin/node", script=server.path, script_file=server)) == ()
    assert found(process("vim", "/usr/bin/vim.basic")) == ()
    assert found(process("bash", "/usr/bin/bash")) == ()
    assert found(process("code", "/usr/share/code/code")) == ()
    assert found(process("MainThread", "/usr/bin/node")) == ()


def test_a_shell_script_that_starts_a_tool_is_not_the_tool() -> None:
    shim = script("/home/u/.local/share/pnpm/bin/claude")
    assert found(process("claude", "/usr/bin/dash", script=shim.path, script_file=shim)) == ()


def test_marks_in_a_text_prove_nothing() -> None:
    tool = CATALOG.by_id["claude-code"]
    readme = plain_file("/home/u/README", FileKind.OTHER, marks=tuple(mark.id for mark in tool.marks))
    assert found(program(readme.path, file=readme)) == ()


@pytest.mark.parametrize("size", [700_000, 40_000_000])
@pytest.mark.parametrize("kind", list(FileKind))
def test_a_scanner_that_holds_every_mark_of_the_catalog(kind: FileKind, size: int) -> None:
    """Another security agent's rules, a script of an auditor, and this agent as one file."""
    marks = tuple(mark.id for mark in CATALOG.wanted.marks)
    file = plain_file("/opt/scanner/agent", kind, marks=marks, size=size)
    assert found(program(file.path, file=file)) == ()
    assert found(process("python3", "/usr/bin/python3.11", script=file.path, script_file=file)) == ()
    running = Process(pid=9, started=1, owner=USER, name="agent", exe=file.path, file=file)
    assert found(running) == ()


@pytest.mark.parametrize("tool", CATALOG.tools, ids=lambda tool: tool.id)
def test_an_auditors_script_that_lists_the_marks_of_one_tool(tool: Tool) -> None:
    file = plain_file(
        "/home/u/scan.py", FileKind.SCRIPT, marks=tuple(mark.id for mark in tool.marks), size=2_000
    )
    assert found(program(file.path, file=file)) == ()
    assert found(process("python3", "/usr/bin/python3.11", script=file.path, script_file=file)) == ()


def test_desktop_applications_of_like_names() -> None:
    for name in ("Cursor", "Zed", "Goose", "Warp", "Claude", "Tabby", "Pieces", "Open WebUI"):
        app = App(name=name, bundle_id=f"org.example.{name}", path=f"/opt/{name}", version=None, owner=ROOT)
        assert found(app) == ()


def test_an_extension_that_mentions_a_tool() -> None:
    for name in ("someone.claude-code-theme", "acme.copilot-utils", "aws.aws-toolkit", "anthropic.other"):
        of = package("vscode-extension", name, f"/home/u/.vscode/extensions/{name}")
        assert found(Extension(package=of, editor="vscode", owner=USER, has_code=True)) == ()
