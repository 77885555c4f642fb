"""The one message about a data set's faulty files, and the file that lists all of them."""

from collections.abc import Sequence
from pathlib import Path

from mdjax.io.findings import get_pair_names, group_problems
from mdjax.io.json_file import write_text
from mdjax.io.write_failure import make_folder
from mdjax.types import MdjaxError, format_count


class FaultyFilesError(MdjaxError):
    """Files of a data set are faulty; the message has one line for each kind of fault."""

    def __init__(
        self,
        folder: Path,
        title: str,
        problems: Sequence[str],
        *,
        warnings: Sequence[str] = (),
        notes: Sequence[str] = (),
        can_skip: bool = True,
    ):
        """Take all that is wrong.

        Args:
            folder: Folder of the data set.
            title: Title of the data set.
            problems: What `mdjax.io.findings.Findings` calls problems; not empty.
            warnings: What else was found; the message does not tell it.
            notes: The same of what is no mistake.
            can_skip: Whether something is left of each split without the pairs that are concerned.
        """
        self.folder = folder
        self.problems = tuple(problems)
        self.warnings, self.notes = tuple(warnings), tuple(notes)
        self._heading = (
            f"{folder}: {format_count(len(problems), 'problem')} with the {title} files, nothing "
            "was written."
        )
        grouped = group_problems(problems)
        self._is_complete = grouped.is_complete
        lines = "".join(f"\n  {line}" for line in grouped.lines)
        remedy = ""
        if can_skip and all(map(get_pair_names, problems)):
            remedy = ", or leave the faulty pairs out with --skip-faulty"
        super().__init__(f"{self._heading}{lines}\nFix what is wrong{remedy}.")

    def list_in_file(self, data_dir: Path) -> MdjaxError:
        """Write all problems to a file if the message omits some, and name the file.

        Args:
            data_dir: Folder of prepared data sets, which may not exist yet; the file goes there.

        Returns:
            The error to raise, whose last line names the file; this one if it omits nothing.
        """
        if self._is_complete:
            return self
        path = data_dir / f"{self.folder.name}_problems.txt"
        try:
            make_folder(data_dir)
            write_text(path, "\n".join([self._heading, *self.problems]) + "\n")
        except MdjaxError as error:
            # What is wrong with the data set must not be hidden by what is wrong with this folder.
            return MdjaxError(f"{self}\nThe full list could not be written ({error}).")
        return MdjaxError(f"{self}\nAll of them, one per line: {path}")
