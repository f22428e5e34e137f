"""The explorer's shell and its linked views, driven in a headless Chromium on made-up data."""

import re

import pytest

from latentscape.pages.templates import read_asset

from .explorer_panels import build_shell, open_panels

N = 264
STATE = "latentscape.state"
SCROLLS = "[document.documentElement.scrollHeight, document.documentElement.scrollWidth]"


def read_colors(css: str, opening: str) -> dict[str, str]:
    """The `--name: value` lines of the first block that begins so."""
    block = css.partition(opening)[2].partition("}")[0]
    return dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6})", block))


def test_chosen_grounds_have_the_colors_of_the_theme():
    theme, own = read_asset("theme.css"), read_asset("explorer.css")
    light, dark = read_colors(theme, ":root {"), read_colors(theme.partition("@media")[2], ":root {")
    assert read_colors(own, ':root[data-theme="light"] {') == {name: light[name] for name in dark}
    assert read_colors(own, ':root[data-theme="dark"] {') == dark
    assert len(dark) == 8


def test_texts_of_the_shell_are_escaped():
    html = build_shell(headline="<b>x</b>", facts={"<i>": "<u>"}, stamps=["<s>"], captions=["<q>"], foot=["<em>"])
    assert all(f"<{tag}>" not in html for tag in ("b", "i", "u", "s", "q", "em"))
    assert "Warning: &lt;s&gt;" in html
    assert 'id="payload"' not in html


@pytest.fixture(scope="module")
def latents(browser):
    """One page for many tests; each begins with nothing chosen."""
    with open_panels(browser) as opened:
        yield opened


@pytest.fixture
def page(latents):
    latents.page.evaluate(
        f"{STATE}.set({{frame: 0, color: 'label', shape: 'dataset', filters: new Map(), query: '', found: null,"
        " selection: null, focus: -1, distribution: 'true_probability', showTrust: true})"
    )
    yield latents.page
    assert latents.problems == []


def counts(page, section="legend-color"):
    return [int(text.replace(",", "")) for text in page.locator(f"#{section} .values .count").all_text_contents()]


def shown(page):
    return page.evaluate(f"{STATE}.nShown")


def matrix(page):
    texts = page.locator("#confusion td button").all_text_contents()
    return [int(text or 0) for text in texts]


def selected(page):
    return page.evaluate(f"{STATE}.selected?.reduce((sum, one) => sum + one, 0) ?? -1")


@pytest.mark.slow
def test_everything_is_there_without_scrolling(page):
    assert page.evaluate(SCROLLS) == [720, 1280]
    assert page.locator("h1").text_content().startswith("72% of 264")
    assert page.locator("#panels > section:visible h2").all_text_contents()[1].startswith("Distribution")
    assert page.locator("#map").bounding_box()["height"] > 350


@pytest.mark.slow
def test_click_on_a_value_hides_it_and_double_click_shows_it_alone(page):
    assert counts(page) == [44] * 6
    value = page.locator("#legend-color button[data-code='2']")
    value.click()
    assert (shown(page), value.get_attribute("aria-pressed")) == (220, "false")
    assert sum(counts(page, "legend-shape")) == 220
    assert counts(page) == [44] * 6  # its own filter does not change its counts
    value.click(delay=400)
    page.wait_for_timeout(600)
    assert shown(page) == N
    value.dblclick()
    assert shown(page) == 44
    assert page.evaluate(f"[...{STATE}.choice.filters.get('label')]") == [2]
    page.wait_for_timeout(600)
    value.dblclick()
    assert shown(page) == N
    value.press("Shift+Enter")
    assert shown(page) == 44
    assert page.locator("#filters .chip").inner_text().startswith("Label: Calm")
    page.locator("#filters .chip").click()
    assert shown(page) == N


@pytest.mark.slow
def test_filters_of_other_columns_unfold(page):
    fold = page.locator("details[data-key='speaker']")
    fold.locator("summary").click()
    box = fold.locator("input")
    box.fill("speaker 48")
    assert fold.locator("li:visible").count() == 1
    fold.locator("button:visible").click()
    assert shown(page) == N - 5
    assert "47 of 48" in fold.locator("summary").inner_text()
    page.locator("#show-all").click()
    assert shown(page) == N


@pytest.mark.slow
def test_cell_selects_its_samples_and_counts_follow_filters(page):
    want = page.evaluate(
        f"(() => {{ const [t, s] = ['label', 'prediction'].map((key) => {STATE}.data.column(key).codes);"
        " const counts = Array(36).fill(0); t.forEach((code, i) => counts[6 * (code - 1) + s[i] - 1]++);"
        " return counts; })()"
    )
    assert matrix(page) == want
    page.locator("#confusion button[data-at='5 0']").click()
    assert page.evaluate(f"{STATE}.choice.selection") == {"kind": "cell", "truth": 6, "said": 1}
    assert selected(page) == want[30] > 0
    assert page.locator("#confusion .says").inner_text().startswith(f"Sad taken for Angry: {want[30]} of 44")
    page.evaluate(f"{STATE}.setFilter('dataset', new Set([1]))")
    assert sum(matrix(page)) == shown(page) == 120
    assert selected(page) < want[30]
    page.locator("#confusion button[data-at='5 0']").click()
    assert selected(page) == -1


