"""A number with what is counted."""

from aipolicy.core.plural import plural


def test_plural() -> None:
    assert [plural(n, "person", "people") for n in (0, 1, 1200)] == ["0 people", "1 person", "1,200 people"]
    assert [plural(n, "device") for n in (1, 2)] == ["1 device", "2 devices"]
