import math
import os
import time

import pytest

from latentscape.errors import UsageError
from latentscape.settings.yaml_file import read_yaml, resolve_scalar


@pytest.fixture
def read(tmp_path):
    def read_written(content):
        path = tmp_path / "c.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_yaml(path)

    return read_written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        ("0.1", 0.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.5e+2", -150.0),
        ("010", 10),
        ("0o17", 15),
        ("0xFF", 255),
        ("16_000", 16000),
        ("-7", -7),
        ("no", "no"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("1e", "1e"),
        ("_1", "_1"),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
    ],
)
def test_yaml_1_2_core_schema(text, value):
    resolved = resolve_scalar(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_numbers_too_long_are_text_and_infinity_is_found():
    assert resolve_scalar("9" * 5000) == "9" * 5000
    assert resolve_scalar("1e999") == math.inf


def test_nodes_know_their_lines(read):
    top, problems = read("# c\na: 1\n\nb:\n  - x\n  - k: [1,\n      2]\n")
    assert problems == []
    assert top.plain() == {"a": 1, "b": ["x", {"k": [1, 2]}]}
    b = top.value["b"]
    assert (top.value["a"].line, b.line, b.value[0].line, b.value[1].value["k"].line) == (2, 4, 5, 6)
    assert b.value[1].value["k"].value[1].line == 7


def test_quotes_make_text_and_keys_are_always_text(read):
    assert read('a: \'1\'\n"2": "no"\n3: x\ntrue: y\n')[0].plain() == {"a": "1", "2": "no", "3": "x", "true": "y"}


def test_anchors_json_and_a_byte_order_mark_are_fine(read):
    assert read("a: &x [1]\nb: *x\n")[0].plain() == {"a": [1], "b": [1]}
    assert read(b'\xef\xbb\xbf{"a": {"b": 1}}')[0].plain() == {"a": {"b": 1}}
    assert read("%YAML 1.1\n---\na: no\n...\n")[0].plain() == {"a": "no"}
    assert read("a: !!str 5\n")[0].plain() == {"a": "5"}


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key `a` is given twice, first on line 1"),
        ("x:\n  a: 1\n  a: 1\n", 3, "the key `a` is given twice, first on line 2"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "the tag `!!python/object/apply:os.system` is not allowed"),
        ("a: !mine {}\n", 1, "the tag `!mine` is not allowed"),
        ("a: !!binary aGk=\n", 1, "the tag `!!binary` is not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "merge keys (`<<`) are not part of YAML 1.2"),
        ("a: *gone\n", 1, "`*gone` refers to nothing above it"),
        ("a: &a [*a]\n", 1, "`*a` refers to nothing above it"),
        ("a: 1\n---\nb: 2\n", 2, "a second document starts here"),
        ("? [a, b]\n: 1\n", 1, "a key must be a plain word"),
        ('a: "\\ud800"\n', 1, "the text contains a control character or half a character"),
        ('a: "\\0"\n', 1, "the text contains a control character or half a character"),
        ("a: 1\nb: .nan\n", 2, "`.nan` is not a finite number"),
        ("a: -.inf\n", 1, "`-.inf` is not a finite number"),
        ("a: 1e999\n", 1, "`1e999` is not a finite number"),
    ],
)
def test_problems_that_leave_the_rest_readable(read, content, line, sentence):
    _, (problem,) = read(content)
    assert problem.line == line
    assert problem.sentence.startswith(sentence)


def test_all_problems_are_collected(read):
    _, problems = read("a: 1\na: 2\nb: !x 3\nc: *no\n")
    assert [problem.line for problem in problems] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("# only a remark\n", "is empty"),
        ("- a\n- b\n", "(?s):1: the file is not a mapping.*got: a list"),
        ("just words", "(?s):1: the file is not a mapping.*just words"),
        ("a:\n\tb: 1\n", r"(?s):2: broken YAML: .*hint: indent with spaces"),
        ("a: b: c\n", ":1: broken YAML: mapping values are not allowed here"),
        ("a: [1,\nb: 2\n", ":3: broken YAML"),
        ("a: @x\n", ":1: broken YAML"),
        ("a: 'open\n", "broken YAML"),
        ("a: 1\nb: \x07\n", ":2: broken YAML: a control character"),
        (b"a: 1\nb: \xff\n", ":2: not UTF-8 text"),
        ("a: 1\n".encode("utf-16"), ":1: not UTF-8 text"),
        (b"a: " + b"x" * 2**20, "larger than 1 MiB"),
        ("[" * 100, "nested more than 40 deep"),
        ("a: " + "{b: " * 100, "nested more than 40 deep"),
        ("a: &x 1\nb: [" + "*x, " * 101 + "]\n", "more than 100 aliases"),
        ("".join(f"k{n}: 1\n" for n in range(6000)), "more than 5,000 values"),
    ],
)
def test_files_nothing_can_be_read_from(read, content, message):
    with pytest.raises(UsageError, match=message) as caught:
        read(content)
    assert "c.yml" in str(caught.value)


def test_alias_bombs_are_stopped_at_once(read):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    started = time.process_time()
    with pytest.raises(UsageError, match="more than"):
        read("\n".join(levels))
    assert time.process_time() - started < 2


def test_a_megabyte_of_keys_is_refused_in_time(read):
    started = time.process_time()
    with pytest.raises(UsageError, match="more than 5,000 values"):
        read("".join(f"key_{n}: {n}\n" for n in range(50_000)))
    assert time.process_time() - started < 10


def test_paths_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("none.yml", "no such file"), ("pipe", "no regular file"), (".", "a folder")):
        with pytest.raises(UsageError, match=message):
            read_yaml(tmp_path / name)
