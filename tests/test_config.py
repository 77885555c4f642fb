"""Configurations survive a round trip through plain values, and refuse what does not fit."""

import dataclasses
import enum
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.config import config_from_dict, config_to_dict, map_paths, require_finite
from mdjax.types import MdjaxError


class Fusion(enum.Enum):
    ADDITION = "addition"
    GAFF = "gaff"


@dataclasses.dataclass(frozen=True)
class ImageLevelConfig:
    width: float = 1.0
    attention: bool = False


@dataclasses.dataclass(frozen=True)
class FeatureLevelConfig:
    width: float = 1.0
    fusion: Fusion = Fusion.GAFF
    stages: tuple[int, ...] = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    folder: Path
    sensor: tuple[int, int] | None = None
    split: Literal["train", "val"] = "train"
    limit: int | str = "all"


@dataclasses.dataclass(frozen=True)
class RunConfig:
    data: DataConfig
    network: ImageLevelConfig | FeatureLevelConfig = ImageLevelConfig()
    teacher: ImageLevelConfig | FeatureLevelConfig | None = None
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    resume_from: Path | None = None
    steps: int = 100

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise MdjaxError(f"steps is {self.steps}; give 0 or more.")


floats = st.floats(allow_nan=False, allow_infinity=False)
paths = st.sampled_from([Path("data"), Path("data/mfnet"), Path("../elsewhere")])
networks = st.builds(ImageLevelConfig, width=floats, attention=st.booleans()) | st.builds(
    FeatureLevelConfig,
    width=floats,
    fusion=st.sampled_from(Fusion),
    stages=st.lists(st.integers()).map(tuple),
)
data_configs = st.builds(
    DataConfig,
    folder=paths,
    sensor=st.none() | st.tuples(st.integers(), st.integers()),
    split=st.sampled_from(["train", "val"]),
    limit=st.integers() | st.text(),
)
run_configs = st.builds(
    RunConfig,
    data=data_configs,
    network=networks,
    teacher=st.none() | networks,
    weights=st.dictionaries(st.text(), floats),
    resume_from=st.none() | paths,
    steps=st.integers(min_value=0),
)


@given(config=run_configs)
def test_round_trip_through_json_changes_nothing(config: RunConfig) -> None:
    text = json.dumps(config_to_dict(config))
    assert config_from_dict(RunConfig, json.loads(text)) == config


@given(config=networks)
def test_union_at_the_top_keeps_its_class(config: ImageLevelConfig | FeatureLevelConfig) -> None:
    union = ImageLevelConfig | FeatureLevelConfig
    values = config_to_dict(config)
    assert values["type"] == type(config).__name__
    restored = config_from_dict(union, values)
    assert type(restored) is type(config)
    assert restored == config


def test_plain_values_are_what_a_reader_expects() -> None:
    config = RunConfig(
        data=DataConfig(Path("data/mfnet"), sensor=(160, 120)),
        teacher=FeatureLevelConfig(stages=(3,)),
        weights={"attention": 0.1},
    )
    assert config_to_dict(config) == {
        "type": "RunConfig",
        "data": {
            "type": "DataConfig",
            "folder": "data/mfnet",
            "sensor": [160, 120],
            "split": "train",
            "limit": "all",
        },
        "network": {"type": "ImageLevelConfig", "width": 1.0, "attention": False},
        "teacher": {"type": "FeatureLevelConfig", "width": 1.0, "fusion": "gaff", "stages": [3]},
        "weights": {"attention": 0.1},
        "resume_from": None,
        "steps": 100,
    }


def test_left_out_keys_take_their_defaults() -> None:
    assert config_from_dict(RunConfig, {"data": {"folder": "x"}}) == RunConfig(
        DataConfig(Path("x"))
    )


