"""Pascal VOC's XML files of boxes, one for each image.

    <annotation>
      <size><width>640</width><height>512</height></size>
      <object>
        <name>person</name>
        <difficult>0</difficult>
        <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>64</xmax><ymax>128</ymax></bndbox>
      </object>
    </annotation>

VOC itself counts pixels from 1, and the last one belongs to the box: this one is 64 pixels wide,
from (0, 0) to (64, 128) as edges that count from 0. Some tools, such as CVAT, write such edges
instead. They are recognised for a whole data set: where any left or upper number is below 1, or any
number is not whole. Objects marked difficult are ignored.

Document types and entities are refused before they are read: no annotation needs them, and they
can blow up a small file.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, Role
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError

_ROOT = "annotation"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocObject(NamedTuple):
    """One annotated object, as the file has it."""

    corners: BoxXyxy
    """`xmin`, `ymin`, `xmax`, `ymax`."""
    label: str
    is_difficult: bool
    where: str
    """File and number, for messages."""


class VocFile(NamedTuple):
    """The annotations of one image."""

    stated_hw: tuple[int, int] | None
    """None where the file does not state it."""
    objects: tuple[VocObject, ...]


def read_voc_xml(data: bytes, name: str, findings: Findings) -> VocFile:
    """Read one file; objects without name, or without a box of four numbers, go to the findings.

    Args:
        data: Content of the file.
        name: Name of the file, for messages.
        findings: Takes what is wrong.

    Raises:
        MdjaxError: It is no XML, holds a document type, or is no annotation of VOC.
    """
    root = _parse(data, name)
    if root.tag != _ROOT:
        raise MdjaxError(
            f"{name}: is no Pascal VOC file, which begins with <{_ROOT}>, but begins with "
            f"<{root.tag}>; export the annotations as Pascal VOC, COCO or YOLO."
        )
    objects: list[VocObject] = []
    for number, element in enumerate(root.findall("object"), start=1):
        try:
            objects.append(_read_object(element, f"{name}, object {number}"))
        except MdjaxError as error:
            findings.problems.append(str(error))
    return VocFile(_read_size(root), tuple(objects))


def list_voc_labels(files: Iterable[VocFile]) -> tuple[str, ...]:
    """All names of objects, in alphabetical order."""
    return tuple(sorted({item.label for file in files for item in file.objects}))


def find_edges_from_0(files: Iterable[VocFile]) -> VocObject | None:
    """Find an object whose numbers cannot count pixels from 1; all files then count from 0."""
    for file in files:
        for item in file.objects:
            is_whole = all(value.is_integer() for value in item.corners)
            if min(item.corners[:2]) < 1 or not is_whole:
                return item
    return None


def convert_voc_objects(
    file: VocFile,
    class_ids: Mapping[str, int],
    findings: Findings,
    *,
    counts_from_1: bool,
    source: str,
) -> tuple[AnnotatedObject, ...]:
    """Bring a file's boxes to edges that count from 0; unknown classes go to the findings.

    Args:
        file: What the file holds.
        class_ids: Class ids by name.
        findings: Takes what is wrong.
        counts_from_1: Pixels are counted from 1, and the last one belongs to the box.
        source: The file that states the class names, for messages.
    """
    first = 1.0 if counts_from_1 else 0.0
    objects: list[AnnotatedObject] = []
    for item in file.objects:
        left, top, right, bottom = item.corners
        if item.label not in class_ids:
            findings.problems.append(
                f"{item.where}: class {item.label!r} is unknown; add it to {source}, which has "
                f"{', '.join(class_ids)}."
            )
            continue
        objects.append(
            AnnotatedObject(
                box_xyxy=(left - first, top - first, right, bottom),
                label=item.label,
                class_id=class_ids[item.label],
                role=Role.IGNORED if item.is_difficult else Role.POSITIVE,
                where=item.where,
            )
        )
    return tuple(objects)


class _PlainTreeBuilder(ElementTree.TreeBuilder):
    """Refuses a document type where it begins, ahead of the entities that it would declare."""

    def doctype(self, *_: str | None) -> None:
        """Called at the start of a document type."""
        raise ValueError("it has a document type (<!DOCTYPE), which is refused; remove it")


def _parse(data: bytes, name: str) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_PlainTreeBuilder())
    try:
        parser.feed(data)
        return parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        # Encodings that the parser does not know are errors of the last two kinds.
        raise MdjaxError(
            f"{name}: cannot be read as XML ({error}); correct it, or save it again, as UTF-8."
        ) from error


def _read_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Rows and columns; some tools leave them out, or write 0."""
    try:
        height, width = (float(_get_text(root, f"size/{key}")) for key in ("height", "width"))
    except ValueError:
        return None
    is_size = height.is_integer() and width.is_integer() and height >= 1 and width >= 1
    return (int(height), int(width)) if is_size else None


def _read_object(element: ElementTree.Element, where: str) -> VocObject:
    label = _get_text(element, "name")
    if not label:
        raise MdjaxError(f"{where}: has no name; write its class, or remove the object.")
    try:
        left, top, right, bottom = (
            float(_get_text(element, f"bndbox/{corner}")) for corner in _CORNERS
        )
    except ValueError:
        raise MdjaxError(
            f"{where}: needs a bndbox with the numbers {', '.join(_CORNERS)}; correct it, or "
            "remove the object."
        ) from None
    difficult = _get_text(element, "difficult").lower() or "0"
    if difficult not in ("0", "1", "false", "true"):
        raise MdjaxError(f"{where}: difficult is {difficult!r}; write 0 or 1.")
    return VocObject((left, top, right, bottom), label, difficult in ("1", "true"), where)


def _get_text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
