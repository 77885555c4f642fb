"""The number of pairs that a data set was published with, and what a folder has of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from mdjax.io.findings import Findings


def compare_counts(
    title: str,
    published: Mapping[str, int],
    pairs: Mapping[str, Sequence[Any]],
    findings: Findings,
) -> None:
    """Say in one line how the splits differ from the published ones; a part is no fault.

    Args:
        title: Title of the data set.
        published: Number of pairs of each split of the whole data set.
        pairs: Pairs that were found, by split.
        findings: Gets a note if some are missing, and a warning if there are more than were
            published.
    """
    found = {split: len(pairs.get(split, ())) for split in published}
    if found == dict(published):
        findings.notes.append(
            f"{title} is whole: {_join(f'{n:,} {split}' for split, n in found.items())} pairs, as "
            "published."
        )
        return
    counts = _join(f"{n:,} of {published[split]:,} {split} pairs" for split, n in found.items())
    if any(found[split] > published[split] for split in published):
        findings.warnings.append(
            f"{title} has {counts}, more than were published; remove what does not belong to it, "
            "or do not compare its scores with published ones."
        )
    else:
        findings.notes.append(
            f"{title} is a part: has {counts}; its scores are not comparable with published ones."
        )


def _join(parts: Any) -> str:
    return ", ".join(parts)
