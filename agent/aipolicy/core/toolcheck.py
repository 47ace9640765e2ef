"""Whether a tool file keeps its word: each example comes out as it says, and no value is unproved.

`aipolicy tools check` and the tests of the catalog ask the same functions.
"""

from collections.abc import Collection, Iterator

from aipolicy.core.tool import Example, Kind, Tool
from aipolicy.core.toolanswer import Fault, answer
from aipolicy.core.tools import Catalog
from aipolicy.core.unproved import unproved


def faults(tool: Tool, catalog: Catalog, shared: Collection[str] = ()) -> Iterator[Fault]:
    """Everything wrong with one tool of the catalog. shared: strings known to be in other programs."""
    for example in (*tool.examples, *tool.not_):
        yield from _example_faults(example, tool, catalog)
    for rule in tool.evidence:
        if rule.kind is Kind.CONTENT and any(rule.value in text for text in shared):
            yield Fault(
                line=rule.line,
                code="T052",
                message=f"'{rule.value}' is known to be in other programs",
                suggestion="choose a text that stands in this tool's own files only",
            )
    yield from unproved(tool, catalog)


def _example_faults(example: Example, tool: Tool, catalog: Catalog) -> Iterator[Fault]:
    out = answer(example, tool.id, catalog)
    if out.is_right(example):
        return
    if out.confidence is not example.expect:
        code, suggestion = "T050", "correct the example, or the evidence that it leans on"
        wanted = example.expect or "nothing"
        message = f"the example comes out as {out.confidence or 'nothing'}, and it says {wanted}"
    elif example.version not in (None, out.version):
        code, suggestion = "T051", "correct `reads`, or the version mark"
        message = f"the example reads version {out.version}, and it says {example.version}"
    else:
        code, suggestion = "T054", "correct the evidence of one, or name the other under `same-code`"
        message = f"the example is certain, and so is {', '.join(out.others)}"
    yield Fault(line=example.line, code=code, message=message, suggestion=suggestion)
