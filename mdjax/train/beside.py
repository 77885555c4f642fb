"""Modules of the task and the method, trained along with a network and omitted from exports."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flax.linen as nn

from mdjax.train.terms import Diagnostics, LossTerm, TermInputs

_TASK, _METHOD = "task", "method"


@dataclass(frozen=True)
class Objective:
    """Loss terms, and the module whose outputs they read as `TermInputs.method`.

    Attributes:
        terms: Summands of the loss.
        module: Called as (output, teacher outputs by name, batch, train=); None: there is none.
        diagnostics: Further values to log, by name.
    """

    terms: Sequence[LossTerm]
    module: nn.Module | None = None
    diagnostics: Diagnostics = dataclasses.field(default_factory=dict)


class SideBySide(nn.Module):
    """The modules of a task and of a method, each with its own variables."""

    task: nn.Module
    method: nn.Module

    def __call__(self, output: Any, teachers: Any, batch: Any, *, train: bool) -> dict[str, Any]:
        """Return what each of them returns, under its name."""
        parts = {_TASK: self.task, _METHOD: self.method}
        return {name: part(output, teachers, batch, train=train) for name, part in parts.items()}


def add_objectives(task: Objective, method: Objective) -> Objective:
    """Train for both; where both have a module, the terms of each go on reading their own."""
    if task.module is None or method.module is None:
        module = method.module if task.module is None else task.module
        diagnostics = {**task.diagnostics, **method.diagnostics}
        return Objective((*task.terms, *method.terms), module, diagnostics)
    task, method = read_part(task, _TASK), read_part(method, _METHOD)
    assert task.module is not None
    assert method.module is not None
    return Objective(
        (*task.terms, *method.terms),
        SideBySide(task.module, method.module),
        {**task.diagnostics, **method.diagnostics},
    )


def read_part(objective: Objective, name: str) -> Objective:
    """Let terms and diagnostics read what their own module returns, one of several by name."""

    def read(compute: Callable[[TermInputs], Any]) -> Callable[[TermInputs], Any]:
        return lambda inputs: compute(dataclasses.replace(inputs, method=inputs.method[name]))

    terms = [dataclasses.replace(term, compute=read(term.compute)) for term in objective.terms]
    watched = {key: read(compute) for key, compute in objective.diagnostics.items()}
    return Objective(terms, objective.module, watched)
