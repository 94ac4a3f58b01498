"""Inputs of a gradient, and how exact it has to be."""

import numpy as np

import gradient_reference
import reference
from inputs import make_inputs, rng
from program import NUMPY_DTYPES

# ‖g − ref‖ / ‖ref‖ by storage type, from docs/semantics.md.
BOUNDS = {"f64": 1e-12, "f32": 1e-5, "f16": 2e-2, "bf16": 2e-2}


def make_case(program, config, batch, tokens, profile):
    """(inputs, cotangents of the results)"""
    wide = np.float64 if config.dtype == "f64" else None
    inputs = {name: array.astype(wide if wide and name != "offsets" else array.dtype) for name, array in make_inputs(program, batch, tokens, profile).items()}
    generator = rng(str(config), batch, tokens, profile, "cotangents")
    cotangents = {}
    for name, _, value_type in program.results:
        if name != "final_max":
            dims = value_type.removeprefix("tensor<").removesuffix(">").split("x")
            unknown = iter([batch, tokens] if not config.sequences else [tokens] if name == "y" else [len(config.sequences)])
            shape = [next(unknown) if d == "?" else int(d) for d in dims[:-1]]
            cotangents[name] = generator.standard_normal(shape).astype(wide or NUMPY_DTYPES[dims[-1]])
    return inputs, cotangents


ROUNDING = {"bf16": 2.0**-8, "f16": 2.0**-11}  # the unit roundoff


def roundings(config, inputs, cotangents, wanted):
    """How much gradients change when each number is rounded once more, by name. Arrays of 16 bits round on the way too, some times: where terms
    cancel (one number that is the sum of what all tokens give; what goes through a norm, whose gradient is a difference), no code is more exact."""
    times, samples = 4, 4
    generator = rng(str(config), "roundings")

    def shake(array):
        wide = array.astype(np.float64)
        return wide * (1 + ROUNDING[config.dtype] * generator.choice([-1.0, 1.0], wide.shape))

    largest = dict.fromkeys(wanted, 0.0)
    for _ in range(samples):
        changed = gradient_reference.program_gradients(
            config, {name: shake(array) for name, array in inputs.items()}, {name: shake(array) for name, array in cotangents.items()}
        )
        for name, array in changed.items():
            largest[name] = max(largest[name], times * reference.relative_error(array, wanted[name]))
    return largest


def shortest(config):
    """A norm takes out the size of its row. The first token's output is a multiple of its value, so nothing is left for what it is multiplied by."""
    return 2 if config.norm != "none" and "in" not in config.state else 1
