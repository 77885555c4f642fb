"""What reading a person's files found besides their content."""

import dataclasses


@dataclasses.dataclass
class Findings:
    """What reading a layout found besides pairs; readers add to it."""

    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
