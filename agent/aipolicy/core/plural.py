"""A number with what is counted, for people."""


def plural(count: int, one: str, many: str = "") -> str:
    """'1 device', '3 devices', '2 entries' where `many` says so."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
