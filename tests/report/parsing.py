"""A page as a screen reader takes it: its elements, and its tables by headings."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "wbr", "hr", "link", "input"}


@dataclass
class Element:
    """An element with its attributes, all text in it, and the elements in it, at any depth."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inner: list["Element"] = field(default_factory=list)

    def find(self, *tags: str) -> list["Element"]:
        """Elements in it, in their order."""
        return [x for x in self.inner if x.tag in tags]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        for outer in self._open:
            outer.inner.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> ends <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for outer in self._open:
            outer.text += data


def parse_page(text: str) -> Element:
    """Parse a page in which every element is closed where it was opened."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert len(parser._open) == 1, "an element is not closed"
    return parser.root


def read_table(table: Element) -> dict[str, dict[str, str]]:
    """Texts by heading of the row, then of the column; exact numbers where there are some."""
    head, *rows = table.find("tr")
    columns = [cell.text for cell in head.find("th")]
    read: dict[str, dict[str, str]] = {}
    for row in rows:
        heading, *cells = row.find("th", "td")
        assert len(cells) == len(columns) - 1
        read[heading.text] = dict(zip(columns[1:], map(_read_cell, cells), strict=True))
    return read


def _read_cell(cell: Element) -> str:
    numbers = cell.find("data")
    return numbers[0].attributes["value"] if numbers else cell.text


def read_tables(page: Element) -> dict[str, dict[str, dict[str, str]]]:
    """All tables of a page, by their captions."""
    return {table.find("caption")[0].text: read_table(table) for table in page.find("table")}
