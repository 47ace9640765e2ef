"""pnpm's global packages: both layouts, what a link makes current, the shell script in place of a link."""

from pathlib import Path

from aipolicy.core.model import Executable, Package, Unseen
from host import FakeMachine
from installed import RECORDINGS, described, look, npm_package, put

HASH = "487b24aa70346b1e119fddebb4101f0ca173032377662e955fbf2e3455971989"


def pnpm_12(home: str, *, linked: bool = True) -> Path:
    """As `pnpm add -g @qoder-ai/qodercli` left it: group folder, hexadecimal link, package in the store."""
    outer = Path(home, ".local/share/pnpm")
    links = outer / "store/v11/links/@qoder-ai/qodercli/1.1.52/a89b/node_modules"
    package = npm_package(links, "qodercli-1.1.52")
    group = outer / "global/v11/5d35-18eb09aed93a4593-0"
    (group / "node_modules/@qoder-ai").mkdir(parents=True)
    (group / "node_modules/@qoder-ai/qodercli").symlink_to(package)
    if linked:
        (outer / "global/v11" / HASH).symlink_to(group.name)
    return package


def test_a_group_that_a_link_makes_current(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = pnpm_12(ann.home)
    seen = look(machine)
    assert described(seen) == {"pnpm global: @qoder-ai/qodercli 1.1.52 of ann"}
    assert isinstance(seen[0], Package)
    assert seen[0].package.path == str(package)


def test_what_only_the_store_keeps_is_no_install(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    pnpm_12(machine.add_user("ann").home, linked=False)
    assert look(machine) == []


def test_the_layout_before_groups(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, "my pnpm/global/5/node_modules")
    package = npm_package(modules / ".pnpm/@qwen-code+qwen-code@0.15.10/node_modules", "qwen-code-0.15.10")
    (modules / "@qwen-code").mkdir()
    (modules / "@qwen-code/qwen-code").symlink_to(package)
    assert described(look(machine)) == {"pnpm global: @qwen-code/qwen-code 0.15.10 of ann"}


def test_pnpm_10_keeps_its_global_packages_beside_the_links(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    group = Path(ann.home, ".local/share/pnpm/global/5")
    package = npm_package(group / ".pnpm/@qwen-code+qwen-code@0.15.10/node_modules", "qwen-code-0.15.10")
    (group / "node_modules/@qwen-code").mkdir(parents=True)
    (group / "node_modules/@qwen-code/qwen-code").symlink_to(package)
    assert described(look(machine)) == {"pnpm global: @qwen-code/qwen-code 0.15.10 of ann"}


def test_the_shell_script_in_bin_leads_to_the_package(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = pnpm_12(ann.home)
    shim = (RECORDINGS / "shims" / "pnpm-12").read_bytes().replace(b"/tmp/ex/home", ann.home.encode())
    put(f"{ann.home}/.local/share/pnpm/bin/qodercli", shim)
    (program,) = (found for found in look(machine) if isinstance(found, Executable))
    assert program.file.package is not None
    assert (program.file.package.name, program.file.package.path) == ("@qoder-ai/qodercli", str(package))


def test_an_older_shell_script_names_its_target_relatively(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/pn/global/5/node_modules", "qodercli-1.1.52")
    shim = (
        b'#!/bin/sh\nexec node  "$basedir/global/5/node_modules/@qoder-ai/qodercli/bundle/qodercli.js" "$@"\n'
    )
    put(f"{ann.home}/pn/qodercli", shim)
    (program,) = (found for found in look(machine) if isinstance(found, Executable))
    assert program.file.package is not None
    assert program.file.package.path == str(package)


def test_a_closed_or_odd_global_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, "pnpm/global")
    (outer / "5").mkdir(parents=True)
    (outer / "a-file").touch()
    (outer / "v11").symlink_to("v11")
    assert all(isinstance(found, Unseen) for found in look(machine))
