"""A page for each error code: a policy that gets it, what is said of it, and the same policy mended.

The tests read every one of them: the wrong ones get this code and no other, the mended ones are right.
"""

from collections.abc import Mapping
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.policy import KnownTools, PolicyErrors, parse
from aipolicy.core.problem import Code, annotate
from aipolicy.core.unsafe import visible

_FILE: Final = "policy.yaml"
_FEW: Final = 2


class Example(Record, frozen=True, kw_only=True):
    """A policy's text. again: what follows `times` times. encoding: how the file is written."""

    text: str
    again: str = ""
    times: int = 0
    encoding: str = "utf-8"

    def content(self) -> bytes:
        """The whole file."""
        return (self.text + self.again * self.times).encode(self.encoding)

    def shown(self) -> str:
        """As a page shows it: what nobody would see escaped, what goes on and on cut short."""
        if not self.times:
            return visible(self.text)
        return visible(self.text + self.again * _FEW) + f"# and so on, {self.times:,} times in all\n"


class ErrorPage(Record, frozen=True, kw_only=True):
    """says: what the code's own sentence leaves open. wrong: null where it is not the text that is wrong."""

    says: str = ""
    wrong: Example | None = None
    mended: str = ""


def _page(wrong: str, mended: str, says: str = "") -> ErrorPage:
    return ErrorPage(wrong=Example(text=wrong), mended=mended, says=says)


