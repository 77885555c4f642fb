"""The page: everything about the runs in one HTML file that loads nothing."""

from collections.abc import Sequence
from pathlib import Path

import jinja2

from mdjax.io.json_file import write_text
from mdjax.io.write_failure import make_folder
from mdjax.report.collecting import ReportedRun, collect_runs
from mdjax.report.curves import draw_curves
from mdjax.report.markdown import read_markdown
from mdjax.report.pictures import read_pictures
from mdjax.report.scores import make_score_tables, make_summary_table
from mdjax.report.settings import make_settings_table
from mdjax.types import MdjaxError, format_count

GENERATOR = "mdjax report"
"""Who wrote a page; only pages with this name in their head are replaced."""

_HEAD_BYTES = 2000


def write_report(
    places: Sequence[Path], out: Path, *, tables: Sequence[Path] = ()
) -> list[ReportedRun]:
    """Write one page about runs; an earlier report is replaced, any other file is not.

    The same runs give the same page.

    Args:
        places: Run directories, or folders that contain some.
        out: HTML file to write.
        tables: Markdown files to embed.

    Returns:
        The runs of the page, damaged ones included.

    Raises:
        MdjaxError: There are no runs, a Markdown file cannot be read, or the page not written.
    """
    _require_replaceable(out)
    documents = [read_markdown(path) for path in tables]
    runs = collect_runs(places)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mdjax.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(
        generator=GENERATOR,
        title=f"Report on {format_count(len(runs), 'run')}",
        runs=runs,
        summary=make_summary_table(runs),
        scores=make_score_tables(runs),
        curves=draw_curves(runs),
        settings=make_settings_table(runs),
        pictures=read_pictures(runs),
        documents=documents,
    )
    make_folder(out.parent)
    # Names of files may hold bytes that are no letters.
    write_text(out, page.encode("utf-8", "replace").decode())
    return runs


def _require_replaceable(out: Path) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if out.is_file():
        try:
            with out.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError as error:
            raise MdjaxError(f"{out}: cannot be read: {error.strerror}.") from error
        if f'name="generator" content="{GENERATOR}"'.encode() in head:
            return
    raise MdjaxError(
        f"{out}: already exists and is no page of mdjax report; give another file with --out."
    )
