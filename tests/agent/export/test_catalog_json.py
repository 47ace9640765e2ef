"""The catalog as JSON: all that the tool files say, in the form that its schema says."""

import json
from pathlib import Path

import jsonschema
import msgspec

from aipolicy.core.tool import Kind, Source
from aipolicy.export.catalog_json import write
from aipolicy.tools import load

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "catalog.json").read_text())


def test_it_is_as_its_schema_says_and_holds_the_whole_catalog() -> None:
    catalog = load()
    found = json.loads(write(catalog, catalog.tools))
    jsonschema.validate(found, SCHEMA)
    assert (found["schema"], found["catalog"]) == ("aipolicy.catalog/2", catalog.version)
    for shown, tool in zip(found["tools"], catalog.tools, strict=True):
        assert (shown["id"], shown["stop"], tuple(shown["aliases"])) == (tool.id, tool.stop, tool.aliases)
        evidence = {kind: list(tool.values(kind)) for kind in Kind if list(tool.values(kind))}
        assert shown["evidence"] == evidence
        assert msgspec.convert(shown["sources"], tuple[Source, ...]) == tool.sources
        assert len(shown["versions"]) == len(tool.versions)
