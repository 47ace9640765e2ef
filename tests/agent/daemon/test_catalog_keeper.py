"""A broken file among IT's own never leaves the daemon without a catalog, and is said with its line."""

from pathlib import Path

import pytest

from aipolicy.daemon.catalog_keeper import (
    StartingCatalog,
    catalog_at_start,
    own_sha256,
    prove_own,
)
from aipolicy.tools import load
from tool_files import ACME


class Bench:
    def __init__(self, folder: Path) -> None:
        self.own, self.state = folder / "own", folder / "state"
        self.own.mkdir()
        self.state.mkdir(mode=0o700)
        self.file = self.own / "acme.yaml"
        self.file.write_text(ACME)

    def start(self) -> StartingCatalog:
        return catalog_at_start(str(self.own), self.state)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_own_files_that_are_right(bench: Bench) -> None:
    start = bench.start()
    assert (start.fault, "acme" in start.catalog.by_id) == ("", True)


def test_without_own_files(bench: Bench) -> None:
    assert catalog_at_start(None, bench.state) == StartingCatalog(catalog=load())


BROKEN = ["", "id: [", ACME + "stop: never\n", ACME.replace("[acme-cli]", "[claude-code]"), "\0"]


@pytest.mark.parametrize("broken", BROKEN)
def test_the_last_right_ones_stay_in_force_and_the_error_is_said(bench: Bench, broken: str) -> None:
    before = bench.start().catalog
    bench.file.write_text(broken)
    for start in (bench.start(), bench.start()):  # being kept does not replace what was kept
        assert start.catalog == before
        assert f"{bench.file}:" in start.fault
        assert f"`aipolicy tools check --tools {bench.own}`" in start.fault
        assert "the last right tool files stay in force" in start.fault


@pytest.mark.parametrize("broken", BROKEN)
def test_ours_alone_where_they_were_never_right(bench: Bench, broken: str) -> None:
    bench.file.write_text(broken)
    start = bench.start()
    assert start.catalog == load()
    assert f"{bench.file}:" in start.fault
    assert "none of your own tool files is in force" in start.fault


def test_a_folder_that_is_gone_and_one_that_was_never_there(bench: Bench) -> None:
    before = bench.start().catalog
    bench.file.unlink()
    bench.own.rmdir()
    assert bench.start().catalog == before
    other = catalog_at_start(str(bench.own.parent / "other"), bench.state)
    assert (other.catalog, "none of your own" in other.fault) == (load(), True)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff", b'{"folder": 1}', b'{"folder": "OWN", "files": {"a": "id: ["}}']
)
def test_what_was_kept_is_damaged(bench: Bench, damage: bytes) -> None:
    bench.start()
    (bench.state / "tools.last-good.json").write_bytes(damage.replace(b"OWN", str(bench.own).encode()))
    bench.file.write_text("id: [")
    assert bench.start().catalog == load()


def test_a_disk_that_takes_nothing(bench: Bench) -> None:
    (bench.state / ".tools.last-good.json.new").mkdir()
    assert "acme" in bench.start().catalog.by_id


# --- safe mode, number 28 of the faults ------------------------------------------------------------------


def in_safe_mode(bench: Bench) -> StartingCatalog:
    """With the files as they are now set aside."""
    return catalog_at_start(str(bench.own), bench.state, own_sha256(str(bench.own)))


def test_28_files_that_are_set_aside_leave_those_that_are_proven(bench: Bench) -> None:
    before = bench.start().catalog
    prove_own(str(bench.own), bench.state)
    bench.file.write_text(ACME.replace("acme-cli", "acme-next"))
    assert bench.start().catalog != before
    for again in (in_safe_mode(bench), in_safe_mode(bench)):
        assert again.catalog == before
        assert "set aside" in again.fault
        assert str(bench.own) in again.fault


def test_28_files_that_are_proven_themselves_leave_ours(bench: Bench) -> None:
    bench.start()
    prove_own(str(bench.own), bench.state)
    assert in_safe_mode(bench).catalog == load()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff"])
def test_28_proven_files_that_are_damaged_leave_ours(bench: Bench, damage: bytes) -> None:
    bench.start()
    prove_own(str(bench.own), bench.state)
    bench.file.write_text(ACME.replace("acme-cli", "acme-next"))
    (bench.state / "tools.proven.json").write_bytes(damage)
    assert in_safe_mode(bench).catalog == load()


def test_28_files_have_a_name_by_their_contents_right_or_wrong(bench: Bench) -> None:
    names = [own_sha256(None)]
    for text in (ACME, ACME.replace("acme-cli", "acme-next"), "id: [", "\0"):
        bench.file.write_text(text)
        names.append(own_sha256(str(bench.own)))
        assert names[-1] == own_sha256(str(bench.own))
    bench.file.rename(bench.own / "acme.yml")  # no tool file
    names.append(own_sha256(str(bench.own)))
    assert len(set(names)) == len(names)
    assert names[0] == ""
