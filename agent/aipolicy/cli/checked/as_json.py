"""For programs: the report as it is."""

import msgspec

from aipolicy.cli.checked.report import CheckReport


def write(report: CheckReport) -> str:
    """One object."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
