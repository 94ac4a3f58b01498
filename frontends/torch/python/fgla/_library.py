"""Loads the operators, libfgla_torch.so: that of the package, or the one that $FGLA_TORCH_LIBRARY names."""

import os
import pathlib

import torch


def load():
    packaged = pathlib.Path(__file__).parent / "lib" / "libfgla_torch.so"
    path = os.environ.get("FGLA_TORCH_LIBRARY") or packaged
    if not os.path.exists(path):
        raise ImportError(f"fgla's operators are not at '{path}'; install the package, or name the library in FGLA_TORCH_LIBRARY")
    torch.ops.load_library(str(path))