PAGES: Final[Mapping[Code, ErrorPage]] = {
    Code.UNREADABLE: ErrorPage(
        says="It is not there, you may not read it, or it is a folder without any file .yaml or .yml."
    ),
    Code.TOO_LARGE: ErrorPage(
        says="Name a vendor, a category or every tool instead of one tool after the other.",
        wrong=Example(
            text="banned: [claude-code]\n", again="# a remark that goes on and on\n", times=130_000
        ),
        mended="banned: [claude-code]\n",
    ),
    Code.ENCODING: ErrorPage(
        says="Save the file as UTF-8; most editors have that in their status line or under `Save as`.",
        wrong=Example(text="banned: [claude-code]\nname: Müller\n", encoding="latin-1"),
        mended="banned: [claude-code]\nname: Müller\n",
    ),
    Code.CHARACTER: _page(
        "banned: [claude-code]\nname: acme\u202e\n",
        "banned: [claude-code]\nname: acme\n",
        "A reviewer could not see what the machine reads. Such a character often comes along when text is "
        "copied from a web page or a word processor.",
    ),
    Code.SYNTAX: _page(
        "banned: [claude-code\napproved: [qoder]\n",
        "banned: [claude-code]\napproved: [qoder]\n",
        "Often a bracket or a quote that is never closed, a line that is not indented like its neighbours, "
        "a tab, or a text with `: ` or `#` in it that needs quotes.",
    ),
    Code.EMPTY: _page("# nothing yet\n", "banned: []\n", "An emptied file must not set every tool free."),
    Code.SECOND_DOCUMENT: _page(
        "banned: [claude-code]\n---\nbanned: [cursor]\n", "banned: [claude-code, cursor]\n"
    ),
    Code.TOO_DEEP: _page("banned: " + "[" * 16 + "claude-code" + "]" * 16 + "\n", "banned: [claude-code]\n"),
    Code.DUPLICATE_KEY: _page(
        "banned: [claude-code]\nbanned: [cursor]\n",
        "banned: [claude-code, cursor]\n",
        "Most YAML readers would silently keep the last one.",
    ),
    Code.ANCHOR: _page(
        "banned: &tools [claude-code]\napproved: []\n",
        "banned: [claude-code]\napproved: []\n",
        "Write it out: who reviews a line shall not have to look for what it stands for. A text that begins "
        "with `*` or `&` needs quotes.",
    ),
    Code.TAG: _page(
        "banned: !!set [claude-code]\n",
        "banned: [claude-code]\n",
        "A text that begins with `!` needs quotes.",
    ),
    Code.KEY: _page("? [banned]\n: [claude-code]\n", "banned: [claude-code]\n"),
    Code.TOO_MANY: ErrorPage(
        says="Mend the ones that are shown; often they have one cause.",
        wrong=Example(text="banned:\n", again="  - claud-code\n", times=1_001),
        mended="banned:\n  - claude-code\n",
    ),
    Code.WRONG_TYPE: _page("banned: claude-code\n", "banned: [claude-code]\n"),
    Code.NO_VALUE: _page("banned:\napproved: [qoder]\n", "banned: []\napproved: [qoder]\n"),
    Code.UNKNOWN_KEY: _page("aproved: [qoder]\nbanned: []\n", "approved: [qoder]\nbanned: []\n"),
    Code.NO_RULE: _page("mode: block\n", "mode: block\nbanned: []\n"),
    Code.UNKNOWN_TOOL: _page(
        "banned: [claud-code]\n",
        "banned: [claude-code]\n",
        "`aipolicy tools list` shows every id. Tools of your own come with `--tools DIR`.",
    ),
    Code.UNKNOWN_VENDOR: _page("banned: ['vendor:antropic']\n", "banned: ['vendor:anthropic']\n"),
    Code.UNKNOWN_CATEGORY: _page("banned: ['category:local']\n", "banned: ['category:local-model']\n"),
    Code.UNKNOWN_SELECTOR: _page("banned: ['vender:anthropic']\n", "banned: ['vendor:anthropic']\n"),
    Code.NO_TOOL: _page(
        "banned:\n  - reason: no contract\n", "banned:\n  - tool: claude-code\n    reason: no contract\n"
    ),
    Code.DUPLICATE_ENTRY: _page(
        "banned: [claude-code, cursor, claude-code]\n",
        "banned: [claude-code, cursor]\n",
        "An alias is the same tool as its id.",
    ),
    Code.MODE: _page("mode: enforce\nbanned: [claude-code]\n", "mode: block\nbanned: [claude-code]\n"),
    Code.ACTION: _page(
        "banned:\n  - {tool: claude-code, action: kill}\n",
        "banned:\n  - {tool: claude-code, action: block}\n",
    ),
    Code.PLACEHOLDER: _page(
        'banned: [claude-code]\nmessage: "{user}, {tool} is banned"\n',
        'banned: [claude-code]\nmessage: "{tool} is banned"\n',
        "Who reads it knows who they are; the agent does not write names into messages.",
    ),
    Code.NO_CONTACT: _page(
        'banned: [claude-code]\nmessage: "{tool} is banned. Ask {contact}."\n',
        'banned: [claude-code]\nmessage: "{tool} is banned. Ask {contact}."\ncontact: it@example.com\n',
    ),
    Code.TEXT_TOO_LONG: _page(
        f"banned: [claude-code]\nmessage: no {'very ' * 100}long texts\n",
        "banned: [claude-code]\nmessage: no very long texts\n",
        "It is shown in a notification. Put the rest on a page and its address into `contact`.",
    ),
    Code.TEXT_CONTROL: _page(
        "banned: [claude-code]\nmessage: |\n  Not allowed.\n  Ask IT.\n",
        "banned: [claude-code]\nmessage: >\n  Not allowed.\n  Ask IT.\n",
    ),
    Code.DAY: _page(
        "banned:\n  - {tool: claude-code, from: 01.10.2026}\n",
        "banned:\n  - {tool: claude-code, from: 2026-10-01}\n",
    ),
    Code.SPAN: _page(
        "banned:\n  - {tool: claude-code, grace: 1 week}\n", "banned:\n  - {tool: claude-code, grace: 1w}\n"
    ),
    Code.NEVER: _page(
        "banned:\n  - {tool: claude-code, from: 2026-12-31, until: 2026-10-01}\n",
        "banned:\n  - {tool: claude-code, from: 2026-10-01, until: 2026-12-31}\n",
    ),
    Code.OVERLAP: _page(
        "banned:\n"
        "  - {tool: claude-code, until: 2026-12-31, action: warn}\n"
        "  - {tool: claude-code, from: 2026-12-01}\n",
        "banned:\n"
        "  - {tool: claude-code, until: 2026-11-30, action: warn}\n"
        "  - {tool: claude-code, from: 2026-12-01}\n",
        "Which of them were meant could not be told.",
    ),
    Code.NEEDED: _page(
        "banned: [claude-code]\nexemptions:\n  - {tool: claude-code, users: [alice], until: 2026-12-31}\n",
        "banned: [claude-code]\n"
        "exemptions:\n"
        "  - {tool: claude-code, users: [alice], until: 2026-12-31, ticket: SEC-1423}\n",
    ),
    Code.SAME_NAME: _page(
        "banned: [claude-code]\n"
        "scopes:\n"
        "  - {name: it, tags: [it], mode: block}\n"
        "  - {name: it, hosts: ['it-*'], mode: warn}\n",
        "banned: [claude-code]\n"
        "scopes:\n"
        "  - {name: it, tags: [it], mode: block}\n"
        "  - {name: it laptops, hosts: ['it-*'], mode: warn}\n",
    ),
    Code.NO_AUDIENCE: _page(
        "banned: [claude-code]\nscopes:\n  - {name: everybody, mode: warn}\n",
        "banned: [claude-code]\nscopes:\n  - {name: canary, percent: 5, mode: warn}\n",
        "What is for everybody stands in the policy itself.",
    ),
    Code.EMPTY_LIST: _page(
        "banned: [claude-code]\nscopes:\n  - {name: research, users: [], mode: report}\n",
        "banned: [claude-code]\nscopes:\n  - {name: research, users: [alice], mode: report}\n",
    ),
    Code.PATTERN: _page(
        "banned: [claude-code]\nscopes:\n  - {name: admins, users: ['admin*'], mode: report}\n",
        "banned: [claude-code]\nscopes:\n  - {name: admins, groups: [admins], mode: report}\n",
    ),
    Code.OS: _page(
        "banned: [claude-code]\nscopes:\n  - {name: macs, os: [darwin], mode: report}\n",
        "banned: [claude-code]\nscopes:\n  - {name: macs, os: [macos], mode: report}\n",
    ),
    Code.PERCENT: _page(
        "banned: [claude-code]\nscopes:\n  - {name: canary, percent: a few, mode: block}\n",
        "banned: [claude-code]\nscopes:\n  - {name: canary, percent: 5, mode: block}\n",
    ),
    Code.ONE_TOOL: _page(
        "banned: ['vendor:anthropic']\ntests:\n  - {tool: 'vendor:anthropic', expect: report}\n",
        "banned: ['vendor:anthropic']\ntests:\n  - {tool: claude-code, expect: report}\n",
    ),
    Code.PRIVACY: _page(
        "banned: [claude-code]\nprivacy: {usernames: none}\n",
        "banned: [claude-code]\nprivacy: {usernames: hash}\n",
    ),
    Code.RETENTION: _page(
        "banned: [claude-code]\nprivacy: {retention: 3 months}\n",
        "banned: [claude-code]\nprivacy: {retention: 90d}\n",
        "Months and years are not equally long, and hours are too few to see an event in. Without the key "
        "the server's own setting counts, which it can only shorten.",
    ),
    Code.VERSIONS: _page(
        'banned:\n  - {tool: cursor, versions: "^1.6"}\n',
        'banned:\n  - {tool: cursor, versions: ">=1.6, <2"}\n',
    ),
}
"""One for every code; a test says when one is missing."""


