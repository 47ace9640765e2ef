"""The short notation in which a tool file's examples describe what was observed.

One mapping is one observation: its first word says which sort (npm, extension, program, process ...). A list
as the value, and {a,b} alternatives in it, make one example of each. `all` holds several observations that
were made together.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from aipolicy.core.model import (
    App,
    Confidence,
    Executable,
    Extension,
    FileFacts,
    FileKind,
    Observation,
    Owner,
    Package,
    PackageRef,
    Process,
)
from aipolicy.core.shapes import MOST_ALTERNATIVES, alternatives
from aipolicy.core.tool import Example, VersionMark, version_in
from aipolicy.core.toolreader import Reader
from aipolicy.core.yamlfile import Mapping as YamlMapping
from aipolicy.core.yamlfile import Node, Scalar

_PACKAGE_KEYS: Final = ("version", "code", "form", "path")
_EXTENSION_KEYS: Final = ("version", "code", "editor", "path")
_A_MODULE: Final = 10_000
"""Bytes. `imports` names marks of files that the script loads, each in a small file of its own."""
_FILE_KEYS: Final = ("kind", "marks", "imports", "marks-of", "of", "text", "signer", "size")
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "npm": _PACKAGE_KEYS,
    "pypi": _PACKAGE_KEYS,
    "deb": _PACKAGE_KEYS,
    "rpm": _PACKAGE_KEYS,
    "brew": _PACKAGE_KEYS,
    "snap": _PACKAGE_KEYS,
    "flatpak": _PACKAGE_KEYS,
    "extension": _EXTENSION_KEYS,
    "plugin": _EXTENSION_KEYS,
    "program": ("found-as", *_FILE_KEYS),
    "process": ("exe", "script", "module", "unread", *_FILE_KEYS),
    "app": ("path", "bundle", "version"),
}
"""The sorts of observation, each with what may be said of it beside `owner`."""

_ANSWERS: Final = ("yes", "no")
_FILE_KINDS: Final = tuple(FileKind)
_CONFIDENCES: Final = tuple(Confidence)
_ECOSYSTEMS: Final = {"extension": "vscode-extension", "plugin": "jetbrains-plugin"}
_USER: Final = Owner(uid=1000, name="u")
_ROOT: Final = Owner(uid=0, name="root")


def examples(
    node: YamlMapping, reader: Reader, tool_id: str, versions: tuple[VersionMark, ...], *, positive: bool
) -> Iterator[Example]:
    """The examples that one item of `examples` or `not` stands for."""
    expect = node.get("is")
    reads = node.get("reads")
    if positive != (expect is not None):
        reader.problems.add(
            node, "T030", "an example says `is: certain`, `likely` or `possible`; one under `not` does not"
        )
        return
    word = reader.one_of(expect, _CONFIDENCES, "confidence")
    if positive and not word:
        return
    several = node.get("all")
    saw: Iterator[tuple[Observation, ...]] | list[tuple[Observation, ...]]
    if several is None:
        saw = [(seen,) for seen in _observations(node, reader, tool_id, versions)]
    else:
        parts = [part for part in reader.items(several) if isinstance(part, YamlMapping)]
        saw = [tuple(s for part in parts for s in _observations(part, reader, tool_id, versions))]
    for together in saw:
        yield Example(
            saw=together,
            expect=Confidence(word) if word else None,
            version=reader.text(reads) if reads is not None else None,
            text=_text_of(node),
            line=node.line,
        )


def _text_of(node: YamlMapping) -> str:
    text = node.get("text")
    return text.text if isinstance(text, Scalar) else ""


def _observations(
    node: YamlMapping, reader: Reader, tool_id: str, versions: tuple[VersionMark, ...]
) -> Iterator[Observation]:
    sorts = [key.text for key, _value in node.items if key.text in SORTS]
    if len(sorts) != 1:
        reader.problems.add(node, "T031", f"one of these says what was seen: {', '.join(SORTS)}")
        return
    sort = sorts[0]
    if reader.mapping(node, f"a {sort} example", ("is", "reads", "owner", sort, *SORTS[sort])) is None:
        return
    said = _Said(node, reader, tool_id, versions)
    for text in reader.texts(node.get(sort)):
        for head in alternatives(text)[:MOST_ALTERNATIVES]:
            yield _BUILDERS[sort](sort, head, said)


class _Said:
    """What one example says beside its first word."""

    def __init__(
        self, node: YamlMapping, reader: Reader, tool_id: str, versions: tuple[VersionMark, ...]
    ) -> None:
        self._node = node
        self._values = {key.text: value for key, value in node.items}
        self._reader = reader
        self._tool_id = tool_id
        self._versions = versions

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        node = self._values.get(key)
        return default if node is None else self._reader.text(node)

    def maybe(self, key: str) -> str | None:
        return self.text(key) or None

    @property
    def owner(self) -> Owner:
        return _ROOT if self.text("owner") == "root" else _USER

    @property
    def has_code(self) -> bool:
        return self._reader.one_of(self._values.get("code"), _ANSWERS, "answer") != "no"

    @property
    def size(self) -> int:
        """In bytes; as large as tools are where nothing is said."""
        text = self.text("size", "100000000")
        if text.isascii() and text.isdigit():
            return int(text)
        self._reader.problems.add(self._node, "T032", "a size is a number of bytes")
        return 0

    def file(self, path: str, kind: FileKind) -> FileFacts:
        word = self._reader.one_of(self._values.get("kind"), _FILE_KINDS, "kind of file")
        marks = [f"{self._tool_id}:{mark}" for mark in self._reader.texts(self._values.get("marks"))]
        others = self._values.get("marks-of")
        for tool, literals in others.items if isinstance(others, YamlMapping) else ():
            marks += [f"{tool.text}:{literal}" for literal in self._reader.texts(literals)]
        imports = self._reader.texts(self._values.get("imports"))
        return plain_file(
            path,
            FileKind(word) if word else kind,
            package=_package_of(self._values.get("of"), path, self._reader),
            marks=tuple(marks),
            version=version_in(self.text("text"), self._versions),
            signer=self.maybe("signer"),
            size=self.size,
            imported=tuple(
                plain_file("", FileKind.SCRIPT, marks=(f"{self._tool_id}:{mark}",), size=_A_MODULE)
                for mark in imports
            ),
        )


def plain_file(
    path: str,
    kind: FileKind,
    *,
    package: PackageRef | None = None,
    marks: tuple[str, ...] = (),
    version: str | None = None,
    signer: str | None = None,
    size: int = 100_000_000,
    imported: tuple[FileFacts, ...] = (),
) -> FileFacts:
    """A file of which only this much matters."""
    return FileFacts(
        path=path, device=1, inode=1, size=size, mtime_ns=0, ctime_ns=0,
        kind=kind, package=package, marks=marks, version=version, signer=signer, imported=imported,
    )  # fmt: skip


def _package_of(node: Node | None, path: str, reader: Reader) -> PackageRef | None:
    """`npm:@scope/name@1.2.3`; the version may be left out."""
    text = reader.text(node)
    if not text:
        return None
    ecosystem, _, rest = text.partition(":")
    name, at, version = rest.rpartition("@")
    if not name:  # the only @ is a scope's
        name, at, version = rest, "", ""
    folder = path.rpartition("/")[0]
    return PackageRef(ecosystem=ecosystem, name=name, version=version if at else None, path=folder)


def _package(sort: str, name: str, said: _Said) -> Observation:
    path = said.text("path", f"/home/u/lib/{sort}/{name}")
    package = PackageRef(ecosystem=sort, name=name, version=said.maybe("version"), path=path)
    form = said.text("form", sort)
    return Package(package=package, owner=said.owner, form=form, has_code=said.has_code)


def _extension(sort: str, name: str, said: _Said) -> Observation:
    path = said.text("path", f"/home/u/.vscode/extensions/{name}")
    package = PackageRef(ecosystem=_ECOSYSTEMS[sort], name=name, version=said.maybe("version"), path=path)
    editor = said.text("editor", "vscode")
    return Extension(package=package, editor=editor, owner=said.owner, has_code=said.has_code)


def _program(_sort: str, path: str, said: _Said) -> Observation:
    found_as = said.text("found-as", path)
    return Executable(path=path, found_as=found_as, owner=said.owner, file=said.file(path, FileKind.ELF))


def _process(_sort: str, name: str, said: _Said) -> Observation:
    script, module = said.maybe("script"), said.maybe("module")
    hosted = script is not None or module is not None
    exe = said.text("exe", "/usr/bin/interpreter" if hosted else f"/usr/bin/{name}")
    read = not said.has("unread")
    program = plain_file(exe, FileKind.ELF) if hosted else said.file(exe, FileKind.ELF)
    script_file = said.file(script or f"/usr/lib/python3/{module}/__main__.py", FileKind.SCRIPT)
    return Process(
        pid=100,
        started=1,
        owner=said.owner,
        name=name,
        exe=exe,
        script=script,
        module=module,
        file=program if read or hosted else None,
        script_file=script_file if hosted and read else None,
    )


def _app(_sort: str, name: str, said: _Said) -> Observation:
    return App(
        name=name,
        bundle_id=said.maybe("bundle"),
        path=said.text("path", f"/Applications/{name}.app"),
        version=said.maybe("version"),
        owner=said.owner,
    )


_BUILDERS: Final[Mapping[str, Callable[[str, str, _Said], Observation]]] = {
    "npm": _package,
    "pypi": _package,
    "deb": _package,
    "rpm": _package,
    "brew": _package,
    "snap": _package,
    "flatpak": _package,
    "extension": _extension,
    "plugin": _extension,
    "program": _program,
    "process": _process,
    "app": _app,
}
