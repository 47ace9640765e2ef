"""A record as `--format json` prints it."""

import msgspec


def in_json(record: object) -> str:
    """Indented, without a line break at the end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode()
