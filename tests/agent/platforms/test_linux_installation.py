"""What a Linux installation is known by: its machine id, with the hardware's for root, or nothing at all."""

from pathlib import Path

import pytest

from aipolicy.platforms.linux_installation import installation

ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"


def machine(folder: Path, machine_id: str | None, hardware: str = "") -> str:
    for path, text in (("etc/machine-id", machine_id), ("sys/class/dmi/id/product_uuid", hardware)):
        if text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f"{text}\n")
    return str(folder)


def test_a_copy_of_a_machine_has_another_hardware(tmp_path: Path) -> None:
    one, copy, again = (tmp_path / name for name in ("one", "copy", "again"))
    first = installation(machine(one, ID, "4C4C4544-0042-3510-8052-B4C04F4D4E31"), None)
    assert first
    assert first != installation(machine(copy, ID, "564D1F3A-0000-0000-0000-000000000001"), None)
    assert first == installation(machine(again, ID, "4c4c4544-0042-3510-8052-b4c04f4d4e31"), None)


def test_people_on_one_machine_are_not_each_other(tmp_path: Path) -> None:
    root = machine(tmp_path, ID)
    assert len({installation(root, uid) for uid in (None, 1000, 1001)}) == 3


@pytest.mark.parametrize("text", [None, "uninitialized", "0" * 32, "f" * 32, ID[:31], ID + "0", "é" * 32])
def test_without_an_id_of_its_own_a_machine_is_not_known_again(text: str | None, tmp_path: Path) -> None:
    root = machine(tmp_path, text, "4C4C4544-0042-3510-8052-B4C04F4D4E31")
    assert {installation(root, uid) for uid in (None, 1000)} == {""}
