"""What was written of image pairs that were predicted as they came."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.findings import name_first
from mdjax.predict.prediction import PredictionWriter
from mdjax.types import format_count


@dataclass(frozen=True)
class FollowedPairs:
    """What was written of a stream of image pairs.

    Attributes:
        writer: Where it was written, and how.
        records_path: A line for each pair.
        class_counts: By name of the class, over all pairs: pixels, or boxes that were found.
        num_predicted: Number of pairs that were predicted.
        num_skipped: Number of pairs that could not be.
        num_earlier: Number of pairs that an earlier call had predicted.
        problems: Why pairs were skipped, a line a kind.
        without_partner: Files whose partner has not come.
        left: Names of the pairs that were there at the end, and whose turn had not come.
        notes: What was done to the images.
        pairs_per_second: Measured while there were any, with reading, drawing and writing.
        milliseconds_per_image: Median time of the network alone; NaN without any pair.
    """

    writer: PredictionWriter[Any, Any]
    records_path: Path
    class_counts: dict[str, int]
    num_predicted: int
    num_skipped: int
    num_earlier: int
    problems: tuple[str, ...]
    without_partner: tuple[Path, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...]
    pairs_per_second: float
    milliseconds_per_image: float

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "out_dir": self.writer.out_dir,
            "records": self.records_path,
            "num_predicted": self.num_predicted,
            "num_skipped": self.num_skipped,
            "num_earlier": self.num_earlier,
            "pairs_per_second": self.pairs_per_second,
            "milliseconds_per_image": self.milliseconds_per_image,
            self.writer.count_name: self.class_counts,
            "notes": self.notes,
            "problems": self.problems,
            "without_partner": self.without_partner,
            "left": self.left,
            **self.writer.describe(),
        }

    def format_summary(self) -> str:
        """Return what `predict` prints."""
        lines = [*self.notes, *(f"skipped: {problem}" for problem in self.problems)]
        if self.without_partner:
            names = name_first([str(path) for path in self.without_partner])
            count = format_count(len(self.without_partner), "image")
            lines.append(f"{count} without a partner: {names}")
        if self.left:
            count = format_count(len(self.left), "pair")
            lines.append(f"{count} left for a later call: {name_first(self.left)}")
        earlier = f", {self.num_earlier} there already" if self.num_earlier else ""
        counts = f"{format_count(self.num_predicted, 'pair')} predicted, {self.num_skipped} skipped"
        if not self.num_predicted:
            return "\n".join([*lines, "", f"{counts}{earlier}."])
        return "\n".join(
            [
                *lines,
                "",
                *self.writer.format_counts(self.class_counts),
                "",
                f"{counts}{earlier}; {self.pairs_per_second:.1f} pairs per second while there were "
                f"any, of which the network takes {self.milliseconds_per_image:.1f} ms each. "
                f"Written to {self.writer.out_dir}, a line for each in {self.records_path.name}.",
            ]
        )
