"""YAML of configs: what is read as what, one sentence with its line for each mistake, and no bombs."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs.yaml_text import Dumper, parse, scalar
from lenstream.errors import ConfigError


def values(text):
    parsed = parse(text, "a.yaml")
    assert parsed.problems == []
    return parsed.values


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e-3", 0.001),
        ("1.e5", 1e5),
        ("+5", 5),
        (".5", 0.5),
        ("-0.5", -0.5),
        ("-.5E+2", -50.0),
        ("5.", 5.0),
        ("1E3", 1000.0),
        ("0", 0),
        ("-12", -12),
        ("yes", True),
        ("Off", False),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", float("inf")),
        ("2024-13-45", "2024-13-45"),
        ("2024-12-24", "2024-12-24"),
        ("0123", "0123"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("20:00", "20:00"),
        ("007.5", "007.5"),
        ("1,5", "1,5"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("²", "²"),
        ("\u0661", "\u0661"),  # a digit elsewhere
        ("y", "y"),
        ("nan", "nan"),
    ],
)
def test_words(text, meant):
    read = scalar(text)
    assert read == meant and type(read) is type(meant)
    assert values(f"a: {text}") == {"a": meant}
    assert values(f'a: "{text}"') == {"a": text}


@given(st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False), st.text(), st.booleans(), st.none()))
def test_what_is_written_is_read_again(value):
    text = yaml.dump({"a": value}, Dumper=Dumper)
    assert values(text) == {"a": value}


def test_keys_are_words_whatever_they_look_like():
    assert values("1: a\nyes: b\nnull: c\n2024-12-24: d") == {"1": "a", "yes": "b", "null": "c", "2024-12-24": "d"}


def test_lines_of_keys_and_entries():
    parsed = parse("a:\n  b: 1\n  c:\n    - 2\n    - {d: 3}\n", "a.yaml")
    assert parsed.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }


def test_encodings():
    assert values("a: ä".encode()) == values("\ufeffa: ä".encode()) == {"a": "ä"}
    for data, said in (
        ("seed: 1\na: ä".encode("latin-1"), "a.yaml, line 2: cannot be read as YAML, as it is not UTF-8"),
        ("a: b".encode("utf-16"), "UTF-16"),
        (b"a\0\0\0:\0\0\0", "no text"),
    ):
        with pytest.raises(ConfigError, match=said):
            parse(data, "a.yaml")


def test_aliases_and_merge_keys():
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, x: 3}\nd: {<<: [{x: 4}, *a]}\ne: &s word\n*s : 5"
    read = values(text)
    assert read["b"] == {"x": 1, "y": 2} and read["b"] is not read["a"]
    assert read["c"] == {"x": 3, "y": 2} and read["d"] == {"x": 4, "y": 2}
    assert read["word"] == 5


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("a: 1\nb: 2\na: 3", ("a",), "in lines 1 and 3"),
        ("a: {b: 1,\n b: 2}", ("a", "b"), "in lines 1 and 2"),
        ("1: a\n'1': b", ("1",), "in lines 1 and 2"),
        ("a: 1\n<<: {b: 1}\na: 2", ("a",), "in lines 1 and 3"),
        ("a: [1, {b: 1, b: 2}]", ("a", 1, "b"), "there twice, in line 1"),
        ("a: !!float abc", ("a",), "'abc' is no !!float"),
        ("a: !!int 1.5", ("a",), "'1.5' is no !!int"),
        ("a: !!bool 1", ("a",), "'1' is no !!bool"),
        ("a: !!timestamp 2024-13-45", ("a",), "leave it out"),
        ("a: !!python/object/apply:os.system [x]", ("a",), "leave it out"),
        ("a: !!binary aGk=", ("a",), "leave it out"),
        ("a: !mine {b: 1}", ("a",), "leave it out"),
        ("a: " + "9" * 5000, ("a",), "a number of 5000 characters"),
        ("a: 1e999", ("a",), "1e999 is too large for a number"),
        ("a: -1e-999", ("a",), "-1e-999 is too small for a number"),
    ],
)
def test_mistakes_that_leave_the_rest_readable(text, path, said):
    parsed = parse(text + "\nz: 1", "a.yaml") if not text.startswith("{") else parse(text, "a.yaml")
    (problem,) = parsed.problems
    assert problem.path == path and said in problem.text
    assert parsed.values["z"] == 1


def test_the_first_of_two_keys_stays():
    parsed = parse("a: {b: 1}\na: {c: 2}", "a.yaml")
    assert parsed.values == {"a": {"b": 1}}
    assert ("a", "c") not in parsed.lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# only a comment", "is empty"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("a:\n\tb: 1", "line 2: .*a tab"),
        ("\ta: 1", "line 1: .*a tab"),
        ("a: [1\nb: 2", "list .* not closed"),
        ("a: {b: 1", "section .* not closed"),
        ("a: 'x", "quotation mark is not closed"),
        ("a: b: c", "line 1: .*a colon where no key can be"),
        ("a: 1\n b: 2", "line 2"),
        ("a: \x01", "control character '.x01'"),
        ("a: *x", r"\*x is named nowhere above"),
        ("a: &a [*a]", r"\*a stands within itself"),
        ("a: &a {b: {c: *a}}", r"\*a stands within itself"),
        ("? [a]\n: 1", "a key that is a list"),
        ("{{a: 1}: 2}", "a key that is a list or a section"),
        (": 3", "line 1"),
        ("a: @x", "put the text into quotes"),
        ("a: %x", "put the text into quotes"),
        ("<<: 3", "<<: expected a section"),
        ("%YAML 9.9\n---\na: 1", "line 1"),
        ("a: " + "[" * 900 + "]" * 900, "more than 40 deep"),
        ("a: " + "{b: " * 900 + "1" + "}" * 900, "more than 40 deep"),
        ("a: [" * 100_000, "deep|closed"),
        ("a: [" + "1, " * 20_001 + "1]", "more than 20,000 values"),
        ("a: " + "x" * 1_000_001, "more than any config"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        parse(text.encode(), "a.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith("a.yaml") and problem.isprintable()


@pytest.mark.parametrize("levels", [9, 30])
def test_aliases_of_aliases_end_at_once(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)]
    begun = time.thread_time()
    with pytest.raises(ConfigError, match="more than 20,000 values"):
        parse("\n".join(lines), "a.yaml")
    assert time.thread_time() - begun < 5
