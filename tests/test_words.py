"""Every sentence of the pages has its Korean, and the catalogue holds nothing else."""

import ast
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from pages.ui.words import LANGUAGES, Say
from tools import words
from tools.environment import ROOT

FOLDER = ROOT / words.LOCALE / "ko" / "LC_MESSAGES"
CODE = [path for part in ("cvcore", "pages") for path in sorted((ROOT / part).rglob("*.py"))]


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def korean() -> Catalog:
    return read(FOLDER / "messages.po")


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every sentence that the code marks for translation."""
    template = tmp_path_factory.mktemp("words") / "messages.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract"]
    command += [*words.EXTRACT, "--output-file", str(template), "cvcore", "pages"]
    subprocess.run(command, cwd=ROOT, check=True)
    return {str(message.id) for message in read(template) if message.id}


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_every_language_but_english_has_a_catalogue() -> None:
    assert set(LANGUAGES) == {"en", *words.LANGUAGES}


def test_every_sentence_has_its_korean(korean: Catalog, sentences: set[str]) -> None:
    translated = {str(message.id) for message in korean if message.id and message.string}
    assert sorted(sentences - translated) == []


def test_the_catalogue_holds_no_sentence_that_the_code_has_lost(
    korean: Catalog, sentences: set[str]
) -> None:
    held = {str(message.id) for message in korean if message.id}
    assert sorted(held - sentences) == []
    assert sorted(map(str, korean.obsolete)) == []


def test_no_korean_is_a_guess(korean: Catalog) -> None:
    # Babel copies a similar sentence's Korean to a new one and marks it fuzzy.
    assert [message.id for message in korean if message.fuzzy and message.id] == []


def test_the_korean_has_the_blanks_of_its_english(korean: Catalog) -> None:
    pairs = [(str(message.id), str(message.string)) for message in korean if message.string]
    assert [pair for pair in pairs if blanks(pair[0]) != blanks(pair[1])] == []


def test_the_compiled_catalogue_is_that_of_the_readable_one(korean: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, korean)
    assert (FOLDER / "messages.mo").read_bytes() == compiled.getvalue()


def test_a_page_speaks_korean(sentences: set[str]) -> None:
    assert "Filters" in sentences
    assert Say("ko")("Filters") == "필터"


def markings(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is called, ``say`` or ``N_``, and with which sentence."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="say" | "N_" as name), args=[sentence, *_]):
                yield name, sentence


def misses_the_catalogue(name: str, sentence: ast.expr) -> bool:
    """Return whether Babel cannot read the sentence where it is marked.

    ``say`` may also be given a sentence that a table holds, where ``N_`` marks it.
    """
    match sentence:
        case ast.Constant(value=str()):
            return False
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call(func=ast.Name()):
            return name == "N_"
    return True


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_written_out_where_they_are_marked(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = [
        f"line {sentence.lineno}: {name}({ast.unparse(sentence)})"
        for name, sentence in markings(tree)
        if misses_the_catalogue(name, sentence)
    ]
    assert hidden == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_stands_inside_an_f_string_where_babel_cannot_see_it(path: Path) -> None:
    hidden = [
        f"line {sentence.lineno}: {ast.unparse(sentence)}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for _, sentence in markings(node)
        if isinstance(sentence, ast.Constant)
    ]
    assert hidden == []


@pytest.mark.parametrize(
    ("code", "hidden"),
    [
        ('say("one" " sentence")', False),
        ('say("{count} rows", count=3)', False),
        ("say(page.title)", False),
        ("say(LABELS[name])", False),
        ('N_("one")', False),
        ('say(f"{count} rows")', True),
        ('say("{} rows".format(3))', True),
        ('say("%d rows" % 3)', True),
        ('say("row" if one else "rows")', True),
        ("N_(label)", True),
    ],
)
def test_a_sentence_that_babel_cannot_read_is_noticed(code: str, hidden: bool) -> None:
    [(name, sentence)] = markings(ast.parse(code))
    assert misses_the_catalogue(name, sentence) is hidden
