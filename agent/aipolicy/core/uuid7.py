"""The ids of events, devices and spools: UUIDs of version 7, which sort by time (RFC 9562)."""

from typing import Final

CHANCE_BITS: Final = 74


def uuid7(now_ms: int, chance: int) -> str:
    """48 bits of milliseconds since 1970, then the lowest CHANCE_BITS of `chance`."""
    number = (now_ms & (1 << 48) - 1) << 80 | 7 << 76 | 0b10 << 62
    number |= (chance >> 62 & 0xFFF) << 64 | chance & (1 << 62) - 1
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
