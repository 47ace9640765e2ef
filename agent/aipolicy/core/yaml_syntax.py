"""What libyaml's errors mean to the person who wrote the file: a better place, plainer words, a way out."""

import re
from typing import Final

import yaml

from aipolicy.core.problem import Code

Explained = tuple[int, int, Code, str, str]
"""Line, column, code, message, suggestion."""
OpenFlow = tuple[int, int, str]
"""Line, column and bracket of a `[` or `{` that is still open."""

TOO_DEEP: Final = ("lists and mappings are nested too deep", "write it flatter")
_QUOTE: Final = "quote the text"
_INDENT: Final = "indent it like its neighbours, or quote a text that goes on after a quote or a bracket"

# What libyaml says (its scanner.c and parser.c), whether its context mark is the better place, what we say.
_WORDS: Final[tuple[tuple[str, bool, str, str], ...]] = (
    ("while scanning an alias", True, "a lone '*' means nothing in YAML", 'write "*" in quotes'),
    ("while scanning an anchor", True, "a lone '&' means nothing in YAML", _QUOTE),
    ("found unexpected end of stream", True, "this quote is never closed", "close it"),
    ("could not find expected ':'", True, "a ':' is missing after this", "a key is followed by ': '"),
    (
        "mapping values are not allowed",
        False,
        "a ':' cannot stand here",
        "indent the line like its neighbours, or quote a text that holds ': '",
    ),
    (
        "block sequence entries are not allowed",
        False,
        "a '- ' cannot stand here",
        "start the list on a line of its own, or write [a, b]",
    ),
    ("did not find expected key", False, "this does not belong to the mapping above", _INDENT),
    (
        "did not find expected '-' indicator",
        False,
        "this does not belong to the list above",
        _INDENT,
    ),
    (
        "did not find expected ',' or ']'",
        False,
        "a ',' or the ']' of the list is missing before this",
        "close it where it ends, or put a comma between its items",
    ),
    (
        "did not find expected ',' or '}'",
        False,
        "a ',' or the '}' of the mapping is missing before this",
        "close it where it ends, or put a comma between its keys",
    ),
    (
        "found unknown escape character",
        False,
        "YAML has no such escape",
        "write \\\\, or use single quotes",
    ),
    ("incompatible YAML", False, "this version of YAML is not known", "remove the %YAML line"),
    ("expected <document start>", False, "nothing may follow the end of the document", "remove it"),
    ("did not find expected node content", False, "a value is missing here", ""),
)


def explain_syntax(error: yaml.YAMLError, open_flow: OpenFlow | None, text: str) -> Explained:
    """Where the error is, and what to do. `text` is what was parsed."""
    problem, context = (
        str(getattr(error, "problem", None) or error),
        str(getattr(error, "context", None) or ""),
    )
    line, column, at_end = _place(getattr(error, "problem_mark", None), text)
    quoted = "quoted scalar" in context
    if "nesting depth" in problem:  # libyaml looks ahead, so its own limit may come before ours
        return line, column, Code.TOO_DEEP, *TOO_DEEP
    if at_end and open_flow and not quoted:
        line, column, bracket = open_flow
        return line, column, Code.SYNTAX, f"this '{bracket}' is never closed", "close it"
    rest = text.split("\n")[line - 1][column - 1 :]
    if "tab" in problem or rest.startswith("\t"):
        return line, column, Code.SYNTAX, "a tab cannot indent in YAML", "indent with spaces"
    if "cannot start any token" in problem and rest:
        return line, column, Code.SYNTAX, f"a text cannot start with '{rest[0]}'", _QUOTE
    for words, use_context, message, suggestion in _WORDS:
        if words in problem or words in context:
            if use_context:
                line, column, _ = _place(getattr(error, "context_mark", None), text)
            return line, column, Code.SYNTAX, message, suggestion
    return line, column, Code.SYNTAX, f"this is not YAML: {re.sub(r'[^ -~]', '?', problem)}", ""


def _place(mark: yaml.Mark | None, text: str) -> tuple[int, int, bool]:
    """Line and column, and whether they are the text's end: libyaml puts that on a line too many."""
    written = text.rstrip()
    last = written.count("\n") + 1
    end = len(written) - written.rfind("\n")
    if mark is None:
        return 1, 1, False
    if (mark.line + 1, mark.column + 1) >= (last, end):
        return last, end, True
    return mark.line + 1, mark.column + 1, False
