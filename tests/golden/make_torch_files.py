"""Make the small PyTorch files of `torch_files/` that the reader of `mdjax.io` is tested with.

    python -m tests.golden.make_torch_files        (one second; torch 2.13.0; from the project root)

The numbers follow from `tests.golden.torch_file_numbers`, which the tests share.
"""
# pyright: reportMissingImports=false

from pathlib import Path

import torch
from torch import Tensor, nn

from tests.golden.torch_file_numbers import EXPECTED_TENSORS

FOLDER = Path(__file__).parent / "torch_files"


def create_tensors() -> dict[str, Tensor]:
    """Make a tensor of every number type, a parameter, and views that share one storage."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
    tensors: dict[str, Tensor] = {
        "weight": base,
        "transposed": base.T,
        "window": base[1:3, 1:6:2],
        "expanded": base[3, 5].expand(2, 3),
        "parameter": nn.Parameter(base[:2].clone()),
        "half": (base / 3).half(),
        "bfloat": (base / 3).bfloat16(),
        "double": base.double() / 3,
        "count": torch.tensor(2**40),
        "empty": torch.zeros(0, 3),
    }
    for name, tensor in tensors.items():
        expected = torch.tensor(EXPECTED_TENSORS[name].astype("float64"))
        assert torch.equal(tensor.detach().double(), expected), name
    return tensors


def create_module_state() -> dict[str, Tensor]:
    """Return the state of a real module: an ordered dictionary that carries `_metadata`."""
    module = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3))
    for value in module.state_dict().values():
        value.copy_(torch.arange(value.numel()).reshape(value.shape))
    return module.state_dict()


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    tensors = create_tensors()
    wrapped = {"epoch": 3, "state_dict": tensors, "optimizer": {"momentum": torch.ones(5)}}
    for name, content in (
        ("tensors", tensors),
        ("wrapped", wrapped),
        ("module", create_module_state()),
    ):
        torch.save(content, FOLDER / f"{name}_zip.pth")
        torch.save(content, FOLDER / f"{name}_legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
