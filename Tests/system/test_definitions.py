"""A definition with each kind of mistake: exit 2, the line, what was expected, the nearest name; nothing is written."""

import json

import pytest

from lakes import PEOPLE, people_csv, write
from program import ROOT, assert_nothing_published, assert_says

# Change the text `old` of the good definition into `new`; the message must hold all `words`.
MISTAKES = {
    "unknown key": ("keep: latest", "kep: latest", ["kep", "keep"]),
    "unknown top key": ("split: {", "splits: {", ["splits", "split"]),
    "unknown type": ("n: int", "n: integer", ["integer", "int"]),
    "unknown feature column": ("people: [n, x]", "people: [n, y]", ["y"]),
    "unknown feature source": ("people: [n, x]", "poeple: [n, x]", ["poeple", "people"]),
    "unknown rows source": ("{from: people}", "{from: persons}", ["persons", "people"]),
    "unknown label": ("{from: people}", "{from: people, label: m}", ["m"]),
    "missing key column": ("{id: string, ", "{", ["id"]),
    "no dataset": ("dataset: people\n", "", ["dataset"]),
    "no key": ("key: id\n", "", ["key"]),
    "no snapshot": ('snapshot: {to: "${OUT}", format: parquet}\n', "", ["snapshot"]),
    "shares that do not add up": ("eval: 0.2", "eval: 0.3", ["1.1"]),
    "bad as-of": ("2026-01-01T00:00:00Z", "2026-13-01", ["2026-13-01"]),
    "unknown format": ("{csv: {header: true}}", "xml", ["xml", "csv"]),
    "unknown option of csv": ("header: true", "headers: true", ["headers", "header"]),
    "not a truth value": ("header: true", "header: maybe", ["maybe"]),
    "unknown keep": ("keep: latest", "keep: lastest", ["lastest", "latest"]),
    "unknown snapshot format": ("format: parquet", "format: parket", ["parket", "parquet"]),
    "an aggregate of a latest source": ("[n, x]", "{total: sum(n)}", ["sum"]),
    "decimal without digits": ("x: double", 'x: "decimal(3,9)"', ["decimal(3,9)"]),
    "an unquoted decimal in braces": ("x: double", "x: decimal(10,2)", ["decimal(10,2)", "quote"]),
    "a variable that is not set": ("${IN}", "${INPUT_THAT_IS_NOT_SET}", ["INPUT_THAT_IS_NOT_SET"]),
    "a list where a mapping is meant": ("sources:\n  people:", "sources:\n  - people:", ["sources"]),
    "a tab": ("sources:\n  people:", "sources:\n\tpeople:", ["tab"]),
    "a bracket that never closes": ("[n, x]", "[n, x", []),
    "a key twice": ("key: id\n", "key: id\nkey: id\n", ["key"]),
    "two documents": ("rows: {", "---\nrows: {", []),
}


def definition(tmp_path, text):
    write(tmp_path / "in" / "a.csv", people_csv(range(10)))
    return write(tmp_path / "people.yaml", text)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(program, tmp_path, name):
    old, new, words = MISTAKES[name]
    assert PEOPLE.count(old) == 1
    path = definition(tmp_path, PEOPLE.replace(old, new))
    line = PEOPLE[: PEOPLE.index(old)].count("\n") + 1
    for command in ("validate", "batch"):
        outcome = program(command, path, check=2, IN=tmp_path / "in", OUT=tmp_path / "out")
        assert_says(outcome, "people.yaml", *words)
    assert not (tmp_path / "out").exists()
    assert_nothing_published(tmp_path)

    said = program("validate", path, "--json", check=2, IN=tmp_path / "in", OUT=tmp_path / "out").json
    assert said["problems"], said
    lines = [problem["line"] for problem in said["problems"]]
    # What is missing has no line of its own, and a document that does not parse may be noticed further down.
    if new and name not in ("missing key column", "a bracket that never closes", "two documents"):
        assert any(abs(found - line) <= 1 for found in lines), f"line {line} is not in {said}"


def test_the_good_one_is_good(program, tmp_path):
    """Else a mistake found above might be there without the change."""
    path = definition(tmp_path, PEOPLE)
    program("validate", path, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_problems_at_once(program, tmp_path):
    text = PEOPLE.replace("n: int", "n: integer").replace("eval: 0.2", "eval: 0.3").replace("[n, x]", "[n, z]")
    outcome = program("validate", definition(tmp_path, text), check=2, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert_says(outcome, "integer", "z", "1.1")
    said = program("validate", tmp_path / "people.yaml", "--json", check=2, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert len(said.json["problems"]) == 3


@pytest.mark.parametrize("content", [b"", b"\n", b"# only a comment\n", b"just text\n", b"- a\n- b\n", b"\xff\xfe\x00",
                                     b"a: &a [*a]\n", b"a: " + b"[" * 100_000, b"\x00" * 1000, b"? ? ? ?\n"])
def test_what_is_no_definition(program, tmp_path, content):
    path = write(tmp_path / "odd.yaml", content)
    assert_says(program("batch", path, check=2), "odd.yaml")


def test_an_alias_bomb(program, tmp_path):
    """Nine levels of ten aliases each are a thousand million nodes when written out."""
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    outcome = program("validate", write(tmp_path / "bomb.yaml", text), check=2, timeout=30)
    assert outcome.peak_bytes < 256 << 20


def test_a_file_that_is_not_there(program, tmp_path):
    for command in ("batch", "validate"):
        assert_says(program(command, tmp_path / "none.yaml", check=2), "none.yaml")


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for folder in ("examples", "bench")
                                        for path in (ROOT / folder).rglob("*.yaml")))
def test_definitions_of_the_repository_are_valid(program, tmp_path, path):
    program("validate", ROOT / path, DATA=tmp_path, LAKE=tmp_path, OUT=tmp_path / "out")
