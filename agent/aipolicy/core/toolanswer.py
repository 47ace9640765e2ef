"""What an example of a tool file comes out as, and whether that is what it says."""

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Process, Record, State
from aipolicy.core.tool import Example
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import ORDER


class Fault(Record, frozen=True, kw_only=True):
    """What is wrong with a tool file that can be read. line: where. suggestion: what to do."""

    line: int
    code: str
    message: str
    suggestion: str


class Answer(Record, frozen=True, kw_only=True):
    """What an example comes out as. others: tools beside the one it is about that are certain there, too."""

    confidence: Confidence | None
    version: str | None
    others: tuple[str, ...] = ()

    def is_right(self, example: Example) -> bool:
        """Whether that is what the example says."""
        if self.confidence is not example.expect or example.version not in (None, self.version):
            return False
        return example.expect is not Confidence.CERTAIN or not self.others


def answer(example: Example, tool_id: str, catalog: Catalog) -> Answer:
    """How surely the catalog sees the tool in the example, and which version it reads."""
    alone = [finding for seen in example.saw for finding in identify(seen, catalog)]
    together = correlate(example.saw, alone, catalog)
    found = [f for f in together if f.tool == tool_id]
    running_first = any(isinstance(seen, Process) for seen in example.saw)
    if running_first:  # the rest of what was seen is there to back the process
        found = [f for f in found if f.state is State.RUNNING]
    found.sort(key=lambda finding: ORDER.index(finding.confidence))
    certain = {f.tool for f in together if f.confidence is Confidence.CERTAIN}
    return Answer(
        confidence=found[0].confidence if found else None,
        version=found[0].version if found else None,
        others=tuple(sorted(certain - {tool_id})),
    )