def test_whole_number_is_a_fine_float() -> None:
    config = config_from_dict(ImageLevelConfig, {"width": 2})
    assert type(config.width) is float


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"step": 3}, r"unknown key 'step' \(did you mean 'steps'\?\)"),
        ({"zzz": 3}, r"unknown key 'zzz' \(known are data, network, "),
        ({"data": {}}, r"data\.folder: is missing and has no default"),
        ({"data": "here"}, r'data: is "here", expected keys and values'),
        ({"data": {"folder": 1}}, r"data\.folder: is 1, expected str"),
        ({"data": {"folder": "x", "sensor": [1]}}, r"data\.sensor: "),
        ({"data": {"folder": "x", "sensor": [1, "2"]}}, r'data\.sensor\[1\]: is "2", expected int'),
        (
            {"data": {"folder": "x", "split": "tset"}},
            r'data\.split: is "tset", expected one of "train", "val"',
        ),
        ({"data": {"folder": "x", "limit": 1.5}}, r"data\.limit: is 1\.5, expected int or str"),
        ({"network": {"type": None}}, r'network: has "type": null, expected one of ImageLevelC'),
        ({"network": {"type": ["x"]}}, r'network: has "type": \["x"\], expected one of ImageLev'),
        (
            {"data": {"type": "Other", "folder": "x"}},
            r'data: has "type": "Other", expected one of DataConfig',
        ),
        ({"network": {"type": "Oops"}}, r'network: has "type": "Oops", expected one of ImageLev'),
        (
            {"network": {"type": "ImageLevelConfig", "atention": True}},
            r"network: has an unknown key 'atention' \(did you mean 'attention'\?\)",
        ),
        (
            {"teacher": {"type": "ImageLevelConfig", "attention": "false"}},
            r'teacher\.attention: is "false", expected bool',
        ),
        (
            {"teacher": {"type": "FeatureLevelConfig", "fusion": "sum"}},
            r'teacher\.fusion: is "sum", expected one of "addition", "gaff"',
        ),
        ({"steps": True}, r"steps: is true, expected int"),
        ({"steps": -1}, r"steps is -1; give 0 or more\."),
    ],
)
def test_bad_value_is_named_with_its_place(change: dict[str, object], expected: str) -> None:
    values = {"data": {"folder": "x"}, **change}
    with pytest.raises(MdjaxError, match=expected) as caught:
        config_from_dict(RunConfig, values, source="runs/a/config.json")
    assert str(caught.value).startswith("runs/a/config.json")


def test_choice_without_a_type_is_the_first_one() -> None:
    """As where `network` had one class when the file was written."""
    values = {"data": {"folder": "x"}, "network": {"width": 0.5}}
    assert config_from_dict(RunConfig, values).network == ImageLevelConfig(width=0.5)
    union = ImageLevelConfig | FeatureLevelConfig
    assert config_from_dict(union, {}) == ImageLevelConfig()


@pytest.mark.parametrize("values", [{"type": "Oops"}, [], "text"])
def test_value_that_is_no_choice_is_refused_at_the_top(values: Any) -> None:
    with pytest.raises(MdjaxError, match=r"a\.json does not fit ImageLevelConfig or FeatureLevel"):
        config_from_dict(ImageLevelConfig | FeatureLevelConfig, values, source="a.json")


def test_all_problems_come_in_one_message() -> None:
    values = {"data": {"folder": 1}, "steps": "many", "zzz": 0}
    with pytest.raises(MdjaxError) as caught:
        config_from_dict(RunConfig, values)
    assert all(part in str(caught.value) for part in ("data.folder", "steps", "zzz"))


def test_class_whose_field_hides_the_tag_is_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd:
        type: str = "x"

    with pytest.raises(TypeError, match="'type'"):
        config_to_dict(Odd())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_number_that_is_not_finite_is_refused_at_any_depth(number: float) -> None:
    @dataclasses.dataclass(frozen=True)
    class Part:
        weight: float = 0.5
        sizes: tuple[float, ...] = (1.0,)

    @dataclasses.dataclass(frozen=True)
    class Whole:
        part: Part
        prices: dict[str, float] = dataclasses.field(default_factory=dict)

    require_finite(Whole(Part(), {"a": 1.0}))
    for whole, name in (
        (Whole(Part(weight=number)), "part.weight"),
        (Whole(Part(sizes=(1.0, number))), "part.sizes.1"),
        (Whole(Part(), {"a": number}), "prices.a"),
    ):
        with pytest.raises(MdjaxError, match=rf"^{name} is {number}; give a finite number\.$"):
            require_finite(whole)


def test_every_path_is_changed_at_any_depth() -> None:
    @dataclasses.dataclass(frozen=True)
    class Study:
        runs: dict[str, Path]
        config: RunConfig
        folders: tuple[Path, ...]
        name: str = "a"

    config = RunConfig(DataConfig(Path("data")), resume_from=None)
    study = Study({"teacher": Path("t")}, config, (Path("a"), Path("b")))
    changed = map_paths(study, lambda path: Path("/root_of") / path)
    assert changed.runs == {"teacher": Path("/root_of/t")}
    assert changed.config == RunConfig(DataConfig(Path("/root_of/data")))
    assert changed.folders == (Path("/root_of/a"), Path("/root_of/b"))
    assert changed.name == "a"


def test_name_of_something_known_and_path_are_told_apart() -> None:
    @dataclasses.dataclass(frozen=True)
    class Weights:
        source: Literal["imagenet"] | Path | None = None

    for source, plain in ((None, None), ("imagenet", "imagenet"), (Path("a.pth"), "a.pth")):
        weights = Weights(source)  # pyright: ignore[reportArgumentType]
        assert config_to_dict(weights)["source"] == plain
        assert config_from_dict(Weights, {"source": plain}) == weights
    with pytest.raises(MdjaxError, match="source: is 3, expected str or nothing"):
        config_from_dict(Weights, {"source": 3})