def code_named(text: str) -> Code | None:
    """The code that is written so, whatever the case."""
    return next((code for code in Code if code == text.upper()), None)


def errors_of(code: Code, known: KnownTools) -> str:
    """What `check` says of the wrong example."""
    wrong = PAGES[code].wrong
    if wrong is None:
        return ""
    try:
        parse(wrong.content(), _FILE, known)
    except PolicyErrors as refused:
        return "\n".join(annotate(problem) for problem in refused.problems if problem.code == code)
    return ""


def in_text(code: Code, errors: str = "") -> str:
    """The page for a terminal. errors: what `check` says, as errors_of gives it."""
    page = PAGES[code]
    parts = [f"{code}: {code.meaning}", page.says]
    if page.wrong is not None:
        parts += ["Wrong:\n" + _indented(page.wrong.shown()), _indented(errors)]
        parts.append("Mended:\n" + _indented(page.mended))
    return "\n\n".join(filter(None, parts))


def in_markdown(code: Code, errors: str = "") -> str:
    """The same, below a heading that the page of all codes has."""
    page = PAGES[code]
    parts = [code.meaning, page.says]
    if page.wrong is not None:
        parts += ["Wrong:", _fenced(page.wrong.shown(), "yaml"), _fenced(errors) if errors else ""]
        parts += ["Mended:", _fenced(page.mended, "yaml")]
    return "\n\n".join(filter(None, parts))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _fenced(text: str, language: str = "") -> str:
    return f"```{language}\n{text.rstrip()}\n```"
