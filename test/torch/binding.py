"""Loads the ops, and calls them on the programs of test/numeric."""

import pathlib
import sys

import ml_dtypes
import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))

from program import CUSTOM_FEATURE, CUSTOM_GATE, CUSTOM_LOG_GATE  # noqa: E402

# The argument of an op for an argument of a program. Those that are lists are in `arguments` below.
NAMES = {
    "q": "query", "k": "key", "v": "value", "beta": "beta", "zo": "output_gate", "q_weight": "query_weight", "k_weight": "key_weight",
    "norm_weight": "norm_weight", "norm_bias": "norm_bias", "initial_state": "initial_state", "initial_max": "initial_max", "offsets": "sequences",
}  # fmt: skip


def load(build):
    torch.ops.load_library(str(build / "lib" / "libfgla_torch.so"))
    return torch.ops.fgla


def to_torch(array):
    """NumPy's bfloat16 is not NumPy's own."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.ascontiguousarray(array))


def to_numpy(tensor):
    return tensor.detach().double().numpy()


def options(config):
    """The options of fgla::fgla for a Config."""
    c = config
    kind = c.gate_kind.removeprefix("log_")
    region = (CUSTOM_LOG_GATE if c.gate_kind.startswith("log_") else CUSTOM_GATE)[0].strip()
    made = {
        "query_map": c.query.removesuffix("*W"), "key_map": c.key_map.removesuffix("*W"), "gate_kind": region if kind == "custom" else kind,
        "log_gate": c.gate_kind.startswith("log_"), "axis": c.axis or "key", "rule": c.rule, "stabilizer": c.stabilizer,
        "norm": c.norm.partition("+")[0], "eps": c.eps, "scale": c.scale,
    }  # fmt: skip
    for which in ("query_map", "key_map"):
        if made[which] == "custom":
            made[which] = CUSTOM_FEATURE[0].strip()
    return made


def arguments(x):
    """The tensors of fgla::fgla for those of a program, by name."""
    gate = [x[name] for name in ("decay", "zg", "zr") if name in x]
    return {"gate": gate, **{NAMES[name]: tensor for name, tensor in x.items() if name in NAMES}}
