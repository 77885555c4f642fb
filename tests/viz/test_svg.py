"""Figures for pages: unique ids, texts as texts, and the colours of the page."""

import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

from mdjax.viz.curves import draw_training_curves
from mdjax.viz.svg import format_svg

SVG = "{http://www.w3.org/2000/svg}"


def draw(name: str, prefix: str = "a") -> str:
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.subplots()
    draw_training_curves(axes, {name: [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1}]}, "loss")
    axes.legend()
    return format_svg(figure, prefix=prefix, title="loss", description='from "2" to <1>')


def test_svg_says_what_it_shows_and_keeps_texts() -> None:
    root = ElementTree.fromstring(draw("$a_$ <script>"))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'loss. from "2" to <1>'
    assert [x.text for x in root.findall(f"{SVG}title")] == ["loss"]
    assert "$a_$ <script>" in [x.text for x in root.iter(f"{SVG}text")]


def test_svg_is_the_same_each_time_and_names_no_date_library_or_font() -> None:
    text = draw("a")
    assert text == draw("a")
    assert re.findall(r"atplotlib|font-family|<metadata|<style|#000000", text) == []
    assert set(re.findall(r'http[^"]*', text)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_every_reference_leads_to_an_id_of_the_same_figure() -> None:
    text = draw("a", prefix="curve-1")
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'(?:url\(|href=")#([^)"]*)', text)) == set(ids)
    assert all(name.startswith("curve-1-") for name in ids)
    assert "<clipPath" in text
