"""The documents become pages of a site that fetches nothing; `make docs` builds it, and no warning passes."""

import doctest
import re
import runpy
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

import latentscape


@pytest.fixture(scope="module")
def hooks(root):
    return SimpleNamespace(**runpy.run_path(str(root / "docs" / "site_pages.py")))


def test_the_examples_of_the_hooks_hold(hooks):
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for function in (hooks.space_blocks, hooks.turn_links):
        for example in finder.find(function, function.__name__, globs=vars(hooks)):
            runner.run(example)
    assert runner.summarize(verbose=False).attempted >= 3
    assert not runner.failures


def test_code_is_left_as_it_is(hooks):
    text = "Before:\n```yaml\nattributes:\n- one\n| two\n```\n"
    assert hooks.space_blocks(text) == text


def test_a_link_out_of_a_subfolder_finds_its_page(hooks):
    turned = hooks.turn_links("[a](../docs/guide.md#x) [b](RESULTS.md)", "benchmarks/README.md", inside=False)
    assert turned == "[a](../guide.md#x) [b](RESULTS.md)"


def test_the_api_has_every_public_name(hooks):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="api.md"))
    written = hooks.on_page_markdown(hooks.PUBLIC, page=page)
    assert sorted(re.findall(r"^::: latentscape\.(\w+)$", written, flags=re.MULTILINE)) == dir(latentscape)


def test_every_document_is_in_the_table_of_contents(root):
    text = (root / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": ([\w/-]+\.md)$", text, flags=re.MULTILINE))
    assert {path.name for path in (root / "docs").glob("*.md")} <= listed
    assert all((root / "docs" / name).exists() or (root / name).exists() for name in listed)


def test_nothing_is_fetched(root):
    text = (root / "mkdocs.yml").read_text(encoding="utf-8")
    chosen = YAML(typ="safe").load(re.sub(r"!!python\S+ \{.*\}", "null", text))
    assert chosen["theme"]["font"] is False
    assert chosen["strict"] is True
    assert "://" not in text
