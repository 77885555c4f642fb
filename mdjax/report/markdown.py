"""Markdown files as parts of a page: accessible tables, and nothing to load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from mdjax.io.read_file import read_text

# Levels of headings: the page, its parts, the name of the file; then those of the file.
_LEVEL_OF_FILE = 3
_LAST_LEVEL = 6


@dataclass(frozen=True)
class Document:
    """A Markdown file.

    Attributes:
        name: Of the file.
        html: What it says.
    """

    name: str
    html: Markup


def read_markdown(path: Path) -> Document:
    """Convert a Markdown file; HTML in it is shown as text, and of links and images the text stays.

    Raises:
        MdjaxError: The file is missing, or no UTF-8 text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(read_text(path, str(path)))
    tokens = list(_add_captions(_mark_headings(tokens), path.name))
    _order_headings(tokens)
    for token in tokens:
        token.children = None if token.children is None else list(_drop_links(token.children))
    # All text in it is escaped by the renderer.
    return Document(path.name, Markup(parser.renderer.render(tokens, parser.options, {})))


def _mark_headings(tokens: Sequence[Token]) -> Iterator[Token]:
    """Make the first cell of each row its heading; a blank cell is the heading of nothing."""
    is_first, tag = False, ""
    for token, content in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "tr_open":
            is_first = True
        elif token.type in ("th_open", "td_open"):
            assert content is not None  # A cell is closed.
            scope = "col" if token.type == "th_open" else "row" if is_first else ""
            tag, is_first = "th" if scope and content.content.strip() else "td", False
            token.tag = tag
            if tag == "th":
                token.attrSet("scope", scope)
        elif token.type in ("th_close", "td_close"):
            token.tag = tag
        yield token


def _add_captions(tokens: Iterator[Token], name: str) -> Iterator[Token]:
    """Give each table a caption, and a frame of its own to scroll in."""
    number = 0
    for token in tokens:
        if token.type == "table_open":
            number += 1
            caption = f"{name}, table {number}"
            frame = {"class": "scroll", "role": "region", "tabindex": "0", "aria-label": caption}
            yield Token("frame_open", "div", 1, attrs=dict(frame), block=True)
            yield token
            yield Token("caption_open", "caption", 1)
            yield Token("text", "", 0, content=caption)
            yield Token("caption_close", "caption", -1, block=True)
        elif token.type == "table_close":
            yield token
            yield Token("frame_close", "div", -1, block=True)
        else:
            yield token


def _order_headings(tokens: Sequence[Token]) -> None:
    """Move headings below that of the file, without leaving out a level."""
    level = _LEVEL_OF_FILE
    for token in tokens:
        if token.type == "heading_open":
            level = min(_LEVEL_OF_FILE + int(token.tag[1:]), level + 1, _LAST_LEVEL)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _drop_links(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "image":
            yield Token("text", "", 0, content=token.content)
        elif token.type not in ("link_open", "link_close"):
            yield token
