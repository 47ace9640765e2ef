"""Listings of machines without an AI tool: written once from a real folder, replayed as files of like names.

A line is `kind<TAB>size<TAB>path<TAB>detail`: `elf`, `script` (detail: its first line), `other`, `link` (its
target) and `text` (its content as JSON, reduced to what a package says of itself). Listed is what an observer
may open: programs, what lies in folders of programs, package metadata. Other contents are not kept: that none
of the real machine accuses anybody is seen when it is recorded; with a finding nothing is written.

    python tests/clean/recording.py FOLDER NAME     # FOLDER is the root of everything; writes NAME.tsv here
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from corpus.scoring import look
from host import FakeMachine, User

HERE = Path(__file__).parent
MACHINES = sorted(path.stem for path in HERE.glob("*.tsv"))

_BINS = frozenset({"bin", "sbin", ".bin", "shims"})
_MOST_BYTES = 1 << 20
"""Of one program that is replayed: its zeros prove nothing, however many they are."""
_STATED = ("name", "version", "bin", "main")


# --- writing ---------------------------------------------------------------------------------------------


def record(root: Path) -> Iterator[str]:
    """The lines of the machine below `root`."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            line = _line(root, Path(folder, name))
            if line is not None:
                yield line


def _line(root: Path, path: Path) -> str | None:
    inside = path.relative_to(root)
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        kind, detail = "link", os.readlink(path)
    elif not stat.S_ISREG(status.st_mode):
        return None
    elif (text := _metadata(path)) is not None:
        kind, detail = "text", json.dumps(text)
    else:
        kind, detail = _kind(path)
    wanted = kind == "text" or path.parent.name in _BINS or (kind != "link" and status.st_mode & 0o111)
    if not wanted or not str(inside).isprintable():
        return None
    return f"{kind}\t{status.st_size}\t{inside}\t{detail.replace(str(root), '')}"


def _metadata(path: Path) -> str | None:
    if path.name == "package.json" and "node_modules" in path.parts[-4:-1]:
        try:
            stated = json.loads(path.read_bytes())
        except ValueError:
            return None
        return json.dumps({key: stated[key] for key in _STATED if key in stated})
    if path.parent.suffix == ".dist-info" and path.name in ("METADATA", "entry_points.txt"):
        text = path.read_text(errors="replace")
        return text if path.name != "METADATA" else "\n".join(text.splitlines()[:3]) + "\n"
    if path.match("var/lib/dpkg/status"):
        kept = ("Package:", "Status:", "Version:", "Architecture:")
        lines = path.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line or line.startswith(kept)) + "\n"
    return None


def _kind(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(120)
    if head.startswith(b"\x7fELF"):
        return "elf", ""
    first = head.partition(b"\n")[0].decode(errors="replace").rstrip("\r")
    if head.startswith(b"#!") and first.isprintable():
        return "script", first
    return "other", ""


# --- replaying -------------------------------------------------------------------------------------------


def replayed(name: str, folder: Path) -> FakeMachine:
    """The recorded machine, with one process of every program in a folder of programs."""
    machine = FakeMachine(folder)
    programs: list[str] = []
    for line in (HERE / f"{name}.tsv").read_text().splitlines():
        kind, size, path, detail = line.split("\t", 3)
        _put(machine, kind, int(size), path, detail)
        if kind in ("elf", "script") and Path(path).parent.name in _BINS:
            programs.append(path)
    users = [_user(machine, home) for home in sorted(Path(folder, "home").glob("*"))]
    for path in programs:
        _run(machine, path, next((u for u in users if machine.at(path).startswith(u.home)), None))
    return machine


def _put(machine: FakeMachine, kind: str, size: int, path: str, detail: str) -> None:
    place = Path(machine.at(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        place.symlink_to(detail)
        return
    content = {"elf": b"\x7fELF", "script": f"{detail}\n".encode(), "other": b"", "text": b""}[kind]
    if kind == "text":
        content = str(json.loads(detail)).encode()
    machine.file(str(place), content)
    if kind in ("elf", "script"):
        os.truncate(place, max(len(content), min(size, _MOST_BYTES)))


def _user(machine: FakeMachine, home: Path) -> User:
    return machine.add_user(home.name)


def _run(machine: FakeMachine, path: str, user: User | None) -> None:
    place = machine.at(path)
    how = {} if user is None else {"owner": user}
    with open(place, "rb") as file:
        if file.read(2) == b"#!":
            machine.run("/usr/bin/interpreter", name=Path(path).name[:15], script=place, **how)
        else:
            machine.run(place, **how)


def main() -> None:
    root, name = Path(sys.argv[1]).resolve(), sys.argv[2]
    lines = list(record(root))
    machine = FakeMachine(root)
    for home in sorted(root.glob("home/*")):
        _user(machine, home)
    found = look(machine)
    if found:
        sys.exit(f"this machine is not clean, or we accuse it wrongly: {found}")
    (HERE / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len(lines)} lines, nothing found in the real files")  # noqa: T201


if __name__ == "__main__":
    main()
