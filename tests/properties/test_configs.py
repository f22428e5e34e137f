"""Any text as a config: the settings, or one error of ours that names lines of the file, and never a long wait."""

import json
import re
import time

import pytest
from hypothesis import strategies as st

from latentscape.errors import UsageError
from latentscape.settings import AttributesConfig, EmotionConfig, ReadinessConfig, RetrieverConfig, load_config

from .trials import ANY_TEXT, WILD_TEXT, few_or_many, for_all

MODELS = (EmotionConfig, RetrieverConfig, AttributesConfig, ReadinessConfig)
SLOWEST = 1.0
MARKS = (
    "data:",
    "\n  ",
    "\n",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "'",
    '"',
    "# ",
    "? ",
    "\t",
    ">-\n",
    "---\n",
    "...\n",
)
TRAPS = (
    "&a ",
    "*a",
    "<<: *a",
    "!!python/name:os.system ",
    "!x ",
    "%YAML 1.1\n",
    "\u2028",
    "\x85",
    "\r",
    "\x00",
    "\ufeff",
)
VALUES = ("~", "no", "1e-4", "010", "0x1F", ".nan", "12:30:45", "datasets", "encoder_name: hubert", "training: {lr: 0}")
PIECES = st.sampled_from((*MARKS, *TRAPS, *VALUES))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT


def key_names(model):
    """Every key of a config and of its sections."""
    found = set()
    for name, field in model.model_fields.items():
        found |= {name} | {word for word in re.findall(r"\w+", str(field.annotation)) if word.islower()}
    return sorted(found)


def values(model):
    """Nested values under keys that mean something."""
    keys = st.sampled_from(key_names(model)) | ANY_TEXT
    return st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))


@pytest.fixture
def judge(tmp_path):
    """Load the content as a config and check whatever comes of it."""
    path = tmp_path / "config.yml"

    def load(content, model, *, slowest=SLOWEST):
        path.write_bytes(content)
        n_lines = len(content.decode("utf-8", "replace").splitlines()) + 1
        began = time.process_time()
        try:
            assert isinstance(load_config(path, model), model)
        except UsageError as error:
            assert error.hint
            assert error.fault.startswith("config-")
            assert str(path) in str(error)
            lines = [int(line) for line in re.findall(re.escape(str(path)) + r":(\d+)", str(error))]
            assert all(1 <= line <= n_lines for line in lines)
        assert time.process_time() - began < slowest

    return load


@pytest.mark.parametrize("model", MODELS)
@few_or_many(60, 3000)
def test_any_text(judge, model, n):
    texts = WILD_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=80)
    for_all(n, lambda content: judge(content, model), texts)


@pytest.mark.parametrize("model", MODELS)
@few_or_many(60, 4000)
def test_any_pieces_of_yaml(judge, model, n):
    pieces = st.lists(PIECES | ANY_TEXT, max_size=20).map("".join)
    for_all(n, lambda text: judge(text.encode("utf-8", "replace"), model), pieces)


@pytest.mark.parametrize("model", MODELS)
@few_or_many(60, 4000)
def test_any_values_under_known_keys(judge, model, n):
    tops = st.dictionaries(st.sampled_from(sorted(model.model_fields)) | ANY_TEXT, values(model), max_size=5)
    for_all(n, lambda top: judge(json.dumps(top, ensure_ascii=False, indent=1).encode(), model), tops)


@few_or_many(60, 4000)
def test_any_damage_to_a_good_config(judge, root, n):
    good = [(path.read_bytes(), EmotionConfig) for path in sorted((root / "configs").glob("*.y*ml"))]
    assert good

    def check(which, at, length, inserted):
        content, model = good[which % len(good)]
        at %= len(content) + 1
        judge(content[:at] + inserted.encode("utf-8", "replace") + content[at + length :], model)

    for_all(n, check, st.integers(0, 99), st.integers(0, 2**16), st.integers(0, 30), PIECES | ANY_TEXT)


@pytest.mark.parametrize(
    "bomb",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 20)),
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 200_000,
        "a: &a\n" + "b: *a\n" * 50_000,
        "? " * 100_000,
        "a: '" + "x" * 1_000_000,
        "a: " + "9" * 1_000_000,
        "#" * 1_000_000,
        "\n" * 1_000_000,
        "a: |\n" + " x\n" * 300_000,
    ],
    ids=lambda text: text[:6],
)
def test_nothing_takes_long(judge, bomb):
    judge(bomb.encode(), EmotionConfig, slowest=3)  # a megabyte of line ends takes the parser a second
