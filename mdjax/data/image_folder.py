"""Folders of image files whose names without ending say what belongs together."""

from pathlib import Path

from mdjax.data.annotations import Findings
from mdjax.data.pairs import IMAGE_SUFFIXES


def list_files(folder: Path, findings: Findings, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files with one of the endings by name without ending, in order; faults go to the findings."""
    if not folder.is_dir():
        findings.problems.append(f"{folder}: folder is missing.")
        return {}
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        # Some systems leave hidden companions of each image, such as ._a.png.
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            findings.problems.append(
                f"{path}: {files[path.stem].name} has the same name; leave one of them."
            )
        files[path.stem] = path
    return files


def match_folders(
    visible_dir: Path, thermal_dir: Path, findings: Findings
) -> dict[str, tuple[Path, Path]]:
    """Visible and thermal file by name; a file without partner goes to the findings."""
    visible = list_files(visible_dir, findings, IMAGE_SUFFIXES)
    thermal = list_files(thermal_dir, findings, IMAGE_SUFFIXES)
    for files, partners, partner_dir in (
        (visible, thermal, thermal_dir),
        (thermal, visible, visible_dir),
    ):
        findings.problems += [
            f"{path}: has no partner {name}.* in {partner_dir}."
            for name, path in files.items()
            if name not in partners and partner_dir.is_dir()
        ]
    return {name: (path, thermal[name]) for name, path in visible.items() if name in thermal}
