"""Writes what a bundle is made of, from what is really in it: `bill.py NAME WORK FOLDER [STATED]`.

NAME is the bundle's, WORK where PyInstaller wrote its notes, STATED components.toml. FOLDER gets
`sbom.cdx.json`, a bill of materials in CycloneDX 1.6 which names for each component the files of the bundle
that it is in, and `THIRD_PARTY_NOTICES` with all licences. It fails where a file belongs to nothing, or a
licence is not one of those that components.toml allows, or has no text. SOURCE_DATE_EPOCH is its date.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from contents import parts
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from origins import Origin, Unaccounted, origins
from packageurl import PackageURL
from stated import Inner, Refused, Stated
from wheel_bill import Linked, linked

_LICENCES = LicenseFactory()


def bill(name: str, work: Path, stated: Stated) -> tuple[str, str]:
    """The bill of materials and the notices. Raises Refused, Unaccounted."""
    in_bundle = list(parts(work))
    known = origins(part.source for part in in_bundle)
    places, files = defaultdict(set), defaultdict(set)
    for part in in_bundle:
        places[known[part.source]].add(part.place)
        files[known[part.source]].add(part.source)

    ours, components = [], []
    notices = _Notices()
    for origin in sorted(places, key=lambda one: (one.kind, one.name.lower())):
        component = _component(origin, stated.licence(origin), sorted(places[origin]))
        if origin.name == "aipolicy":
            component.name, component.type = name, ComponentType.APPLICATION
            ours.append(component)
            continue
        components.append(component)
        notices.add(f"{origin.name} {origin.version}", stated.licence(origin), stated.texts(origin))
        for inner in stated.inside(origin, files[origin]):
            component.components.add(_inner_component(origin, inner))
            notices.add(f"{inner.name} {inner.version or ''} in {origin.name}", inner.licence, inner.texts)
        for library in linked(origin):
            licence = stated.allowed(library.name, library.licence) if library.licence else None
            component.components.add(_linked_component(origin, library))
            notices.add(f"{library.name} {library.version or ''} in {origin.name}", licence or "not said", ())
    [root] = ours
    return _as_json(root, components), notices.text(name)


def _component(origin: Origin, licence: str, places: list[str]) -> Component:
    deb = origin.kind == "deb"
    purl = PackageURL(
        type=origin.kind,
        namespace="debian" if deb else None,
        name=origin.name,
        version=origin.version,
        qualifiers={"arch": origin.architecture} if deb else None,
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=origin.name,
        version=origin.version,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[_LICENCES.make_from_string(licence)],
        evidence=ComponentEvidence(occurrences=[_occurrence(purl, place) for place in places]),
    )


def _occurrence(purl: PackageURL, place: str) -> Occurrence:
    """Without a name of its own the library would order them by their address in memory."""
    return Occurrence(location=place, bom_ref=f"{purl.to_string()}#{place}")


def _inner_component(origin: Origin, inner: Inner) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=inner.name,
        version=inner.version,
        bom_ref=f"{origin.name}:{inner.name}",
        licenses=[_LICENCES.make_from_string(inner.licence)],
        external_references=[ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(inner.page))],
    )


def _linked_component(origin: Origin, library: Linked) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=library.name,
        version=library.version,
        bom_ref=f"{origin.name}:{library.purl or library.name}",
        purl=PackageURL.from_string(library.purl) if library.purl else None,
        licenses=[_LICENCES.make_from_string(library.licence)] if library.licence else [],
    )


def _as_json(root: Component, components: list[Component]) -> str:
    """The same for the same bundle: its number is made of what is in it. Raises Refused."""
    bom = Bom(components=components)
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    bom.register_dependency(root, components)
    names = " ".join(sorted(str(component.bom_ref.value) for component in components))
    bom.serial_number = uuid5(NAMESPACE_URL, f"{root.name} {root.version} {names}")
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise Refused(f"the bill of materials is no CycloneDX 1.6: {wrong}")
    return text + "\n"


class _Notices:
    """Each text once, under all that it is the text of."""

    def __init__(self) -> None:
        self._licences: list[str] = []
        self._owners: dict[str, list[str]] = defaultdict(list)

    def add(self, called: str, licence: str, texts: Iterable[Path]) -> None:
        called = " ".join(called.split())
        self._licences.append(f"{called}: {licence}")
        for text in texts:
            owners = self._owners[text.read_text(errors="replace").strip()]
            if called not in owners:
                owners.append(called)

    def text(self, name: str) -> str:
        head = f"{name} contains the following, each under its own licence. The texts are below."
        line = "=" * 100
        texts = [f"\n{line}\n{', '.join(owners)}\n{line}\n\n{text}" for text, owners in self._owners.items()]
        return "\n".join([head, "", *self._licences, *texts, ""])


if __name__ == "__main__":
    name, work, folder = sys.argv[1:4]
    components = Path(sys.argv[4]) if len(sys.argv) > 4 else Path(__file__).with_name("components.toml")
    try:
        made, noticed = bill(name, Path(work), Stated(components))
    except (Refused, Unaccounted) as wrong:
        sys.exit(f"packaging/third_party: {wrong}")
    Path(folder, "sbom.cdx.json").write_text(made)
    Path(folder, "THIRD_PARTY_NOTICES").write_text(noticed)
