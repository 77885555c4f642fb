"""Simulation of a cheap thermal camera: fewer pixels and, optionally, its noise.

The paper halves the cost of a multispectral system with a low-resolution thermal camera and
simulates it by scaling the thermal image down and up again. The student sees the result, the
teacher the image itself. Resolution is a property of the sensor, so this runs before augmentation.
"""

import dataclasses
import math
import re

import cv2
import numpy as np
from jaxtyping import Float

from mdjax.types import MdjaxError

# Width and height of the detector in pixels, from the makers' data sheets (Melexis; Teledyne FLIR
# for lepton, boson and a35; Seek Thermal; Nippon Avionics).
CAMERA_SIZES_WH = {
    "mlx90640": (32, 24),
    "lepton-2.5": (80, 60),
    "lepton-3.5": (160, 120),
    "seek-compact": (206, 156),
    "seek-compactpro": (320, 240),
    "flir-a35": (320, 256),  # KAIST was filmed with it.
    "boson-320": (320, 256),
    "boson-640": (640, 512),
    "infrec-r500": (640, 480),  # MFNet was filmed with it.
}

# Share of the fixed pattern's variance in each of its three parts. Uncooled detectors are read out
# column by column, so stripes are as strong as the offsets of single pixels.
_FIXED_PATTERN_SHARES = {"pixel": 1 / 3, "column": 1 / 3, "row": 1 / 3}


@dataclasses.dataclass(frozen=True)
class ThermalCamera:
    """The thermal camera to simulate; the default is the paper's main setting.

    Noise is given in units of the image's range [0, 1]. A data sheet gives NETD in mK instead:
    where black and white of the image lie `span` kelvin apart, `noise_std = netd_mK / 1000 / span`.
    A camera of 50 mK whose image spans 20 K has `noise_std = 0.0025`. Public data sets are
    contrast-stretched and do not state their span, so the unit is that of the image.
    """

    resolution: str = "16x"
    """full, none (no thermal camera: all zeros), 4x / 16x / 64x / Nx (N times fewer pixels, so
    sqrt(N) per side), WIDTHxHEIGHT in pixels such as 160x120, or a camera such as lepton-3.5."""
    area_binning: bool = False
    """Let each camera pixel average the area it covers, as a detector does. The default takes
    bilinear samples without antialiasing, as the paper's tools do."""
    noise_std: float = 0.0
    """Standard deviation of the noise that differs in every image (NETD), in units of [0, 1]."""
    fixed_pattern_std: float = 0.0
    """Standard deviation of the pattern that is the same in every image, in units of [0, 1]: equal
    parts of pixel, column and row offsets."""
    fixed_pattern_seed: int = 0
    """Seed of the fixed pattern: the individual camera."""

    def __post_init__(self) -> None:
        """Refuse impossible values where they are written, not in the middle of a run."""
        _parse_resolution(self.resolution)
        for field in ("noise_std", "fixed_pattern_std"):
            value = getattr(self, field)
            if not 0.0 <= value <= 1.0:
                raise MdjaxError(
                    f"camera {field} = {value}: give a standard deviation between 0 and 1, "
                    "in units of the image's range."
                )

    @property
    def is_noisy(self) -> bool:
        """Whether two shots of one scene differ."""
        return self.noise_std > 0.0 and self.resolution != "none"


def compute_camera_size_hw(
    camera: ThermalCamera, image_size_hw: tuple[int, int]
) -> tuple[int, int]:
    """Rows and columns of the simulated detector, for an image of the given size.

    Args:
        camera: Its `resolution` must not be "none", which has no pixels.
        image_size_hw: Rows and columns of the image that the camera replaces.

    Raises:
        MdjaxError: The camera has more pixels than the image, so nothing can be simulated.
    """
    kind, value = _parse_resolution(camera.resolution)
    height, width = image_size_hw
    if kind == "size":
        camera_width, camera_height = value
        if camera_width > width or camera_height > height:
            raise MdjaxError(
                f"camera resolution {camera.resolution!r} ({camera_width}x{camera_height}) is "
                f"larger than the thermal image ({width}x{height}); choose a smaller camera, a "
                'larger image size, or "full".'
            )
        return camera_height, camera_width
    if kind == "divisor":
        per_side = math.sqrt(value[0])
        return max(1, round(height / per_side)), max(1, round(width / per_side))
    if kind == "full":
        return image_size_hw
    raise MdjaxError('camera resolution "none" has no size: there is no thermal camera.')


