"""Which classes of a published data set are kept, under which names, and which are dropped."""

import dataclasses
from collections.abc import Iterable, Mapping

from data_builders.checks.annotations import AnnotatedObject, Role
from mdjax.io.findings import Findings


@dataclasses.dataclass(frozen=True)
class PublishedClasses:
    """The classes of a data set's boxes.

    Attributes:
        names: Names of the kept classes by id, and how the annotations call them.
        dropped: Other names of the annotations, and why they are as if they were not annotated.
    """

    names: Mapping[str, str]
    dropped: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the kept classes by id."""
        return tuple(self.names)

    def describe_dropped(self) -> list[str]:
        """Say which annotations are dropped and why, in one line each."""
        return [f"boxes of {label!r} are dropped: {why}." for label, why in self.dropped.items()]

    def assign(
        self, title: str, objects: Iterable[AnnotatedObject], findings: Findings
    ) -> tuple[AnnotatedObject, ...]:
        """Give each box the name and the id of its class; unknown names go to the findings.

        Args:
            title: Title of the data set.
            objects: Boxes with the names of the annotations.
            findings: Takes what is wrong.
        """
        ids = {label: (name, class_id) for class_id, (name, label) in enumerate(self.names.items())}
        assigned: list[AnnotatedObject] = []
        for item in objects:
            if item.label in ids:
                name, class_id = ids[item.label]
                assigned.append(item._replace(label=name, class_id=class_id))
            elif item.label in self.dropped:
                assigned.append(item._replace(class_id=0, role=Role.DROPPED))
            else:
                known = ", ".join([*self.names.values(), *self.dropped])
                findings.problems.append(
                    f"{item.where}: {item.label!r} is no class of {title} ({known}); correct it, "
                    "or remove the object."
                )
        return tuple(assigned)
