"""For programs: the report as it is."""

from aipolicy.cli.checked.report import CheckReport
from aipolicy.cli.json_form import in_json


def write(report: CheckReport) -> str:
    """One object."""
    return in_json(report)
