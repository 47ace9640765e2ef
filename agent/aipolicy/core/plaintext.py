"""From bytes to text that is safe to parse and to show, with lines and columns as an editor counts them."""

from aipolicy.core.problem import Code, Problems
from aipolicy.core.unsafe import UNSAFE, unsafe_character

_NOISY = frozenset("\0\r\x85\u2028\u2029")
"""Where one of these stands, nobody can tell where lines end, or the file is no text at all."""

_HARMLESS = bytes(range(0x20, 0x7F)) + b"\t\n"


def plain_text(text: bytes | str, filename: str, limit: int) -> tuple[str | None, Problems]:
    """The text with one kind of line end and U+FFFD for each unsafe character, and what is wrong with it.

    None where reading on would only make noise. Positions stay those of the file.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        message = f"the file has {size:,} bytes, and {limit:,} are the most allowed"
        return None, _only(filename, Code.TOO_LARGE, message, "")
    if isinstance(text, str):
        return _safe(text, filename)
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, _only(filename, Code.ENCODING, "the file is UTF-16 or UTF-32", "save it as UTF-8")
    try:
        return _safe(text.decode("utf-8"), filename)
    except UnicodeDecodeError as error:
        problems = Problems(filename, _lines_ended(text.decode("utf-8", "backslashreplace")))
        before = _lines_ended(text[: error.start].decode("utf-8"))
        message = f"the byte 0x{text[error.start]:02x} is not UTF-8"
        problems.add_at(*_place(before, len(before)), Code.ENCODING, message, "save the file as UTF-8")
        return None, problems


def _only(filename: str, code: Code, message: str, suggestion: str) -> Problems:
    problems = Problems(filename, "")
    problems.add_at(1, 1, code, message, suggestion)
    return problems


def _lines_ended(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _safe(text: str, filename: str) -> tuple[str | None, Problems]:
    """Notes each unsafe character once, where it first stands."""
    text = _lines_ended(text)
    problems = Problems(filename, text)
    if text.isascii() and not text.encode().translate(None, _HARMLESS):
        return text, problems  # most files end here, and 30 times faster than the search below
    first: dict[str, int] = {}
    for match in UNSAFE.finditer(text):
        first.setdefault(match[0], match.start())
    for char, start in first.items():
        suggestion = "is the file UTF-16? Save it as UTF-8" if char == "\0" else "remove it"
        problems.add_at(*_place(text, start), Code.CHARACTER, unsafe_character(char), suggestion)
    if not first.keys().isdisjoint(_NOISY):
        return None, problems
    return UNSAFE.sub("\ufffd", text) if first else text, problems


def _place(text: str, start: int) -> tuple[int, int]:
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