def simulate_camera(
    thermal: Float[np.ndarray, "h w"],
    camera: ThermalCamera,
    rng: np.random.Generator | None = None,
) -> Float[np.ndarray, "h w"]:
    """Return the thermal image as the camera sees it, scaled back to the size it came in.

    Scaling is bilinear with half-pixel centres both ways, without antialiasing (MD, section 4.1;
    what OpenCV and PyTorch do): camera pixel i samples the image at (i + 1/2) H/h - 1/2. Noise is
    added at the camera's own pixels, before scaling up, and the result clipped to [0, 1].

    Args:
        thermal: float32 in [0, 1].
        camera: What to simulate.
        rng: Source of the noise; needed only where `camera.is_noisy`.

    Returns:
        float32 in [0, 1]; the input itself, not a copy, for a perfect camera of full resolution.

    Raises:
        MdjaxError: The camera has more pixels than the image.
        ValueError: a noisy camera without `rng`.
    """
    if camera.resolution == "none":
        return np.zeros_like(thermal)
    height, width = thermal.shape
    seen = view_with_camera(thermal, camera, rng)
    if seen.shape != (height, width):
        seen = cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(seen, np.float32)


def view_with_camera(
    thermal: Float[np.ndarray, "h w"],
    camera: ThermalCamera,
    rng: np.random.Generator | None = None,
) -> Float[np.ndarray, "camera_h camera_w"]:
    """Return the image of the camera's own pixels, which `simulate_camera` scales up.

    Args:
        thermal: float32 in [0, 1].
        camera: What to simulate; not one of resolution "none".
        rng: Source of the noise; needed only where `camera.is_noisy`.

    Returns:
        float32 in [0, 1]; the input itself for a perfect camera of full resolution.

    Raises:
        MdjaxError: The camera has more pixels than the image, or none.
        ValueError: a noisy camera without `rng`.
    """
    height, width = thermal.shape
    camera_hw = compute_camera_size_hw(camera, (height, width))
    seen = thermal
    if camera_hw != (height, width):
        interpolation = cv2.INTER_AREA if camera.area_binning else cv2.INTER_LINEAR
        seen = cv2.resize(seen, camera_hw[::-1], interpolation=interpolation)
    if camera.fixed_pattern_std > 0.0:
        seen = seen + camera.fixed_pattern_std * _fixed_pattern(camera_hw, camera)
    if camera.is_noisy:
        if rng is None:
            raise ValueError("a camera with noise needs a random generator")
        seen = seen + camera.noise_std * rng.standard_normal(camera_hw, dtype=np.float32)
    if seen is not thermal and (camera.is_noisy or camera.fixed_pattern_std > 0.0):
        seen = np.clip(seen, 0.0, 1.0)
    return np.asarray(seen, np.float32)


def _fixed_pattern(
    camera_hw: tuple[int, int], camera: ThermalCamera
) -> Float[np.ndarray, "camera_h camera_w"]:
    """Offsets of unit standard deviation, the same for every image of one camera."""
    rng = np.random.default_rng([camera.fixed_pattern_seed, *camera_hw])
    height, width = camera_hw
    shapes = {"pixel": (height, width), "column": (1, width), "row": (height, 1)}
    pattern = sum(
        math.sqrt(share) * rng.standard_normal(shapes[part], dtype=np.float32)
        for part, share in _FIXED_PATTERN_SHARES.items()
    )
    return np.asarray(pattern, np.float32)


def _parse_resolution(resolution: str) -> tuple[str, tuple[int, ...]]:
    """Split a resolution into its kind (full, none, divisor, size) and its numbers."""
    if resolution in ("full", "none"):
        return resolution, ()
    if resolution in CAMERA_SIZES_WH:
        return "size", CAMERA_SIZES_WH[resolution]
    if match := re.fullmatch(r"([1-9]\d{0,5})x", resolution):
        return "divisor", (int(match[1]),)
    if match := re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", resolution):
        return "size", (int(match[1]), int(match[2]))
    raise MdjaxError(
        f"camera resolution {resolution!r} is unknown. Give full, none, 4x, 16x, 64x (N times "
        "fewer pixels), WIDTHxHEIGHT such as 160x120, or one of "
        f"{', '.join(CAMERA_SIZES_WH)}."
    )
