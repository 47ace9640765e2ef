"""The id and version of a JetBrains plugin, from META-INF/plugin.xml in one of its jars."""

import re
import zipfile
import zlib
from typing import Final, NamedTuple

from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, CannotLook, open_regular

LARGEST_JAR: Final = 256 * MIB
_LARGEST_XML: Final = MIB
_DESCRIPTOR: Final = "META-INF/plugin.xml"
_COMMENT: Final = re.compile(rb"<!--.*?-->", re.DOTALL)
_ID: Final = re.compile(rb"<id>\s*([\w.-]{1,200})\s*</id>")
_NAME: Final = re.compile(rb"<name>\s*([^<]{1,200}?)\s*</name>")
_VERSION: Final = re.compile(rb"<version>\s*([\w.+-]{1,100})\s*</version>")


class Plugin(NamedTuple):
    """What a plugin says of itself."""

    id: str
    version: str | None


def read_plugin(path: str) -> Plugin | None:
    """None where the jar holds no descriptor of a plugin; CannotLook where it may not be read."""
    with open_regular(path, limit=LARGEST_JAR) as file:
        try:
            with zipfile.ZipFile(file.stream) as jar, jar.open(_DESCRIPTOR) as inner:
                return read_descriptor(inner.read(_LARGEST_XML))
        except KeyError:
            return None
        except (
            zipfile.BadZipFile,
            zlib.error,
            ValueError,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
        ):
            raise CannotLook(path, "not a readable jar") from None


def read_descriptor(xml: bytes) -> Plugin | None:
    """By patterns and not by an XML parser, which a hostile file could make work without end."""
    text = _COMMENT.sub(b"", xml)
    name = _ID.search(text) or _NAME.search(text)  # without an id the name is the id (JetBrains' rule)
    if name is None:
        return None
    version = _VERSION.search(text)
    return Plugin(
        printable(name.group(1).decode("utf-8", "replace")),
        printable(version.group(1).decode("utf-8", "replace")) if version else None,
    )
