"""Several distillation methods at once, each with a weight of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import flax.linen as nn

from mdjax.methods.activation_attention import ActivationAttention
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.methods.hint import HintDistillation
from mdjax.methods.imitation import FeatureImitation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.masked_generation import MaskedGeneration
from mdjax.methods.method import Method
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.methods.pearson import PearsonDistillation
from mdjax.train.beside import Objective, read_part
from mdjax.train.terms import Diagnostics, LossTerm, TermInputs
from mdjax.types import NetworkOutput


@dataclass(frozen=True)
class CombinedTerms:
    """All methods, none of which counts unless it is given a weight.

    Attributes:
        md: Attention and semantic transfer of modality distillation.
        cwd: Channel-wise distillation.
        logits: Logit distillation.
        hint: Hints of FitNets.
        attention: Activation-based attention transfer.
        pearson: Correlation of features.
        mgd: Masked generation of features.
        imitation: Features near objects.
    """

    md: ModalityDistillation = field(
        default_factory=partial(ModalityDistillation, attention_weight=0.0, semantic_weight=0.0)
    )
    cwd: ChannelWiseDistillation = field(
        default_factory=partial(ChannelWiseDistillation, weight=0.0)
    )
    logits: LogitDistillation = field(default_factory=partial(LogitDistillation, weight=0.0))
    hint: HintDistillation = field(default_factory=partial(HintDistillation, weight=0.0))
    attention: ActivationAttention = field(default_factory=partial(ActivationAttention, weight=0.0))
    pearson: PearsonDistillation = field(default_factory=partial(PearsonDistillation, weight=0.0))
    mgd: MaskedGeneration = field(default_factory=partial(MaskedGeneration, weight=0.0))
    imitation: FeatureImitation = field(default_factory=partial(FeatureImitation, weight=0.0))


@dataclass(frozen=True)
class CombinedDistillation(Method):
    """L = L_task + Σ_i λ_i L_i over the methods that have a weight; a `Method`.

    With all weights 0 the student learns from its task alone. A method that does not count is not
    computed, and its module is not built.

    Attributes:
        terms: The methods with their weights and options.

    Example:
        >>> from mdjax.methods.combined import CombinedDistillation, CombinedTerms
        >>> from mdjax.methods.logits import LogitDistillation
        >>> from mdjax.methods.pearson import PearsonDistillation
        >>> terms = CombinedTerms(logits=LogitDistillation(0.5), pearson=PearsonDistillation(1.0))
        >>> [(term.name, term.weight) for term in CombinedDistillation(terms).make_terms()]
        [('logits', 0.5), ('pearson', 1.0)]
    """

    terms: CombinedTerms = field(default_factory=CombinedTerms)

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the loss terms of all methods that count."""
        return tuple(term for objective in self._create().values() for term in objective.terms)

    def make_diagnostics(self) -> Diagnostics:
        """Gather what these methods watch."""
        watched: dict[str, Any] = {}
        for objective in self._create().values():
            watched |= objective.diagnostics
        return watched

    def create_module(self) -> "CombinedModule | None":
        """Build the modules of these methods side by side."""
        modules = {
            name: objective.module
            for name, objective in self._create().items()
            if objective.module is not None
        }
        return CombinedModule(modules) if modules else None

    def compute_mask(self, inputs: TermInputs) -> Any:
        """Return the mask of the first of these methods that has one."""
        masks = (method.compute_mask(inputs) for method in self._list_methods().values())
        return next((mask for mask in masks if mask is not None), None)

    def _list_methods(self) -> dict[str, Method]:
        methods = {part.name: getattr(self.terms, part.name) for part in fields(self.terms)}
        return {name: method for name, method in methods.items() if method.make_terms()}

    def _create(self) -> dict[str, Objective]:
        """Build terms, module and diagnostics of each method; each reads its own module."""
        created = {}
        for name, method in self._list_methods().items():
            alone = Objective(
                method.make_terms(), method.create_module(), method.make_diagnostics()
            )
            created[name] = alone if alone.module is None else read_part(alone, name)
        return created


class CombinedModule(nn.Module):
    """The modules of several methods, each with its own variables.

    Attributes:
        parts: By the names of `CombinedTerms`; called as (output, teacher outputs by name, batch,
            train=).
    """

    parts: Mapping[str, nn.Module]

    def __call__(
        self,
        output: NetworkOutput,
        teachers: Mapping[str, NetworkOutput],
        batch: Any,
        *,
        train: bool,
    ) -> dict[str, Any]:
        """Return what each of them returns, under its name."""
        return {
            name: part(output, teachers, batch, train=train) for name, part in self.parts.items()
        }
