from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.metrics.confusion import SegmentationScores
from mdjax.tasks.segmentation import (
    SegmentationEvaluation,
    SegmentationTask,
    compute_cross_entropy,
    make_segmentation_evaluator,
)
from mdjax.train.state import select_full_thermal
from mdjax.types import IGNORED_LABEL, Batch, MdjaxError, NetworkOutput

NAMES = ("a", "b", "c")


class Oracle(nn.Module):
    """Predicts the class that the red channel names: 0, 1 or 2."""

    @nn.compact
    def __call__(self, visible: Any, thermal: Any, *, train: bool) -> NetworkOutput:
        return NetworkOutput(-jnp.abs(visible[..., :1] - jnp.arange(3.0)))


def make_batch(
    predicted: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    is_night: Sequence[bool],
    is_valid: Sequence[bool] | None = None,
) -> Batch:
    """Images of one row; each pixel's prediction and label are given."""
    classes = np.array(predicted, np.float32)[:, None, :, None]
    return Batch(
        visible=np.repeat(classes, 3, axis=-1),
        thermal_full=np.zeros_like(classes),
        thermal_camera=np.zeros_like(classes),
        truth=np.array(labels, np.uint8)[:, None, :],
        image_size_hw=np.full((len(labels), 2), (1, len(labels[0])), np.int32),
        is_night=np.array(is_night),
        is_valid=np.array(is_valid or [True] * len(labels)),
    )


def evaluate(*batches: Batch) -> SegmentationEvaluation:
    run = make_segmentation_evaluator(Oracle(), NAMES, select_inputs=select_full_thermal)
    return run({"params": {}}, batches)


def test_day_and_night_are_counted_apart_and_together() -> None:
    """Day: a right, a as b. Night: b right twice. All: the sum."""
    evaluation = evaluate(
        make_batch([[0, 1], [1, 1]], [[0, 0], [1, 1]], is_night=[False, True]),
    )
    assert list(evaluation.subsets) == ["day", "night", "all"]
    day = [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    night = [[0, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert evaluation.subsets["day"].confusion.tolist() == day
    assert evaluation.subsets["night"].confusion.tolist() == night
    assert evaluation.subsets["all"].confusion.tolist() == np.add(day, night).tolist()
    metrics = evaluation.to_metrics()
    assert metrics["mean_accuracy_3/day"] == 50.0
    assert metrics["mean_accuracy_3/night"] == 100.0
    assert metrics["mean_accuracy_3/all"] == 75.0
    # Class a: 1 of 2; class b: 2 true positives, 1 false: 1 / 2 and 2 / 3.
    assert metrics["mean_iou_3/all"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)


def test_counts_are_summed_over_batches_before_they_are_divided() -> None:
    """Class a: 1 of 1, then 1 of 3: 2 of 4, not the mean of 100 % and 33 %."""
    evaluation = evaluate(
        make_batch([[0, 1, 1]], [[0, 1, 1]], is_night=[False]),
        make_batch([[0, 1, 1]], [[0, 0, 0]], is_night=[False]),
    )
    assert evaluation.to_metrics()["accuracy/a/all"] == 50.0


def test_padding_rows_and_ignored_pixels_do_not_count() -> None:
    batch = make_batch(
        [[0, 1], [2, 2]],
        [[0, IGNORED_LABEL], [0, 0]],
        is_night=[False, False],
        is_valid=[True, False],
    )
    evaluation = evaluate(batch)
    assert evaluation.subsets["all"].confusion.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert "night" not in evaluation.subsets


def test_set_without_a_labelled_pixel_is_refused() -> None:
    with pytest.raises(MdjaxError, match="no labelled pixel"):
        evaluate(make_batch([[0]], [[IGNORED_LABEL]], is_night=[False]))


def test_table_shows_absent_classes_as_dashes_and_says_what_was_averaged() -> None:
    """Day holds a (half right) and b (all right), never c; at night there is c alone, all wrong."""
    day = SegmentationScores(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]]))
    night = SegmentationScores(np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]]))
    both = SegmentationScores(day.confusion + night.confusion)
    table = SegmentationEvaluation({"day": day, "night": night, "all": both}, NAMES).format_table()
    rows = {line[:24].strip(): line[24:].split() for line in table.splitlines()}
    assert rows["percent"] == ["day", "night", "all"]
    assert rows["mean accuracy, 3 classes"] == ["75.00", "0.00", "50.00"]
    # Without class a: b alone by day, c alone at night, both together.
    assert rows["mean accuracy, 2 classes"] == ["100.00", "0.00", "50.00"]
    assert rows["classes that occur"] == ["2", "1", "3"]
    assert rows["accuracy a"] == ["50.00", "-", "50.00"]
    assert rows["accuracy c"] == ["-", "0.00", "0.00"]
    # a: 1 true positive of 2, and one false positive at night.
    assert rows["IoU a"] == ["50.00", "-", "33.33"]


def test_guidance_terms_are_for_networks_with_gaff_only() -> None:
    task = SegmentationTask(guidance_weight=0.3)
    assert [(t.name, t.weight) for t in task.make_terms(has_guidance=False)] == [
        ("segmentation", 1.0)
    ]
    assert [(t.name, t.weight) for t in task.make_terms(has_guidance=True)] == [
        ("segmentation", 1.0),
        ("guidance_intra", 0.3),
        ("guidance_inter", 0.3),
    ]
    without = SegmentationTask(guidance_weight=0.0)
    assert len(without.make_terms(has_guidance=True)) == 1


def test_guidance_of_a_network_without_gaff_is_refused() -> None:
    batch = make_batch([[0]], [[0]], is_night=[False])
    output = NetworkOutput(jnp.zeros((1, 1, 1, 3)))
    (_, intra, inter) = SegmentationTask().make_terms(has_guidance=True)
    for term in (intra, inter):
        with pytest.raises(MdjaxError, match="network with GAFF"):
            term.compute(output, batch)


def test_cross_entropy_of_even_logits_is_the_log_of_the_number_of_classes() -> None:
    batch = make_batch([[0, 1]], [[0, 2]], is_night=[False])
    loss = compute_cross_entropy(NetworkOutput(jnp.zeros((1, 1, 2, 3))), batch)
    assert float(loss) == pytest.approx(np.log(3))


def test_main_metric_follows_the_number_of_classes() -> None:
    assert SegmentationTask().get_main_metric(NAMES) == "mean_accuracy_3/all"


@pytest.mark.parametrize(
    "values", [{"guidance_weight": -1.0}, {"dropout_rate": 1.0}, {"dropout_rate": -0.1}]
)
def test_impossible_values_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(MdjaxError, match=next(iter(values))):
        SegmentationTask(**values)
