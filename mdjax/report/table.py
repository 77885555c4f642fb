"""Tables as a page shows them: every one has a caption, and headings for its rows and columns."""

from collections.abc import Sequence
from dataclasses import dataclass

NO_VALUE = "-"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: For people.
        value: The exact number behind it, for programs; None for texts.
    """

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Row:
    """A row with a cell for each column."""

    heading: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        caption: What it shows.
        corner: Heading of the column of headings.
        columns: Headings of the other columns.
        rows: In their order.
        note: What a reader has to know besides.
        is_main: False for a table that is shown when a reader asks for more.
    """

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    is_main: bool = True

    def has_numbers(self, column: int) -> bool:
        """Return whether a column is one of numbers, which are aligned by their last digit."""
        return any(row.cells[column].value is not None for row in self.rows)
