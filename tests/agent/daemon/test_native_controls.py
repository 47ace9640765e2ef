"""The vendors' settings follow the policy in force; what stands against them is told, and old copies are."""

from pathlib import Path

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Done, Evidence, Health
from aipolicy.daemon.enforcer import installed_outcome
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.native_controls import NativeControls, keeps_them
from aipolicy.settings import SYSTEM_STATE, Settings
from native_controls import BLOCK, CODEX, FREE, NOON, Host, judge
from sightings import outcome


class Kept:
    """Native controls over a fake machine, and what they told."""

    def __init__(self, folder: Path, *, keeping: bool = True) -> None:
        self.host = Host(folder)
        self.policy = BLOCK
        self.told: list[Health] = []
        self.conditions = Conditions(self.told.append)
        self.controls = NativeControls(
            machine=self.host.machine,
            state=self.host.state,
            judge=lambda: judge(self.policy),
            conditions=self.conditions,
            now=lambda: NOON,
            keeping=keeping,
        )

    def use(self, policy: str) -> str:
        self.policy = policy
        self.controls.refresh()
        return self.controls.layer


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_they_come_with_a_ban_and_go_with_it(kept: Kept) -> None:
    before = kept.host.etc()
    assert kept.use(FREE) == "off"
    assert kept.use(BLOCK) == "in force"
    assert kept.use(BLOCK.replace("block", "warn")) == "off"
    assert kept.host.etc() == before
    assert kept.told == []


def test_what_overrides_them_is_a_problem_until_it_is_gone(kept: Kept) -> None:
    file = kept.host.put(CODEX, 'allowed_sandbox_modes = ["read-only"]\n')
    assert kept.use(BLOCK) == "partly"
    [problem] = kept.conditions.problems()
    assert (problem.part, problem.condition) == ("native controls", "overridden")
    assert "codex overridden: " in problem.detail
    assert "IT's own allowed_sandbox_modes" in problem.detail
    file.unlink()
    assert kept.use(BLOCK) == "in force"
    assert kept.conditions.problems() == ()
    assert [health.condition for health in kept.told] == ["overridden", "in force"]


def test_an_agent_that_does_not_keep_them_touches_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path, keeping=False)
    before = kept.host.etc()
    assert kept.use(BLOCK) == "off"
    assert kept.host.etc() == before
    assert list(kept.host.state.iterdir()) == []


def test_a_broken_look_does_not_stop_the_agent(kept: Kept) -> None:
    def broken(_path: str) -> bool:
        raise RuntimeError("boom")

    kept.host.machine.root_only = broken  # type: ignore[method-assign]
    kept.use(BLOCK)
    [problem] = kept.conditions.problems()
    assert problem.condition == "failed"


def test_copies_too_old_to_obey_are_named(kept: Kept) -> None:
    kept.use(BLOCK)
    copies = [outcome(version=version).verdict.finding for version in ("1.0.100", "2.1.162", "2.1.163", None)]
    kept.controls.seen(copies)
    [state] = [state for state in kept.controls.states if state.name == "claude-code"]
    assert state.condition == "partly"
    assert "too old to obey wholly: 1.0.100 of bob, 2.1.162 of bob" in state.detail
    assert "2.1.163 of bob" not in state.detail
    assert kept.controls.layer == "partly"
    assert kept.conditions.problems() == ()
    kept.controls.seen(copies[2:])
    assert kept.controls.layer == "in force"


@pytest.mark.parametrize(
    ("editor", "version", "done", "says"),
    [
        ("vscode", "1.106.2", Done.DENIED, "VS Code does not load it"),
        ("vscode", "1.139.0", Done.DENIED, "VS Code does not load it"),
        ("vscode", "1.105.9", Done.NOT_ENFORCEABLE, "is not known"),
        ("vscode", None, Done.NOT_ENFORCEABLE, "is not known"),
        ("cursor", "1.139.0", Done.NOT_ENFORCEABLE, "the editor is not ended because of it"),
    ],
)
def test_of_a_banned_extension_it_is_said_whether_its_editor_refuses_it(
    kept: Kept, editor: str, version: str | None, done: Done, says: str
) -> None:
    if version:
        package = f'{{"name": "Code", "version": "{version}"}}'
        kept.host.put("/usr/share/code/resources/app/package.json", package)
    kept.use(BLOCK)
    verdict = outcome(action=Action.BLOCK, form=f"extension in {editor}").verdict
    finding = structs.replace(verdict.finding, because=(Evidence(kind="vscode-extension", value="x"),))
    found = installed_outcome(structs.replace(verdict, finding=finding), kept.controls.on_extension)
    assert found.done is done
    assert says in found.detail


def test_one_agent_alone_keeps_them(tmp_path: Path) -> None:
    machine = Host(tmp_path).machine
    system, other = Path(SYSTEM_STATE), tmp_path
    assert keeps_them(Settings(), system, machine)
    assert not keeps_them(Settings(), other, machine)
    assert keeps_them(Settings(native_controls="on"), other, machine)
    assert not keeps_them(Settings(native_controls="off"), system, machine)
    machine.admin = False
    assert not keeps_them(Settings(native_controls="on"), system, machine)
