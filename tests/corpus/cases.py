"""The corpus as data: real tools in their forms, and look-alikes, from the YAML files beside this one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from corpus.forms import FORMS, by_client
from corpus.layouts import LAYOUTS
from corpus.lookalikes import MAKERS
from corpus.places import Place, Source
from machine.manager_forms import MANAGERS

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """One form of one tool, or one look-alike: put into a home of its own and looked at there.

    build: puts it into the place and returns the pid where it runs.
    tool, version: what is to be found for certain; None of a look-alike, of which nothing is, and a version
    None where the form states none.
    named: a look-alike that carries a real tool along: this tool, and only said to be embedded.
    runs: it is to be found running. in_suite: the test suite builds it, too.
    shown: the form that the one finding is to say, where it is told only once.
    missed: why our own look gives the wrong answer; strict, a test fails once the answer is right.
    """

    title: str
    source: str
    form: str
    build: Callable[[Place], int | None]
    tool: str | None = None
    version: str | None = None
    named: str | None = None
    shown: str | None = None
    runs: bool = False
    in_suite: bool = True
    missed: str | None = None


def positives() -> Iterator[Case]:
    """Every form of every tool."""
    for name, stated in _read("positives.yaml")["sources"].items():
        missed = stated.pop("missed", {})
        suite = stated.pop("suite", ())
        unversioned = stated.pop("unversioned", ())
        forms = stated.pop("forms")
        source = Source(name=name, **stated)
        assert set(forms) <= set(FORMS), f"positives.yaml: {name}: unknown forms {set(forms) - set(FORMS)}"
        stray = {*missed, *suite, *unversioned} - set(forms)
        assert not stray, f"positives.yaml: {name}: not among the forms: {stray}"
        for form in forms:
            yield Case(
                title=f"{name}: {form}",
                source=name,
                form=form,
                build=partial(FORMS[form], source),
                tool=source.tool,
                version=None if form in unversioned else source.version,
                runs=form.startswith("running"),
                in_suite=form in suite,
                missed=missed.get(form),
            )


def installs() -> Iterator[Case]:
    """Every way to install a tool, once."""
    known = sources()
    for stated in _read("installs.yaml")["installs"]:
        assert stated["tested"] in TESTED, stated
        form, source = stated["form"], known[stated["source"]]
        yield Case(
            title=f"install: {form}",
            source=source.name,
            form=form,
            build=partial(_INSTALLS[form], source),
            tool=source.tool,
            version=source.version,
            shown=stated["shown"],
            in_suite=stated.get("suite") == "yes",
        )


def installs_table() -> str:
    """In Markdown, as docs/forms.md has it."""
    lines = ["| install | found as | tested |", "| --- | --- | --- |"]
    for stated in _read("installs.yaml")["installs"]:
        how = f"{TESTED[stated['tested']]}: {stated['by']}"
        lines.append(f"| {stated['form']} | {stated['shown']} | {how} |")
    return "\n".join(lines)


TESTED = {
    "installed": "really installed",
    "recorded": "recorded from a real install",
    "documented": "by documentation only",
}


def sources() -> dict[str, Source]:
    """The real packages by their names in the corpus."""
    stated = _read("positives.yaml")["sources"] | _read("installs.yaml")["sources"]
    fields = set(Source.__dataclass_fields__)
    return {
        name: Source(name=name, **{key: value for key, value in source.items() if key in fields})
        for name, source in stated.items()
    }


_INSTALLS = FORMS | LAYOUTS | {name: by_client(install) for name, install in MANAGERS.items()}


def lookalikes() -> Iterator[Case]:
    """Everything that must not be taken for a tool."""
    for title, what in _read("lookalikes.yaml")["lookalikes"].items():
        form = next(name for name in MAKERS if name in what)
        yield Case(
            title=title,
            source="look-alike",
            form=form,
            build=partial(MAKERS[form], what),
            named=what.get("named"),
            in_suite=what.get("large") != "yes",
            missed=what.get("wrongly"),
        )


def _read(name: str) -> dict[str, Any]:
    return dict(yaml.load((_HERE / name).read_text(), Loader=yaml.BaseLoader))  # noqa: S506  texts only