@pytest.mark.slow
def test_matrix_is_walked_with_arrows(page):
    page.locator("#confusion button[data-at='0 0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.at") == "1 1"
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Calm said to be Calm: ")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{STATE}.choice.selection.truth") == 2
    assert page.evaluate("document.querySelectorAll('#confusion td button[tabindex=\"0\"]').length") == 1
    assert page.evaluate(f"{STATE}.choice.frame") == 0  # the arrows were the matrix's
    page.keyboard.press("Escape")
    assert selected(page) == -1


@pytest.mark.slow
def test_brush_keeps_a_range_and_a_click_takes_it_back(page):
    box = page.locator(".histogram").bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 50, steps=4)
    page.mouse.up()
    low, high = page.evaluate(f"{STATE}.choice.filters.get('true_probability')")
    assert 0.2 < low < 0.4 < 0.7 < high < 0.85
    inside = page.evaluate(
        f"{STATE}.data.column('true_probability').numbers.filter((value) => value >= {low} && value <= {high}).length"
    )
    assert shown(page) == inside < N
    assert sum(counts(page)) == inside
    page.mouse.click(box["x"] + 20, box["y"] + 40)
    assert shown(page) == N


@pytest.mark.slow
def test_range_is_typed(page):
    page.get_by_label("At least").fill("0.5")
    page.get_by_label("At least").press("Enter")
    low, high = page.evaluate(f"{STATE}.choice.filters.get('true_probability')")
    assert low == 0.5
    assert high == pytest.approx(
        page.evaluate(f"Math.max(...{STATE}.data.column('true_probability').numbers.filter(Number.isFinite))")
    )
    page.locator("#distribution .ends .quiet").click()
    assert shown(page) == N


@pytest.mark.slow
def test_bars_count_every_known_sample(page):
    heights = "[...document.querySelectorAll('.histogram g:first-child rect')]"
    assert page.locator("#distribution .about").inner_text().startswith("259 samples by label")
    page.select_option("#distribution-of", "rank")
    assert page.evaluate(f"new Set({heights}.map((bar) => bar.getAttribute('x'))).size") == 10  # ranks 2 to 11
    page.evaluate(f"{STATE}.set({{color: 'speaker'}})")
    assert page.evaluate(f"new Set({heights}.map((bar) => bar.getAttribute('fill'))).size") == 1
    page.select_option("#distribution-of", "@trust")
    assert page.locator("#distribution .about").inner_text().startswith("26")


@pytest.mark.slow
def test_colors_by_numbers_have_a_ramp_with_its_range(page):
    page.locator("#color-by").focus()
    page.select_option("#color-by", "probability")
    assert page.locator("#legend-color .ramp rect").count() == 32
    ends = page.locator("#legend-color .ends span").all_text_contents()
    assert 0.19 < float(ends[0]) < float(ends[1]) < float(ends[2]) <= 1
    assert page.evaluate("document.activeElement.id") == "color-by"
    assert page.locator("details[data-key='label']").count() == 1
    page.select_option("#shape-by", "correct")
    assert page.locator("#legend-outcome").is_hidden()


@pytest.mark.slow
def test_switches_and_arrows_change_the_frame(page):
    page.get_by_text("encoder", exact=True).first.click()
    assert page.evaluate("document.body.dataset.frame") == "tsne_encoder"
    page.get_by_text("UMAP", exact=True).click()
    assert page.evaluate("document.body.dataset.frame") == "umap_encoder"
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.body.dataset.frame") == "umap_mlp"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.body.dataset.frame") == "umap_mlp"
    assert page.locator("#profile tr.current th").inner_text() == "mlp"
    page.locator("#profile tbody button").first.click()
    assert page.evaluate("document.body.dataset.frame") == "umap_cnn"


@pytest.mark.slow
def test_ground_is_chosen_and_told(page):
    page.evaluate(f"window.told = []; {STATE}.listen((keys) => told.push(...keys))")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(20, 22, 26)"
    assert page.evaluate("told") == ["theme"]
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


@pytest.mark.slow
def test_text_is_read_on_its_ground(latents, page):
    """WCAG AA of all text in the panels, light and dark: 4.5 to 1."""
    poor = """() => {
      const light = (c) => { const v = c / 255; return v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
      const parse = (text) => text.match(/[0-9.]+/g).map(Number);
      const sun = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
      const groundOf = (e) => {
        for (; e; e = e.parentElement) {
          const ground = parse(getComputedStyle(e).backgroundColor);
          if (ground.length < 4 || ground[3] > 0) return ground;
        }
        return [255, 255, 255];
      };
      const bad = [];
      for (const e of document.querySelectorAll('#bar *, #legend *, #panels *, header *')) {
        const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !e.checkVisibility() || e.closest('svg')) continue;
        const [a, b] = [sun(parse(getComputedStyle(e).color)), sun(groundOf(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push([e.textContent, ratio]);
      }
      return bad;
    }"""
    for _ in range(2):
        assert page.evaluate(poor) == []
        page.click("#theme")


