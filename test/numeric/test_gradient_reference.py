#!/usr/bin/env python3
"""Holds gradient_reference.py against differences of reference.py, in float64.

usage: test_gradient_reference.py [--quick]

Maxima that stabilize are constants in a gradient, so the differences are of a program whose maxima stand still: its keys are features already,
and its decays hold the growth of the maximum.
"""

import argparse
import sys

import numpy as np

import gradient_reference
import reference
from cover import pairwise
from inputs import make_inputs, rng
from program import CUSTOM_FEATURE, CUSTOM_GATE, CUSTOM_LOG_GATE, Config, Program, expected
from reporting import Report

BOUND = 1e-6

FACTORS = {
    "heads": [1, 2],
    "group": [1, 2],
    "query": ["safe_exp", "identity", "relu", "elu1", "exp", "softmax", "hedgehog", "custom", "elu1*W"],
    "key": ["logits:running", "logits:sequence", "logits:token", "identity", "elu1", "softmax", "hedgehog", "custom", "logits*W:running"],
    "gate": ["none", "factor.key", "factor.value", "log.head", "log.constant", "factor.constant", "sigmoid.key", "refined.key", "refined.value",
             "log_refined.key", "custom.key", "log_custom.head"],
    "rule": ["gated", "delta", "gated_delta"],
    "beta": ["head", "one"],
    "norm": ["none", "rms", "rms+hw", "layer+wb"],
    "output_gate": [False, True],
    "state": ["none", "in", "out", "inout"],
}  # fmt: skip


def freeze(config, x):
    """A function of inputs like X, equal to the program at X, in which no maximum moves."""
    c = config
    z = reference.feature_map("identity", x["k"], x.get("k_weight"))
    features, growth = gradient_reference.stabilize(z, c.stabilizer, x.get("initial_max"))
    shift = None if c.stabilizer == "none" else z - np.log(np.where(features > 0, features, 1.0))
    top = x["q"] if "q_weight" not in x else reference.feature_map("identity", x["q"], x["q_weight"])
    query_max = reference.f64(top).max(axis=-1, keepdims=True)

    def run(y):
        def query():
            q = reference.feature_map("identity", y["q"], y.get("q_weight"))
            if c.query.startswith("safe_exp"):
                return np.exp(q - query_max)
            kind = c.query.removesuffix("*W")
            return reference.feature_map(CUSTOM_FEATURE[1] if kind == "custom" else kind, y["q"], y.get("q_weight"))

        def key():
            if shift is not None:
                return np.exp(reference.feature_map("identity", y["k"], y.get("k_weight")) - shift)
            kind = c.key_map
            return reference.feature_map(CUSTOM_FEATURE[1] if kind == "custom" else kind, y["k"], y.get("k_weight"))

        kind, is_log = c.gate_kind.removeprefix("log_"), c.gate_kind.startswith("log")
        if c.gate_kind == "none":
            f = np.ones((*z.shape[:3], 1))
        elif c.gate_kind in ("factor", "log"):
            f = np.exp(y["decay"]) if is_log else y["decay"]
            f = np.broadcast_to(f[None, None, :, None], (*z.shape[:3], 1)) if c.axis == "constant" else f
        elif kind == "custom":
            f = np.exp((CUSTOM_LOG_GATE if is_log else CUSTOM_GATE)[1](y["zg"]))
        else:
            f = reference.gate(kind, *(y[name] for name in ("zg", "zr") if name in y))
        axis = "value" if c.axis == "value" else "key"
        decay = f * growth[..., None]
        decay = np.broadcast_to(decay, (*z.shape[:3], c.value_dim if axis == "value" else c.key_dim))
        output, state, _ = reference.attention(
            query(), key(), y["v"], decay=decay, axis=axis, beta=y.get("beta"), initial_state=y.get("initial_state"),
            rule="gated" if c.rule == "gated" else "gated_delta", scale=c.scale,
        )  # fmt: skip
        if c.norm != "none":
            output = reference.norm(c.norm.partition("+")[0], output, y.get("norm_weight"), y.get("norm_bias"), c.eps)
        return {"y": reference.output_gate(output, y["zo"]) if c.output_gate else output, "final_state": state}

    return run


def check(report, config, tokens):
    program = Program(config)
    x = {name: array.astype(np.float64) for name, array in make_inputs(program, 2, tokens).items()}
    run = freeze(config, x)
    base, wanted = run(x), expected(config, x)
    results = [name for name, _, _ in program.results if name != "final_max"]
    for name in results:
        report.error(f"{config} T={tokens}: {name} of the program that stands still", reference.relative_error(base[name], wanted[name]), 1e-12)
    generator = rng(str(config), tokens, "gradient")
    cotangents = {name: generator.standard_normal(base[name].shape) for name in results}
    gradients = gradient_reference.program_gradients(config, x, cotangents)

    def loss(y):
        values = run(y)
        return sum(float((values[name] * cotangents[name]).sum()) for name in results)

    for name, gradient in gradients.items():
        direction = generator.standard_normal(x[name].shape)
        step = 1e-5
        difference = (loss({**x, name: x[name] + step * direction}) - loss({**x, name: x[name] - step * direction})) / (2 * step)
        exact = float((gradient * direction).sum())
        size = float(np.sqrt((gradient**2).sum()))
        report.error(f"{config} T={tokens}: d_{name}", abs(exact - difference) / max(size, 1e-9), BOUND)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    report = Report()

    def make(row):
        return Config(key_dim=6, value_dim=5, **row)

    rows = pairwise(FACTORS, lambda row: make(row).is_valid() and (row["beta"] == "head" or row["rule"] != "gated"))
    for row in rows[:: 8 if arguments.quick else 1]:
        check(report, make(row), 5)
    check(report, Config(key_dim=6, value_dim=5, state="inout"), 1)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
