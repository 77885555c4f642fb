from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.metrics.confusion import SegmentationScores
from mdjax.tasks.segmentation import SegmentationTask, compute_cross_entropy
from mdjax.tasks.segmentation_scores import SegmentationEvaluation, resize_logits_to_labels
from mdjax.train.terms import TermInputs
from mdjax.types import IGNORED_LABEL, Batch, MdjaxError, NetworkOutput
from tests.data.factories import encode_png
from tests.tasks.scoring import make_split, score

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
    """Score at the working size, which the batches' own labels have."""
    task = SegmentationTask(scored_size="working")
    return score(task, Oracle(), NAMES, batches, make_split([], ("labels",)))


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


def test_set_without_a_labelled_pixel_has_no_score_and_says_so() -> None:
    evaluation = evaluate(make_batch([[0]], [[IGNORED_LABEL]], is_night=[False]))
    metrics = evaluation.to_metrics()
    assert metrics.pop("num_classes/all") == 0
    assert "mean_accuracy_3/all" in metrics
    assert np.isnan(list(metrics.values())).all()
    assert evaluation.describe().endswith("no pixel is labelled")
    assert "labelled" in evaluation.explain_missing_value()
    assert "mean accuracy, 3 classes              -" in evaluation.format_table()


def test_table_shows_absent_classes_as_dashes_and_says_what_was_averaged() -> None:
    """Day holds a (half right) and b (all right), never c; at night there is c alone, all wrong."""
    day = SegmentationScores(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]]))
    night = SegmentationScores(np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]]))
    both = SegmentationScores(day.confusion + night.confusion)
    subsets = {"day": day, "night": night, "all": both}
    evaluation = SegmentationEvaluation(
        subsets,
        NAMES,
        ((1, 2),),
        np.stack([day.confusion, night.confusion]),
        np.array([False, True]),
    )
    assert evaluation.num_images == 2
    table = evaluation.format_table()
    rows = {line[:30].strip(): line[30:].split() for line in table.splitlines()}
    assert rows["percent"] == ["day", "night", "all"]
    assert rows["mean accuracy, 3 classes"] == ["75.00", "0.00", "50.00"]
    # Without class a: b alone by day, c alone at night, both together.
    assert rows["mean accuracy, 2 classes"] == ["100.00", "0.00", "50.00"]
    assert rows["classes that occur, of 3"] == ["2", "1", "3"]
    # a and b, or c, of three.
    assert rows["mean accuracy, 3, absent as 0"] == ["50.00", "0.00", "50.00"]
    # Day: a 1/2, b 2/3; night: c 0; both: a 1/3, b 2/3, c 0.
    assert rows["mean IoU, 3, absent as 0"] == ["38.89", "0.00", "33.33"]
    assert evaluation.describe() == "2 images, pixels scored at 2x1, 3 of 3 classes occur"
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


def test_class_balance_reaches_the_loss() -> None:
    """Three pixels of class 0, one of class 1, logits that favour class 0: β = 1 costs more."""
    batch = make_batch([[0] * 4], [[0, 0, 0, 1]], is_night=[False])
    output = NetworkOutput(jnp.broadcast_to(jnp.array([1.0, 0.0]), (1, 1, 4, 2)))
    values = [
        float(
            SegmentationTask(class_balance=balance)
            .make_terms(has_guidance=False)[0]
            .compute(TermInputs(output, batch, batch))
            .value
        )
        for balance in (0.0, 1.0)
    ]
    assert values[1] - values[0] == pytest.approx(
        0.25, abs=1e-6
    )  # (a + b)/2 - (3a + b)/4, b = a + 1
    with pytest.raises(MdjaxError, match="class_balance is 2"):
        SegmentationTask(class_balance=2.0)


def test_guidance_of_a_network_without_gaff_is_refused() -> None:
    batch = make_batch([[0]], [[0]], is_night=[False])
    output = NetworkOutput(jnp.zeros((1, 1, 1, 3)))
    (_, intra, inter) = SegmentationTask().make_terms(has_guidance=True)
    for term in (intra, inter):
        with pytest.raises(MdjaxError, match="network with GAFF"):
            term.compute(TermInputs(output, batch, batch))


