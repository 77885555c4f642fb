"""Figures as SVG elements of a web page."""

import io
import re
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure

from mdjax.viz.files import draw_figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
# Written without made-up prefixes, as pages need it.
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


def format_svg(figure: Figure, *, prefix: str, title: str, description: str) -> str:
    """Draw a figure as an `<svg>` element for a page, as wide as there is room for it.

    Equal figures give equal text. Texts stay texts, in the font of the page. Black takes the colour
    of the page's text, and the background stays the page's.

    Args:
        figure: Names are drawn as by `save_figure`.
        prefix: Begins all ids within; another one for each figure of a page.
        title: Name of the figure.
        description: What it shows, for those who do not see it.

    Raises:
        MdjaxError: It cannot be drawn, as without any font.
    """
    stream = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        # Neither date nor version: they would differ from one page to the next.
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        draw_figure(figure, stream, name=title, format="svg", metadata=metadata, transparent=True)
    root = ElementTree.fromstring(stream.getvalue())
    _prefix_ids(root, prefix)
    _take_style_of_page(root)
    root.attrib |= {"role": "img", "aria-label": f"{title}. {description}"}
    heading = ElementTree.Element(f"{{{_SVG}}}title")
    heading.text = title
    root.insert(0, heading)
    return ElementTree.tostring(root, encoding="unicode")


def _prefix_ids(root: ElementTree.Element, prefix: str) -> None:
    """Make ids unique on the page; those that nothing refers to are dropped."""
    text = ElementTree.tostring(root, encoding="unicode")
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", f"{prefix}-{name}")
        for key in (f"{{{_XLINK}}}href", "clip-path"):
            if key in element.attrib:
                element.set(key, element.attrib[key].replace("#", f"#{prefix}-"))


def _take_style_of_page(root: ElementTree.Element) -> None:
    for definitions in root.findall(f"{{{_SVG}}}defs"):
        for style in definitions.findall(f"{{{_SVG}}}style"):
            definitions.remove(style)  # It would hold for the whole page.
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("fill", "currentColor")
    for element in root.iter():
        if "style" in element.attrib:
            style = re.sub(r"font-family: [^;]*(; )?", "", element.attrib["style"])
            element.set("style", style.replace("#000000", "currentColor"))
