"""CSV files that people make: columns by name, in any order, with commas or semicolons."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from mdjax.io.text_lines import raise_problems, read_numbered_lines


class CsvRow(NamedTuple):
    """A line of a table."""

    number: int
    """Of the line, from 1."""
    cells: tuple[str, ...]
    """Those of the columns that were asked for, in that order; empty where there is a problem."""
    problem: str
    """Empty where there is none."""


def read_csv_table(
    path: Path, columns: Sequence[str], *, numbers: Collection[str], remedy: str
) -> list[CsvRow]:
    """Read some columns of a CSV file, whose header names them.

    Other columns are left out. Cells are separated by commas; or by semicolons, as spreadsheets
    write them in countries where 0.5 is 0,5: then commas in numbers are read so.

    Args:
        path: The file.
        columns: Names of those that are wanted.
        numbers: Which of them hold numbers.
        remedy: What to do about problems, a sentence.

    Raises:
        MdjaxError: The file cannot be read, or its header lacks a column.
    """
    (first, header), *lines = read_numbered_lines(path) or [(1, "")]
    separator = ";" if ";" in header else ","
    names = [cell.lower() for cell in _split(header, separator)]
    lacking = [name for name in columns if name not in names]
    if lacking:
        problem = f"line {first}: the header {header!r} has no {', '.join(lacking)}"
        raise_problems(path, [problem], remedy)
    indices = [names.index(name) for name in columns]
    rows: list[CsvRow] = []
    for number, line in lines:
        cells = _split(line, separator)
        if len(cells) != len(names):
            problem = f"has {len(cells)} columns, the header {len(names)}"
            rows.append(CsvRow(number, (), problem))
            continue
        wanted = [cells[index] for index in indices]
        if separator == ";":
            wanted = [
                cell.replace(",", ".") if name in numbers else cell
                for name, cell in zip(columns, wanted, strict=True)
            ]
        rows.append(CsvRow(number, tuple(wanted), ""))
    return rows


def _split(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
