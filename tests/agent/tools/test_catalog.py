"""The catalog keeps its word: every file is read, every example comes out, no evidence is unproved.

The tests walk all tools, so that a new one is covered on arrival.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import aipolicy
from aipolicy import tools
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Executable, FileKind, Owner
from aipolicy.core.tool import CATEGORIES, Example, Kind, Tool
from aipolicy.core.toolanswer import answer
from aipolicy.core.toolcheck import faults
from aipolicy.core.toolexample import plain_file
from aipolicy.core.tools import catalog_from, catalog_of
from aipolicy.core.unproved import unproved
from aipolicy.core.yamlfile import YamlErrors

CATALOG = tools.load()
FOLDER = Path(tools.__file__).parent
EXAMPLES = [
    pytest.param(tool, example, id=f"{tool.file}:{example.line}:{number}")
    for tool in CATALOG.tools
    for number, example in enumerate((*tool.examples, *tool.not_))
]
EACH_TOOL = pytest.mark.parametrize("tool", CATALOG.tools, ids=lambda tool: tool.id)

PROMISED = re.findall(
    r"\S+",
    """qoder claude-code codex gemini-cli github-copilot cursor windsurf opencode amp droid augment continue
    cline kilo-code roo-code qwen-code crush goose aider amazon-q kiro antigravity junie zed trae ollama
    lm-studio openclaw tabnine codeium llm open-interpreter hermes mistral-vibe kimi-code letta-code
    command-code sourcery refact codebuff jules nanocoder gptme open-webui vllm pieces tabby warp
    cherry-studio blackbox codegpt""",
)


def test_every_file_in_the_folder_is_a_tool_of_the_catalog() -> None:
    assert {tool.file for tool in CATALOG.tools} == {path.name for path in FOLDER.glob("*.yaml")}


def test_a_tool_is_in_the_file_of_its_name() -> None:
    assert [tool.file for tool in CATALOG.tools] == [f"{tool.id}.yaml" for tool in CATALOG.tools]


def test_every_promised_tool_is_there() -> None:
    assert set(PROMISED) <= CATALOG.by_id.keys()


@pytest.mark.parametrize(
    ("word", "tool"),
    [
        ("qoder-cli", "qoder"),
        ("qodercli", "qoder"),
        ("copilot", "github-copilot"),
        ("auggie", "augment"),
        ("blackbox-ai", "blackbox"),
    ],
)
def test_people_find_a_tool_by_its_other_words(word: str, tool: str) -> None:
    assert CATALOG.known.aliases[word] == tool


@pytest.mark.parametrize(("tool", "example"), EXAMPLES)
def test_the_example_comes_out_as_it_says(tool: Tool, example: Example) -> None:
    assert answer(example, tool.id, CATALOG).is_right(example)


@EACH_TOOL
def test_deleting_any_value_would_be_noticed(tool: Tool) -> None:
    """Every alternative of every line, every version mark, same-code and the smallest size."""
    assert [fault.message for fault in unproved(tool, CATALOG)] == []


@EACH_TOOL
def test_deleting_any_value_turns_an_example_red(tool: Tool) -> None:
    """The same by brute force: without it, one of the tool's own examples does not come out as it says."""
    others = [CATALOG.by_id[code] for code in tool.same_code]
    for number, rule in enumerate(tool.evidence):
        for value in rule.values:
            left = replace(rule, values=tuple(other for other in rule.values if other != value))
            evidence = (*tool.evidence[:number], left, *tool.evidence[number + 1 :])
            catalog = catalog_of([replace(tool, evidence=evidence), *others], "")
            examples = (*tool.examples, *tool.not_)
            assert not all(answer(e, tool.id, catalog).is_right(e) for e in examples), (rule.kind, value)


@EACH_TOOL
def test_deleting_any_line_of_the_file_would_be_noticed(tool: Tool) -> None:
    """The same from the file itself: the line goes, and the file is refused or one of its examples fails."""
    text = (FOLDER / tool.file).read_text()
    lines = text.splitlines(keepends=True)
    others = {other: tools.texts()[other] for code in tool.same_code if (other := f"{code}.yaml")}
    gone = {
        number for number, line in enumerate(lines) if re.match(r"    - [^{ ]|  - \{before:|smallest:", line)
    }
    for number in gone:
        fewer = "".join(lines[:number] + lines[number + 1 :])
        try:
            catalog = catalog_from({tool.file: fewer, **others})
        except YamlErrors:
            continue
        assert list(faults(catalog.by_id[tool.id], catalog)), lines[number]


@EACH_TOOL
def test_a_tool_says_what_must_be_and_what_must_not_be_recognised(tool: Tool) -> None:
    assert tool.examples
    assert tool.not_
    assert tool.category in CATEGORIES
    sourced = [(source.kind, value) for source in tool.sources for value in source.values]
    assert len(sourced) == len(set(sourced))
    assert {(str(rule.kind), rule.value) for rule in tool.evidence} <= set(sourced)


@EACH_TOOL
def test_no_mark_is_known_to_be_in_other_programs(tool: Tool) -> None:
    assert [f.message for f in faults(tool, CATALOG, tools.shared_strings()) if f.code == "T052"] == []


@EACH_TOOL
def test_a_name_alone_is_never_more_than_possible(tool: Tool) -> None:
    for name in tool.values(Kind.EXECUTABLE):
        for kind in FileKind:
            file = plain_file(f"/home/u/bin/{name}", kind)
            seen = Executable(path=file.path, found_as=file.path, owner=Owner(uid=1, name="u"), file=file)
            assert {finding.confidence for finding in identify(seen, CATALOG)} <= {Confidence.POSSIBLE}


def test_the_version_names_the_texts() -> None:
    texts = tools.texts()
    changed = texts | {"qoder.yaml": texts["qoder.yaml"] + "\n"}
    assert re.fullmatch(r"[0-9a-f]{12}", CATALOG.version)
    assert catalog_from(texts).version == CATALOG.version
    assert catalog_from(changed).version != CATALOG.version


def test_no_fact_about_a_product_is_in_the_code() -> None:
    """Controls aside: each is about one vendor's own settings, whose domain may be an application's id."""
    code = Path(aipolicy.__file__).parent
    modules = [path for path in code.rglob("*.py") if path.parent != code / "enforce" / "controls"]
    written = {text for path in modules for text in texts_in(path)}
    facts = {
        value
        for tool in CATALOG.tools
        for kind in (Kind.CONTENT, Kind.EXTENSION, Kind.PLUGIN, Kind.PATH, Kind.BUNDLE, Kind.SIGNER)
        for value in tool.values(kind)
    }
    facts |= {name for tool in CATALOG.tools for name in tool.values(Kind.NPM) if name.startswith("@")}
    shapes = {fact: re.compile(rf"(?<![\w.@-]){re.escape(fact)}(?![\w.-])") for fact in facts}
    assert {fact for fact, shape in shapes.items() if any(map(shape.search, written))} == set()


def texts_in(path: Path) -> Iterator[str]:
    """The texts in the code of a module; docstrings may name a product as an example."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value