def test_cross_entropy_of_even_logits_is_the_log_of_the_number_of_classes() -> None:
    batch = make_batch([[0, 1]], [[0, 2]], is_night=[False])
    output = NetworkOutput(jnp.zeros((1, 1, 2, 3)))
    loss = compute_cross_entropy(TermInputs(output, batch, batch)).value
    assert float(loss) == pytest.approx(np.log(3))


def test_main_metric_follows_the_number_of_classes() -> None:
    assert SegmentationTask().get_main_metric(NAMES) == "mean_accuracy_3/all"


@pytest.mark.parametrize(
    "values", [{"guidance_weight": -1.0}, {"dropout_rate": 1.0}, {"dropout_rate": -0.1}]
)
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(MdjaxError, match=next(iter(values))):
        SegmentationTask(**values)


def make_label_records(*labels: list[list[int]]) -> list[dict]:
    return [
        {"name": f"{i}".encode(), "is_night": False, "labels": encode_png(np.array(x, np.uint8))}
        for i, x in enumerate(labels)
    ]


def test_labels_are_scored_at_their_own_size() -> None:
    """The network sees one row of two pixels and says a, b; the file has one row of four.

    Scaled bilinearly with half-pixel centres, logits of a are -|0-0|, -|1-0|: 0, -1/4, -3/4, -1 and
    those of b -1, -3/4, -1/4, 0: a, a, b, b. The file says a, b, b, ignored: 2 of 3 are right.
    At the working size the file would be reduced to one pixel of each half.
    """
    split = make_split(make_label_records([[0, 1, 1, IGNORED_LABEL]]), ("labels",))
    batch = make_batch([[0, 1]], [[0, 1]], is_night=[False])
    own = score(SegmentationTask(), Oracle(), NAMES, [batch], split)
    assert own.subsets["all"].confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert own.describe() == "1 image, pixels scored at 4x1, 2 of 3 classes occur"
    working = score(SegmentationTask(scored_size="working"), Oracle(), NAMES, [batch], split)
    assert working.subsets["all"].confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert working.describe() == "1 image, pixels scored at 2x1, 2 of 3 classes occur"


def test_each_image_is_scored_by_its_own_record_whatever_the_batches() -> None:
    """Three images in batches of two, of different sizes, the last row only fills up."""
    records = make_label_records([[0, 0]], [[1, 1], [1, 1]], [[2, 2, 2]])
    split = make_split(records, ("labels",))
    batches = [
        make_batch([[0, 0], [1, 1]], [[0, 0], [0, 0]], is_night=[False, True]),
        make_batch([[2, 2], [0, 0]], [[0, 0], [0, 0]], [False, False], is_valid=[True, False]),
    ]
    evaluation = score(SegmentationTask(), Oracle(), NAMES, batches, split)
    assert evaluation.subsets["all"].confusion.tolist() == np.diag([2, 4, 3]).tolist()
    assert evaluation.subsets["night"].confusion.tolist() == np.diag([0, 4, 0]).tolist()
    assert evaluation.describe() == "3 images, pixels scored at 2x1, 3x1, 2x2, 3 of 3 classes occur"


def test_resized_logits_are_those_of_bilinear_scaling() -> None:
    """As above; ties go to the first class."""
    logits = np.array([[[0.0, -1.0, -5.0], [-1.0, 0.0, -5.0]]], np.float32)
    assert resize_logits_to_labels(logits, (1, 4)).tolist() == [[0, 0, 1, 1]]
    assert resize_logits_to_labels(logits, (1, 2)).tolist() == [[0, 1]]
    assert (
        resize_logits_to_labels(np.zeros((2, 2, 3), np.float32), (3, 3)).tolist() == [[0] * 3] * 3
    )
