"""Price lists of thermal cameras."""

import math
from collections.abc import Sequence
from pathlib import Path

from mdjax.io.csv_table import read_csv_table
from mdjax.io.text_lines import raise_problems
from mdjax.tradeoff.sensors import NO_CAMERA, Sensor, make_sensor, order_sensors

COLUMNS = ("camera", "width", "height", "price")
_REMEDY = f"Correct it; the file has the columns {','.join(COLUMNS)}, one camera a line."
_TOO_LARGE = "is larger than the images"
_LARGER_REMEDY = (
    "For larger cameras take a recipe with larger images: mfnet 640x480, kaist 640x512."
)


def read_prices(path: Path, image_size_hw: tuple[int, int]) -> tuple[Sensor, ...]:
    """Read a price list, a CSV file with the columns `camera,width,height,price`.

    Args:
        path: The file.
        image_size_hw: Rows and columns of the images that the cameras replace.

    Returns:
        Its cameras from coarse to fine, preceded by none at all, which costs nothing, and followed
        by a camera of full resolution without a price if the list has none.

    Raises:
        MdjaxError: The file cannot be read, or a line is wrong; the message names all of them.
    """
    rows = read_csv_table(path, COLUMNS, numbers=COLUMNS[1:], remedy=_REMEDY)
    problems: list[str] = [] if rows else ["no camera follows the header"]
    sensors: dict[int, Sensor] = {}
    for number, cells, problem in rows:
        found = problem or _read_line(cells, image_size_hw)
        if isinstance(found, Sensor):
            problem = _find_duplicate(found, sensors)
            sensors[number] = found
        else:
            problem = found
        if problem:
            problems.append(f"line {number}: {problem}")
    is_any_too_large = any(_TOO_LARGE in problem for problem in problems)
    raise_problems(path, problems, f"{_REMEDY} {_LARGER_REMEDY}" if is_any_too_large else _REMEDY)
    none = make_sensor(NO_CAMERA, image_size_hw, price=0.0)
    return order_sensors([none, *sensors.values()], image_size_hw)


def _read_line(cells: Sequence[str], image_size_hw: tuple[int, int]) -> Sensor | str:
    """Return a camera, or what is wrong with its line."""
    name, *sizes, price_text = cells
    if not name:
        return "the camera has no name"
    for title, text in zip(COLUMNS[1:3], sizes, strict=True):
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            return f"{title} is {text!r}, not a whole number above 0"
    try:
        price = float(price_text)
    except ValueError:
        price = math.nan
    if not 0 < price < math.inf:
        return f"price is {price_text!r}, not a number above 0"
    width, height = map(int, sizes)
    rows, columns = image_size_hw
    if width > columns or height > rows:
        return f"{name} ({width}x{height}) {_TOO_LARGE}, {columns}x{rows}"
    return make_sensor(f"{width}x{height}", image_size_hw, name=name, price=price)


def _find_duplicate(sensor: Sensor, others: dict[int, Sensor]) -> str:
    for number, other in others.items():
        if sensor.name == other.name:
            return f"{sensor.name} is in line {number} too"
        if sensor.size_hw == other.size_hw:
            return (
                f"{sensor.name} has as many pixels as {other.name} in line {number}, {sensor.size};"
                " keep the cheaper one"
            )
    return ""
