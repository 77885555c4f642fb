"""All that a check found, as a JSON file for other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdjax.io.findings import Findings, get_pair_names
from mdjax.io.json_file import write_json


def write_report(
    path: Path, findings: Findings, *, dataset: str | None, left_out: Sequence[str] = ()
) -> None:
    """Write every fault, warning and note, each with where it is and what to do where known.

    Args:
        path: JSON file to write.
        findings: Faults, warnings and notes.
        dataset: Name/config of the data set; None where it was not prepared.
        left_out: Names of the pairs that were left out.

    Raises:
        MdjaxError: The file cannot be written.
    """
    entries = [_describe_fault(problem) for problem in findings.problems]
    entries += [_describe_other("warning", text) for text in findings.warnings]
    entries += [_describe_other("note", text) for text in findings.notes]
    report = {
        "is_prepared": dataset is not None,
        "dataset": dataset,
        "num_faults": len(findings.problems),
        "left_out": list(left_out),
        "findings": entries,
    }
    write_json(path, report)


def _describe_fault(problem: str) -> dict[str, Any]:
    """The parts of `PLACE: WHAT IS WRONG; WHAT TO DO.`, see `Findings`."""
    place, separator, text = problem.partition(": ")
    if not separator:
        place, text = "", problem
    what, _, remedy = text.partition("; ")
    return {
        "severity": "fault",
        "place": place or None,
        "what": what.removesuffix("."),
        "remedy": remedy.removesuffix(".") or None,
        "pairs": get_pair_names(problem),
        "text": str(problem),
    }


def _describe_other(severity: str, text: str) -> dict[str, Any]:
    return {
        "severity": severity,
        "place": None,
        "what": text.removesuffix("."),
        "remedy": None,
        "pairs": (),
        "text": text,
    }
