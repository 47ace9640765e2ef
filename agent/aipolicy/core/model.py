"""The vocabulary: every record that passes from one stage to the next, and nothing else.

No record here has a field for command-line arguments, environment, file contents or window titles, so
none of them can leave the machine. The field descriptions become docs/privacy.md.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen record. msgspec hands no kw_only down and mypy wants frozen said again: each repeats both.

    Unknown fields are passed over: an older reader survives a newer writer.
    """


class State(StrEnum):
    """Whether a tool lies on the disk or is running."""

    INSTALLED = "installed"
    RUNNING = "running"


class Confidence(StrEnum):
    """How sure an identification is: only `certain` can be blocked; a name alone is `possible`."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Ruling(StrEnum):
    """What the policy says of a tool."""

    APPROVED = "approved"
    BANNED = "banned"
    UNLISTED = "unlisted"
    EXEMPT = "exempt"


class Action(StrEnum):
    """What the agent is to do, mildest first."""

    ALLOW = "allow"
    REPORT = "report"
    WARN = "warn"
    BLOCK = "block"


class Done(StrEnum):
    """What the agent did."""

    ALLOWED = "allowed"
    REPORTED = "reported"
    WARNED = "warned"
    DENIED = "denied"
    ENDED = "ended"
    NOT_ENFORCEABLE = "not_enforceable"
    FAILED = "failed"


class FileKind(StrEnum):
    """What a file is, by its first bytes."""

    ELF = "elf"
    APPIMAGE = "appimage"
    SCRIPT = "script"
    ZIPAPP = "zipapp"
    MACH_O = "mach-o"
    PE = "pe"
    OTHER = "other"


EXECUTABLE_KINDS = frozenset(kind for kind in FileKind if kind is not FileKind.OTHER)


# --- observe ---------------------------------------------------------------------------------------------


class Owner(Record, frozen=True, kw_only=True):
    """The account that owns a file or runs a process.

    uid: the numeric user id.
    name: the login name, or the uid as text where the id has no name.
    """

    uid: int
    name: str


class PackageRef(Record, frozen=True, kw_only=True):
    """The package a file belongs to, as the ecosystem names it.

    ecosystem: purl type of the package: npm, pypi, deb, rpm, brew, snap, flatpak, vscode-extension ...;
    app and electron: an Electron application by its bundle id, or by the name in its package.json.
    name: the package's name, scope included ("@anthropic-ai/claude-code"; "anthropic.claude-code").
    version: the package's version, null when it states none.
    path: the folder (npm, extension) or metadata folder (pypi) that says so.
    """

    ecosystem: str
    name: str
    version: str | None
    path: str


class FileFacts(Record, frozen=True, kw_only=True):
    """What one file is, read from the file itself.

    path: where the file lies.
    device, inode, size, mtime_ns: the identity under which these facts are cached (ctime_ns with them).
    ctime_ns: time of the last inode change, nanoseconds.
    kind: what the first bytes say.
    package: the package whose code this file is, null when it belongs to none.
    marks: ids of the content marks found, as "tool-id:mark" in the catalog's order.
    version: the version embedded in the file, null when none could be read.
    signer: who signed it (Mach-O, PE), null on Linux.
    interpreter: which interpreter the program is by its contents, whatever its name (node, bun, python,
    loader), null for every other file.
    imported: of a script, the facts of those files that it loads itself in which content marks were found.
    """

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    kind: FileKind
    package: PackageRef | None = None
    marks: tuple[str, ...] = ()
    version: str | None = None
    signer: str | None = None
    interpreter: str | None = None
    imported: tuple["FileFacts", ...] = ()


class Process(Record, frozen=True, kw_only=True, tag="process", tag_field="seen"):
    """A running process.

    pid: the process id on this machine.
    started: the kernel's start time of the process, ticks since boot: with pid it tells two processes apart.
    owner: the effective user.
    name: the kernel's short name of the process (comm).
    exe: the program file, as the kernel names it; empty when it may not be read. Of a program in a mounted
    AppImage, the AppImage.
    script: the one script that an interpreter runs, null for a native program; no other argument is kept.
    loads: further script files that it was told to run (node's --require and --import, an import typed in).
    module: the Python module that `python -m` runs, null otherwise.
    file: facts of the program file, null when it could not be read.
    script_file: facts of the script, null when there is none or it could not be read.
    contained: true when the process lives in another mount or pid namespace (a container).
    container: the container whose file it runs, null where that file is one of the machine's own.
    """

    pid: int
    started: int
    owner: Owner
    name: str
    exe: str
    script: str | None = None
    loads: tuple[str, ...] = ()
    module: str | None = None
    file: FileFacts | None = None
    script_file: FileFacts | None = None
    contained: bool = False
    container: str | None = None


class Executable(Record, frozen=True, kw_only=True, tag="executable", tag_field="seen"):
    """A program file in a folder where programs lie.

    path: the file, links resolved.
    found_as: the name under which it was found (the link in a PATH folder), equal to path without a link.
    owner: whose it is: the user whose home it lies in, else the file's owner.
    file: what the file is.
    container: the container it lies in, null on the machine itself: the first 12 digits of the id that the
    engine gave it, else the number of its namespace, or the folder that is its root.
    """

    path: str
    found_as: str
    owner: Owner
    file: FileFacts
    container: str | None = None


class Package(Record, frozen=True, kw_only=True, tag="package", tag_field="seen"):
    """An installed package.

    package: ecosystem, name, version and folder.
    owner: whose it is: the user whose home it lies in, else the folder's owner.
    form: how it was installed: "npm global", "npx cache", "npm project", "pipx", "uv tool", "dpkg" ...
    has_code: true when the package's program file is there, and not only its metadata.
    container: the container it lies in, null on the machine itself.
    """

    package: PackageRef
    owner: Owner
    form: str
    has_code: bool
    container: str | None = None


class Extension(Record, frozen=True, kw_only=True, tag="extension", tag_field="seen"):
    """An editor extension.

    package: ecosystem "vscode-extension" or "jetbrains-plugin", the extension's id, version and folder.
    editor: the editor it is installed in ("vscode", "cursor" ...).
    owner: whose it is.
    has_code: true when the extension's code is there, and not only its manifest.
    container: the container it lies in, null on the machine itself.
    """

    package: PackageRef
    editor: str
    owner: Owner
    has_code: bool
    container: str | None = None


class App(Record, frozen=True, kw_only=True, tag="app", tag_field="seen"):
    """A desktop application.

    name: the application's own name.
    bundle_id: the macOS bundle id or desktop-file id, null where there is none.
    path: its folder.
    version: null when it states none.
    owner: whose it is.
    """

    name: str
    bundle_id: str | None
    path: str
    version: str | None
    owner: Owner


Observation = Process | Executable | Package | Extension | App


class Unseen(Record, frozen=True, kw_only=True, tag="unseen", tag_field="what"):
    """A place we could not look into, and why. It is data and is reported, never silence.

    place: the file, folder or kernel interface.
    reason: why: "permission denied", "not a regular file", "larger than 1 MiB" ...
    """

    place: str
    reason: str


# --- identify --------------------------------------------------------------------------------------------


class Evidence(Record, frozen=True, kw_only=True):
    """One reason for a finding.

    kind: what sort of evidence: npm, pypi, deb, vscode-extension, content, path, executable, title ...
    value: the evidence itself: the package name, the mark, the path shape.
    """

    kind: str
    value: str


class Finding(Record, frozen=True, kw_only=True):
    """One AI tool, of one owner, at one place.

    tool: the catalog's id of the tool ("claude-code").
    name: the tool's name for people.
    vendor: the vendor's id ("anthropic").
    category: the catalog's category: cli, editor, extension, desktop, local-model.
    version: null when it could not be read.
    state: installed or running.
    confidence: certain, likely or possible.
    because: the evidence, strongest first.
    owner: whose it is.
    path: where it lies, or the program that runs; of what is in a container "CONTAINER:/path".
    form: how it is there: "npm global", "native", "pipx", "extension in cursor", "process", "process
    in another namespace", "npm global in a container" ...
    pid: the process id of a running tool, null otherwise.
    """

    tool: str
    name: str
    vendor: str
    category: str
    version: str | None
    state: State
    confidence: Confidence
    because: tuple[Evidence, ...]
    owner: Owner
    path: str
    form: str
    pid: int | None = None


# --- decide ----------------------------------------------------------------------------------------------


class Context(Record, frozen=True, kw_only=True):
    """All that a decision may know of the world.

    now: the moment of the decision, UTC.
    device: the device's id; hostname: its name; os: linux, macos or windows.
    owner: the login name of the tool's owner, null where it is to hold for everybody.
    groups: the groups the owner is in, null where that is not known.
    tags: labels that IT gave the device, null where they are not known.
    rollout: where it stands in roll-outs, 0 to 100, null for where the hash of its name puts it.
    first_seen: when this tool was first seen here under an entry with a grace, by the entry's id; an entry
    that is not in it: never, so its grace begins now.
    """

    now: datetime
    device: str
    hostname: str
    os: str
    owner: str | None
    groups: frozenset[str] | None = frozenset()
    tags: frozenset[str] | None = frozenset()
    rollout: float | None = None
    first_seen: Mapping[str, datetime] = {}


class Verdict(Record, frozen=True, kw_only=True):
    """What the policy says of one finding.

    finding: the tool that was found.
    ruling: approved, banned, unlisted or exempt.
    action: allow, report, warn or block: what the agent is to do.
    reason: the rule that decided, as file and line ("policy.yaml:3").
    why: the policy's own words for the ban, empty when it gives none.
    message: what the person is told, empty when there is nothing to tell.
    policy: the policy's version: the first 12 hex digits of the SHA-256 of its text.
    catalog: the catalog's version.
    blocks_from: from when on it will be blocked, UTC, by this policy and with nothing else changed; null
    where it is blocked already, or will not be.
    """

    finding: Finding
    ruling: Ruling
    action: Action
    reason: str
    why: str
    message: str
    policy: str
    catalog: str
    blocks_from: datetime | None = None


# --- enforce and report ----------------------------------------------------------------------------------


class Outcome(Record, frozen=True, kw_only=True, tag="outcome", tag_field="what"):
    """A verdict and what was done about it.

    verdict: what the policy says.
    done: allowed, reported, warned, denied, ended, not_enforceable or failed.
    detail: one sentence more where needed: why it could not be enforced, what ended it.
    """

    verdict: Verdict
    done: Done
    detail: str = ""


class Gone(Record, frozen=True, kw_only=True, tag="gone", tag_field="what"):
    """A finding that is no longer there.

    tool, state, owner, path: which finding it was.
    """

    tool: str
    state: State
    owner: Owner
    path: str


class Health(Record, frozen=True, kw_only=True, tag="health", tag_field="what"):
    """A change of the agent's own condition.

    part: which part: policy, catalog, spool, scan, guard, process events, install events, native controls ...
    condition: what it is now: "in force", "rejected", "away", "overflow" ...
    detail: one sentence: what happened and what to do.
    count: how many records were lost or affected, 0 when none.
    """

    part: str
    condition: str
    detail: str = ""
    count: int = 0


class Event(Record, frozen=True, kw_only=True):
    """What is told of what was found, done or not seen. Paths in it are home-relative.

    id: a UUIDv7: unique, ordered by time.
    device: the device's own id.
    time: when it happened, UTC.
    about: an Outcome, a finding that is Gone, a place Unseen, or a change of Health.
    """

    id: str
    device: str
    time: datetime
    about: Outcome | Gone | Unseen | Health
