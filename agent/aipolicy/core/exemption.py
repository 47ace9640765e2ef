"""`exemptions` of a policy: who may use a banned tool all the same, until when, and which ticket says so."""

from datetime import datetime

from aipolicy.core import yamlfile
from aipolicy.core.audience import Audience
from aipolicy.core.days import DAY
from aipolicy.core.model import Record
from aipolicy.core.read_audience import read_audience
from aipolicy.core.reading import Reading
from aipolicy.core.selector import Selector
from aipolicy.core.values import Place
from aipolicy.core.version_range import VersionRange


class Exemption(Record, frozen=True, kw_only=True):
    """selector, versions: what may be used. audience: by whom and where, everybody where it says nothing.

    ends: when `until` is over. ticket: where it was granted. reason: why.
    rule: the file's base name and the line.
    """

    selector: Selector
    versions: VersionRange | None = None
    audience: Audience
    ends: datetime
    ticket: str
    reason: str = ""
    rule: str


def read_exemptions(node: yamlfile.Node | None, reading: Reading) -> tuple[Exemption, ...]:
    """The exemptions in the order of the file, which does not matter."""
    found = (_exemption(item, reading) for item in reading.mappings(node, Place.EXEMPTION, "exemptions"))
    return tuple(exemption for exemption in found if exemption is not None)


def _exemption(item: yamlfile.Mapping, reading: Reading) -> Exemption | None:
    values = reading.keys(item, Place.EXEMPTION)
    reading.needed(item, values, Place.EXEMPTION)
    selector = reading.selector(values.get("tool"), "tool")
    versions = reading.versions(values.get("versions"))
    audience = read_audience(values, reading)
    last = reading.day(values.get("until"), "until")
    ticket, reason = (
        reading.text(values.get("ticket"), "ticket"),
        reading.text(values.get("reason"), "reason"),
    )
    if selector is None or last is None:
        return None
    return Exemption(
        selector=selector,
        versions=versions,
        audience=audience,
        ends=last + DAY,
        ticket=ticket,
        reason=reason,
        rule=reading.rule(item),
    )
