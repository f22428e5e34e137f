import pytest

from latentscape.figures.legend import MAX_WIDTH, Entry, Group, measure_legend, write_legend
from latentscape.figures.style import Style, new_figure, themed


def make_groups(text, n):
    entries = [Entry(text=f"{text} {i}", color="red", edge="black") for i in range(n)]
    return [Group(heading="Class", entries=entries), Group(heading="Data", entries=entries[:2])]


@pytest.mark.parametrize("text", ["Buồn", "a name that is much too long for any legend in the world, really"])
@pytest.mark.parametrize("n", [1, 20])
def test_a_legend_is_as_large_as_it_says(text, n, find_texts):
    groups = make_groups(text, n)
    width, height = measure_legend(groups)
    assert width <= MAX_WIDTH
    with themed(Style()):
        figure = new_figure(Style(), width=6, height=8)
        write_legend(figure, groups, left=1.0, top=0.5)
    boxes = [box for _, box in find_texts(figure)]
    assert len(boxes) == 2 + n + min(n, 2)
    assert min(box.x0 for box in boxes) >= figure.dpi - 1
    assert max(box.x1 for box in boxes) <= (1 + width) * figure.dpi + 2
    assert min(box.y0 for box in boxes) >= figure.bbox.y1 - (0.5 + height) * figure.dpi
    assert len(figure.artists) == n + min(n, 2)


def test_a_count_is_never_cut(find_texts):
    entry = Entry(
        text="a name that is much too long for any legend in the world, really", count=1234, color="red", edge="k"
    )
    with themed(Style()):
        figure = new_figure(Style(), width=6, height=8)
        write_legend(figure, [Group(heading="Class", entries=[entry])], left=1.0, top=0.5)
    texts = [text.get_text() for text, _ in find_texts(figure)]
    assert any(text.endswith("… (1,234)") for text in texts)
    assert measure_legend([Group(heading="Class", entries=[entry])])[0] <= MAX_WIDTH
