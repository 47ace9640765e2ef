"""Reads a page's HTML as far as the tests ask: its elements, their attributes, and the text a reader sees."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

APART = frozenset(
    {"td", "th", "dt", "dd", "div", "small", "p", "li", "summary", "h1", "h2", "option", "label"}
)
"""Elements that stand apart from their neighbours on the screen, as `.place` and `.rule` do by CSS."""
VOID = frozenset({"meta", "link", "input", "br", "img", "hr", "path", "circle", "rect", "use"})


@dataclass(kw_only=True)
class Element:
    """One element. text: all text inside it, spaces run together."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())


class Markup(HTMLParser):
    """The page's elements in order. A tag closed by another than its own is an error of the page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.runs: list[tuple[str, tuple[str, ...]]] = []
        """Each run of text with the elements around it."""
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[e.tag for e in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute is given twice: <{tag} {names}>"
        element = Element(
            tag=tag, attributes={k: v or "" for k, v in attrs}, inside=tuple(e.tag for e in self._open)
        )
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)
        if _is_apart(element):
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        closed = self._open.pop()
        if _is_apart(closed):
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        self.runs.append((data, tuple(e.tag for e in self._open)))
        for element in self._open:
            element.pieces.append(data)

    def all(self, tag: str, **attributes: str) -> Iterator[Element]:
        """Every element of that tag with those attributes."""
        for element in self.elements:
            if element.tag == tag and all(
                element.attributes.get(k.replace("_", "-")) == v for k, v in attributes.items()
            ):
                yield element

    def one(self, tag: str, **attributes: str) -> Element:
        found = list(self.all(tag, **attributes))
        assert len(found) == 1, f"{len(found)} elements <{tag} {attributes}>"
        return found[0]

    @property
    def text(self) -> str:
        return self.one("body").text

    def rows(self) -> list[str]:
        """The text of every table row that is not a heading."""
        return [e.text for e in self.elements if e.tag == "tr" and "tbody" in e.inside]

    def links(self) -> dict[str, str]:
        """Where each link goes, by its text; the last one of a text wins."""
        return {e.text: e.attributes["href"] for e in self.all("a")}


def _is_apart(element: Element) -> bool:
    return element.tag in APART or element.attributes.get("class") in {"place", "rule"}
