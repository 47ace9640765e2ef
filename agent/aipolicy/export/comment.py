"""Comments at the head of what is written."""

import textwrap


def comment(mark: str, *paragraphs: str) -> str:
    """The paragraphs, but empty ones, as comment lines that begin with `mark`; an empty line between two."""
    wrapped = (textwrap.wrap(text, 108, break_on_hyphens=False) for text in paragraphs if text)
    parts = ("".join(f"{mark} {line}\n" for line in lines) for lines in wrapped)
    return f"{mark}\n".join(parts)