@pytest.mark.slow
def test_about_is_a_dialog_and_printed_at_the_end(page):
    page.click("#about-open")
    assert page.locator("#about").is_visible()
    assert "alike to the layer" in page.locator("#about").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#about").is_hidden()
    page.emulate_media(media="print")
    assert page.locator("#about").is_visible()
    assert page.locator("#bar").is_hidden()
    page.emulate_media(media="screen")


@pytest.mark.slow
def test_table_grows_with_the_arrow_keys(page):
    height = "document.getElementById('table').clientHeight"
    before = page.evaluate(height)
    page.locator("#divider").focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate(height) == before + 40
    assert page.locator("#divider").get_attribute("aria-valuenow") == str(before + 40)
    page.keyboard.press("ArrowDown")
    assert page.evaluate(height) == before


@pytest.mark.slow
def test_many_classes_are_told_apart_when_enlarged(browser):
    with open_panels(browser, "classes=150&n=3000") as opened:
        page = opened.page
        assert page.locator("#confusion td button").count() == 1600
        assert page.locator("#confusion .about").inner_text().startswith("The 40 classes most confused of 150.")
        page.click("#enlarge")
        assert page.locator("#confusion th[scope=row]:visible").count() == 40
        assert page.locator("#confusion").evaluate(
            "(e) => e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth"
        )
        page.keyboard.press("Escape")
        assert page.locator("#confusion th[scope=row]:visible").count() == 0
        assert page.evaluate("document.activeElement.id") == "enlarge"
        assert page.locator("#legend-color li").count() == 151 - 1
        opened.page.locator("#legend-color input").fill("onerror")
        assert page.locator("#legend-color li:visible").count() == 1


@pytest.mark.slow
def test_checkpoints_each_have_their_frame(browser):
    with open_panels(browser, "checkpoints=3&layers=5", dark=True) as opened:
        page = opened.page
        assert page.evaluate(SCROLLS) == [
            720,
            1280,
        ]
        page.select_option("#by-layer", label="mlp")
        page.get_by_text("epoch 3").click()
        assert page.evaluate("document.body.dataset.frame") == "tsne_mlp_2"
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("document.body.dataset.frame") == "tsne_mlp_1"
        assert page.locator("#distribution-of").input_value() == "rank"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"


@pytest.mark.slow
def test_plain_map_has_what_it_has(browser):
    with open_panels(browser, "plain=1&layers=1", width=420, height=800) as opened:
        page = opened.page
        assert page.locator("#panels > section:visible").count() == 1
        assert page.locator("#distribution-of").input_value() == "@trust"
        assert page.evaluate("document.documentElement.scrollWidth") == 420


@pytest.mark.slow
def test_million_samples_answer_at_once(browser):
    with open_panels(browser, "n=1000000&layers=1") as opened:
        took = opened.page.evaluate(
            f"(() => {{ const start = performance.now(); {STATE}.setFilter('dataset', new Set([1]));"
            " return performance.now() - start; })()"
        )
        assert shown(opened.page) == opened.page.evaluate(
            f"{STATE}.data.column('dataset').codes.filter((code) => code === 1).length"
        )
        assert took < 1500


@pytest.mark.slow
def test_profile_and_metrics_are_tables_of_numbers(page):
    rows = page.locator("#profile tbody tr")
    assert [row.split() for row in rows.all_inner_texts()] == [
        ["cnn", "55%", "90%"],
        ["encoder", "63%", "80%"],
        ["mlp", "71%", "70%"],
    ]
    assert rows.nth(0).locator("td").first.get_attribute("title") == "55% [50%, 61%]; chance 17%"
    told = [row.split() for row in page.locator("#metrics tr").all_inner_texts()]
    assert told == [["accuracy", "72.3%", "[67%,", "77%]"], ["calibration", "error", "0.081"]]
    assert page.locator("#metrics h2 .count").inner_text() == "n = 264 where not said"
    assert page.locator("#metrics tr").first.get_attribute("title") == "n = 264"


@pytest.mark.slow
def test_filtered_states_are_said_and_taken_back_by_key(page):
    page.evaluate(
        f"{STATE}.setFilter('label', new Set([1])); {STATE}.set({{found: new Uint8Array({N}).fill(1), query: 'x'}})"
    )
    assert page.locator("#n-shown [role=status]").inner_text() == "44 of 264 shown"
    chips = page.locator("#filters .chip")
    assert [text.split("\n")[0] for text in chips.all_inner_texts()] == ["Label: Angry", "Found: x"]
    chips.first.press("Enter")
    assert page.evaluate("document.activeElement.innerText").startswith("Found: x")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "color-by"
    assert page.locator("#show-all").is_hidden()
    page.evaluate(f"{STATE}.set({{focus: 3, selection: {{kind: 'rows', rows: [3, 4]}}}})")
    page.locator("h1").click()
    page.keyboard.press("Escape")
    assert (page.evaluate(f"{STATE}.choice.focus"), selected(page)) == (-1, 2)
    page.keyboard.press("Escape")
    assert selected(page) == -1
