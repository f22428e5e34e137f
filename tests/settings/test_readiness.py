import pytest

from latentscape.errors import UsageError
from latentscape.measures.scales import READINESS
from latentscape.settings import ReadinessConfig, load_config


def read(tmp_path, text):
    (tmp_path / "policy.yml").write_text(text, encoding="utf-8")
    return load_config(tmp_path / "policy.yml", ReadinessConfig).thresholds()


def test_the_file_that_ships_is_the_published_checklist(root):
    assert load_config(root / "configs" / "readiness.yml", ReadinessConfig).thresholds() == dict(READINESS)


def test_numbers_texts_and_other_scores(tmp_path):
    found = read(tmp_path, 'margin: 0.3\nnegative_mean: "<= 0.4"\nauc_hard: "> 0.9"\nfigures: 3\n')
    assert found == {"margin": 0.3, "negative_mean": "<= 0.4", "auc_hard": "> 0.9", "figures": 3}


@pytest.mark.parametrize("value", ["true", "[1]", "high", '"0.3"', '"> x"', "{a: 1}", '"> 1 > 2"'])
@pytest.mark.parametrize("name", ["margin", "auc_hard"])
def test_what_is_no_line_is_told_with_its_place(tmp_path, name, value):
    with pytest.raises(UsageError, match=rf"policy.yml:1: `{name}`: expected a number or a text such as"):
        read(tmp_path, f"{name}: {value}\n")


def test_a_number_for_another_score_says_too_little(tmp_path):
    with pytest.raises(UsageError, match=r'expected "> 0\.9" or "< 0\.9"'):
        read(tmp_path, "auc_hard: 0.9\n")


def test_an_empty_line_is_not_checked(tmp_path):
    assert read(tmp_path, "margin:\nhit_at_1: 0.5\n") == {"hit_at_1": 0.5}
