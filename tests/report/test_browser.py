"""The page in a real browser: on a phone, in both themes, without a network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mdjax.report.page import write_report
from mdjax.viz.files import save_rgb_png
from tests.report.browser import NAMES, Page, find_browser, open_browser
from tests.report.parsing import parse_page, read_tables
from tests.report.small import make_run

PHONE, DESKTOP = (390, 844), (1280, 900)
MIN_CONTRAST = 4.5  # WCAG 2.2, criterion 1.4.3
MIN_FONT_PX = 16

# Every text that is shown: its contrast with the first background behind it (WCAG 2.2's formula).
_CONTRASTS = """
(() => {
  document.querySelectorAll("details").forEach(x => x.open = true);
  const read = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const [r, g, b] = rgb.slice(0, 3).map(x => x / 255).map(
      x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let x = element; x; x = x.parentElement) {
      const rgba = read(getComputedStyle(x).backgroundColor);
      if (rgba.length === 3 || rgba[3] > 0) return rgba;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("style, title")) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(read(colour)), light(behind(element))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), texts.currentNode.data.trim()]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything in it, of runs with long names."""
    folder = tmp_path_factory.mktemp("report")
    for name in ("teacher", "a_student_with_a_name_that_is_much_too_long_for_a_phone/seed0"):
        run_dir = make_run(folder / "runs" / name, seed=len(name))
        save_rgb_png(np.full((300, 1600, 3), 200, np.uint8), run_dir / "wide.png")
    (make_run(folder / "runs" / "damaged") / "result.json").write_text("{")
    cells = "|".join(f"column {i}" for i in range(12))
    (folder / "claims.md").write_text(f"|{cells}|\n{'|-' * 12}|\n|{cells}|\n")
    write_report([folder / "runs"], folder / "page.html", tables=[folder / "claims.md"])
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = find_browser()
    if program is None:
        pytest.skip(f"needs a browser, one of {', '.join(NAMES)}; Debian: apt-get install chromium")
    with open_browser(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


def test_browser_builds_the_tables_that_were_written(browser: Page, path: Path) -> None:
    browser.open(path, size=DESKTOP)
    shown = parse_page(browser.evaluate("document.documentElement.outerHTML"))
    written = parse_page(path.read_text(encoding="utf-8"))
    assert read_tables(shown) == read_tables(written)
    assert len(shown.find("svg")) == len(written.find("svg")) > 0
    sizes = browser.evaluate("[...document.images].map(x => x.naturalWidth)")
    assert sizes == [800, 800]


def test_page_asks_for_nothing_but_itself(browser: Page, path: Path, tmp_path: Path) -> None:
    browser.requests.clear()
    browser.open(path, size=PHONE)
    assert path.as_uri() in browser.requests
    assert [x for x in browser.requests if x != path.as_uri() and not x.startswith("data:")] == []
    other = tmp_path / "other.html"
    other.write_text("<img src='http://localhost:9/a.png'>")
    browser.open(other, size=PHONE)  # That a request would be seen.
    assert "http://localhost:9/a.png" in browser.requests


@pytest.mark.parametrize("size", [PHONE, DESKTOP, (320, 600)], ids=str)
def test_page_is_no_wider_than_its_window(browser: Page, path: Path, size: tuple[int, int]) -> None:
    browser.open(path, size=size)
    browser.evaluate("document.querySelectorAll('details').forEach(x => x.open = true)")
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scroll_width, client_width = browser.evaluate(widths)
    assert scroll_width <= client_width == size[0]
    sizes = "[...document.querySelectorAll('p, li, td, th')].map(x => getComputedStyle(x).fontSize)"
    assert min(float(x.removesuffix("px")) for x in browser.evaluate(sizes)) >= MIN_FONT_PX


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(browser: Page, path: Path, theme: str) -> None:
    browser.open(path, size=PHONE, theme=theme)
    found = browser.evaluate(_CONTRASTS)
    assert len(found) > 100
    assert [text for contrast, text in found if contrast < MIN_CONTRAST] == []
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[theme]
