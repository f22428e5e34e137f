"""Modules joined into one script mean what they meant apart, or are refused."""

import re

import pytest

from latentscape.pages.explorer_assets import MAIN, explorer_script, explorer_style, join_modules, read_modules

GOOD = {
    "main.js": 'import { one, Two } from "./b.js";\nimport { low } from "./a.js";\none(low);\n',
    "b.js": 'import { low } from "./a.js";\nexport const one = (x) => x + low;\nexport class Two {}\n',
    "a.js": "export const low = 1;\nlet inner = 2;\n",
    "unused.js": "export const low = 3;\n",
}


def test_who_is_imported_comes_first_and_each_once():
    joined = join_modules(GOOD)
    assert re.findall(r"/\* ---- (\w+\.js) ---- \*/", joined) == ["a.js", "b.js", "main.js"]
    assert "import" not in joined
    assert "export" not in joined
    assert "const one = (x) => x + low;" in joined


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"a.js": "const low = 1;"}, "does not export low"),
        ({"main.js": 'import { x } from "./none.js";'}, "no such module"),
        ({"a.js": 'import { one } from "./b.js";\nexport const low = 1;'}, "circle"),
        ({"a.js": "export const low = 1;\nexport default low;"}, "can't be joined"),
        ({"a.js": "export const low = 1;\nfunction one() {}"}, "one at their top"),
        ({"a.js": "export const low = 1;\nconst { one, other } = {};"}, "one at their top"),
        ({"a.js": "export const low = 1;\nconst [other, Two] = [];"}, "Two at their top"),
        ({"main.js": 'import * as b from "./b.js";'}, "can't be joined"),
        ({"a.js": 'export const low = "</script>";'}, "may hold neither"),
    ],
)
def test_what_would_mean_something_else_is_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        join_modules({**GOOD, **changes})


def test_the_page_has_all_its_modules():
    modules, joined = read_modules(), explorer_script()
    assert {name for name in modules if f"/* ---- {name} ---- */" not in joined} == set()
    assert joined.rindex("/* ----") == joined.index(f"/* ---- {MAIN} ---- */")


def test_modules_keep_to_what_the_policy_allows():
    for name, text in read_modules().items():
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "import(",
        ):
            assert word not in text, f"{word} in {name}"
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), name
        assert text.count("\n") <= 300, name
    assert "@import" not in explorer_style()
    assert "url(" not in explorer_style()
