"""The id and version of a JetBrains plugin, from META-INF/plugin.xml in one of its jars."""

import re
from typing import Final, NamedTuple

from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, open_regular
from aipolicy.examine.zip_directory import ZipDirectory

LARGEST_JAR: Final = 256 * MIB
_LARGEST_XML: Final = MIB
_DESCRIPTOR: Final = "META-INF/plugin.xml"
_ID: Final = re.compile(rb"<id>\s*([\w.-]{1,200})\s*</id>")
_NAME: Final = re.compile(rb"<name>([^<]{1,300})</name>")
_VERSION: Final = re.compile(rb"<version>\s*([\w.+-]{1,100})\s*</version>")


class Plugin(NamedTuple):
    """What a plugin says of itself."""

    id: str
    version: str | None


def read_plugin(path: str) -> Plugin | None:
    """None where the jar holds no descriptor of a plugin; CannotLook where it may not be read."""
    with open_regular(path, limit=LARGEST_JAR) as file:
        jar = ZipDirectory(file)
        descriptor = next((member for member in jar.members() if member.name == _DESCRIPTOR), None)
        return None if descriptor is None else read_descriptor(jar.read(descriptor, _LARGEST_XML))


def read_descriptor(xml: bytes) -> Plugin | None:
    """By patterns and not by an XML parser, which a hostile file could make work without end."""
    text = _without_comments(xml)
    name = _ID.search(text) or _NAME.search(text)  # without an id the name is the id (JetBrains' rule)
    if name is None:
        return None
    version = _VERSION.search(text)
    return Plugin(
        printable(name.group(1).strip().decode("utf-8", "replace")),
        printable(version.group(1).decode("utf-8", "replace")) if version else None,
    )


def _without_comments(xml: bytes) -> bytes:
    """Not by a pattern: of comments that never end it would look for the end of each anew."""
    kept, at = [], 0
    while (start := xml.find(b"<!--", at)) >= 0:
        kept.append(xml[at:start])
        end = xml.find(b"-->", start + 4)
        at = len(xml) if end < 0 else end + 3
    kept.append(xml[at:])
    return b"".join(kept)
