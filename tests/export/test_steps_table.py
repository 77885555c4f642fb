"""The script that measures the exact simplification: its networks and its table."""

from experiments.simplification import SIZE_HW, format_steps, list_configs
from mdjax.export.deployment import get_thermal_size_hw
from mdjax.export.measuring import MeasuredStep


def test_ratios_are_to_the_step_before() -> None:
    steps = [
        MeasuredStep("as trained", 30.0, 200.0, 160.0, 0.0),
        MeasuredStep("first", 28.0, 150.0, 120.0, 1e-6),
        MeasuredStep("second", 27.5, 75.0, 132.0, 2e-6),
    ]
    assert format_steps(steps).splitlines() == [
        "| step | GFLOP | JAX ms | ratio | ONNX Runtime ms | ratio | difference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| as trained | 30.00 | 200.0 |  | 160.0 |  | 0e+00 |",
        "| first | 28.00 | 150.0 | 0.75 | 120.0 | 0.75 | 1e-06 |",
        "| second | 27.50 | 75.0 | 0.50 | 132.0 | 1.10 | 2e-06 |",
    ]


def test_table_does_without_onnx_runtime() -> None:
    assert format_steps([MeasuredStep("as trained", 30.0, 200.0, None, 0.0)]).endswith(
        "| as trained | 30.00 | 200.0 |  |  |  | 0e+00 |"
    )


def test_networks_differ_as_their_names_say() -> None:
    configs = list_configs()
    assert {config.pipeline.image_size_hw for config in configs.values()} == {SIZE_HW}
    assert {name: get_thermal_size_hw(config) for name, config in configs.items()} == {
        "labels, 4x": (256, 320),
        "labels, 16x": (128, 160),
        "labels, 64x": (64, 80),
        "labels, output stride 8": (128, 160),
        "persons, 16x": (128, 160),
    }
    strides = {name: config.network.backbone.output_stride for name, config in configs.items()}
    assert [name for name, stride in strides.items() if stride == 8] == ["labels, output stride 8"]
