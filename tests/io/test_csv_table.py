"""CSV files as people and spreadsheets write them."""

from pathlib import Path

import pytest

from mdjax.io.csv_table import CsvRow, read_csv_table
from mdjax.types import MdjaxError


@pytest.mark.parametrize(
    "text",
    [
        "name,size\na,1.5\n",
        "size,name\n1.5,a\n",
        "\ufeffName , SIZE\r\n\r\na, 1.5\r\n",
        'place,size,name\n"there, far away",1.5,a\n',
        "name;size\na;1,5\n",
        "name;size;more\na;1.5;x\n",
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    (row,) = read_csv_table(path, ("name", "size"), numbers=["size"], remedy="Correct it.")
    assert (row.cells, row.problem) == (("a", "1.5"), "")


def test_commas_in_names_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name;size\na,b;1,5\n")
    (row,) = read_csv_table(path, ("name", "size"), numbers=["size"], remedy="Correct it.")
    assert row.cells == ("a,b", "1.5")


def test_lines_of_other_lengths_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,size\n\na,1\nb,2,3\n")
    rows = read_csv_table(path, ("size",), numbers=["size"], remedy="Correct it.")
    assert rows == [CsvRow(3, ("1",), ""), CsvRow(4, (), "has 3 columns, the header 2")]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(MdjaxError, match=r"line 1: the header 'a,b' has no c, d\. Correct it\."):
        read_csv_table(path, ("c", "b", "d"), numbers=[], remedy="Correct it.")
