#!/usr/bin/env python3
"""Compares compiled gradients with gradient_reference.py, and those of generated expressions with differences.

usage: gradient.py [--build DIR] [--quick] [--lowering tiled|reference|both] [--only TEXT] [--list] [--jobs N]

Prints each comparison that fails; ends with `N passed, N failed`. --only takes the cases whose name holds TEXT. Without --lowering, what is compared
with the reference is compiled by both, and the rest by the tiled one.
"""

import argparse
import dataclasses
import os
import pathlib
import sys

# Before NumPy is loaded: the reference is many small steps, and threads of the linear algebra library would only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

import block_cases
import expressions
import gradient_reference
import reference
from cover import pairwise
from gradient_case import BOUNDS, ROUNDING, make_case, roundings, shortest
from harness import Case, run_cases
from program import Config, Program, packed_configs
from runtime_binding import CPU

ROOT = pathlib.Path(__file__).resolve().parents[2]

FACTORS = {
    "dtype": ["f64", "f32", "bf16", "f16"],
    "key_dim": [1, 7, 16, 24],
    "value_dim": [1, 9, 16],
    "heads": [1, 2],
    "group": [1, 2],
    "query": ["safe_exp", "identity", "relu", "elu1", "exp", "softmax", "hedgehog", "custom", "elu1*W"],
    "key": ["logits:running", "logits:sequence", "logits:token", "logits*W:running", "identity", "relu", "elu1", "softmax", "hedgehog", "custom"],
    "gate": ["none", "factor.key", "factor.value", "factor.head", "factor.constant", "log.key", "log.head", "log.constant", "sigmoid.key",
             "refined.key", "refined.value", "refined.head", "log_refined.key", "custom.key", "log_custom.head"],
    "rule": ["gated", "delta", "gated_delta"],
    "beta": ["head", "one"],
    "norm": ["none", "rms", "rms+w", "rms+hw", "layer", "layer+wb"],
    "output_gate": [False, True],
    "state": ["none", "in", "out", "inout"],
    "memory": ["min", "balanced", "speed"],
}  # fmt: skip


class Gradient:
    """The two functions of a compiled program."""

    def __init__(self, context, text, entry="attention", **options):
        artifact = context.compile(text, entry=f"{entry}_forward", **options)
        self.forward = artifact
        self.backward = context.runtime.load(sorted(context.folder.glob("*.so"))[-1], f"{entry}_backward", CPU)
        self.results = [name for name, _, _ in self.forward.results if not name.startswith("saved_")]

    def __call__(self, inputs, cotangents):
        """(results, gradients)"""
        made = self.forward(inputs)
        known = {**inputs, **made, **{f"d_{name}": array for name, array in cotangents.items()}}
        gradients = self.backward({name: known[name] for name, _, _ in self.backward.args})
        return {name: made[name] for name in self.results}, {name.removeprefix("d_"): array for name, array in gradients.items()}


def make_program(config):
    """Of CONFIG, whose dtype may be f64; the program's text is that in f32 then."""
    return Program(dataclasses.replace(config, dtype="f32") if config.dtype == "f64" else config)


def make_gradient(context, config, memory="balanced", options=(), **compile_options):
    """A program of CONFIG and its gradient."""
    program = make_program(config)
    text = program.text().replace("f32", "f64") if config.dtype == "f64" else program.text()
    return program, Gradient(context, text, options=["--gradient", f"--memory={memory}", *options], **compile_options)


def against_reference(config, memory, runs, kernel_options=()):
    """RUNS are (batch, tokens, profile). With KERNEL_OPTIONS, what has no kernels is left out."""

    def run(context, report):
        wanted_lowerings = context.lowerings if not kernel_options else {"tiled"} & set(context.lowerings)
        made = {lowering: make_gradient(context, config, memory, kernel_options, lowering=lowering) for lowering in wanted_lowerings}
        for batch, tokens, profile in runs:
            inputs, cotangents = make_case(make_program(config), config, batch, tokens, profile)
            wanted = gradient_reference.program_gradients(config, inputs, cotangents)
            for lowering, (_, gradient) in made.items():
                _, gradients = gradient(inputs, cotangents)
                name = f"{lowering}, B={batch} T={tokens} {profile}"
                report.check(f"{name}: which gradients", set(gradients) == set(wanted), f"{sorted(gradients)} rather than {sorted(wanted)}")
                bound = BOUNDS[config.dtype]
                errors = {which: reference.relative_error(array, wanted[which]) for which, array in gradients.items()}
                own = roundings(config, inputs, cotangents, wanted) if config.dtype in ROUNDING and max(errors.values(), default=0) > bound else {}
                for which, error in errors.items():
                    report.error(f"{name}, d_{which}", error, max(bound, own.get(which, 0)))

    return run


def matrix_cases():
    def make(row):
        return Config(**{name: value for name, value in row.items() if name != "memory"})

    def is_valid(row):
        # A norm of one value is its sign, and of what one feature multiplies it is the same for each feature: nothing flows, rounding is left.
        trivial = row["norm"] != "none" and 1 in (row["value_dim"], row["key_dim"])
        halves = row["key_dim"] % 2 == 0 or "hedgehog" not in (row["query"], row["key"])
        return make(row).is_valid() and (row["beta"] == "head" or row["rule"] != "gated") and not trivial and halves

    for row in pairwise(FACTORS, is_valid):
        config = make(row)
        runs = [(2, shortest(config), "normal"), (2, 33, "normal"), (1, 70, "normal"), (1, 40, "strong")]
        yield Case(f"gradient: {config} memory={row['memory']}", against_reference(config, row["memory"], runs))


def hard_cases():
    small = {"key_dim": 16, "value_dim": 16, "state": "inout"}
    for config in (
        Config(**small),
        Config(gate="log.key", **small),
        Config(gate="factor.value", key="logits:token", **small),
        Config(gate="log.head", key="logits:sequence", norm="rms+w", output_gate=True, group=2, **small),
    ):
        runs = [(2, 47, p) for p in ("strong", "jumps", "rising", "falling")] + [(0, 5, "normal"), (2, 0, "normal"), (1, 1000, "normal")]
        yield Case(f"hard: {config}", against_reference(config, "balanced", runs))
    for tile in (1, 8, 128):
        config = Config(key="elu1", gate="refined.key", norm="rms", **small)
        yield Case(f"tiles of {tile}: {config}", against_reference(config, "balanced", [(2, 47, "strong"), (1, 300, "normal")], [f"--tile={tile}"]))
    for config in packed_configs():
        runs = [(1, t, "normal") for t in (0, 1, 33, 150)] + [(1, 90, "strong")]
        yield Case(f"packed: {config}", against_reference(config, "balanced", runs))
    yield Case("finite: |z| = 100", stays_finite(Config(norm="rms+w", output_gate=True, **small)))
    yield Case("finite: |z| = 100, log decay", stays_finite(Config(gate="log_refined.key", norm="layer", **small)))


def stays_finite(config):
    """Whatever the gates, gradients are numbers, and those of the reference in f64: as exact as exponents of hundreds are in f32."""

    def run(context, report):
        program, gradient = make_gradient(context, config)
        for tokens in (1, 33, 100):
            inputs, cotangents = make_case(program, config, 2, tokens, "extreme")
            _, gradients = gradient(inputs, cotangents)
            wanted = gradient_reference.program_gradients(config, inputs, cotangents)
            for name, array in gradients.items():
                report.check(f"T={tokens}: d_{name} is finite", bool(np.isfinite(array).all()))
                report.error(f"T={tokens}: d_{name}", reference.relative_error(array, wanted[name]), 1e-3)

    return run


def masked_tokens(context, report):
    """A token whose key logits are all -inf adds nothing, and gets no gradient."""
    config = Config(key_dim=16, value_dim=16)
    program, gradient = make_gradient(context, config)
    inputs, cotangents = make_case(program, config, 2, 40, "normal")
    hidden = [0, 3, 4, 39]
    inputs["k"][:, hidden] = -np.inf
    _, gradients = gradient(inputs, cotangents)
    for name in ("k", "v"):
        report.check(f"d_{name} is finite", bool(np.isfinite(gradients[name]).all()))
        report.check(f"d_{name} of masked tokens is zero", not gradients[name][:, hidden].any())


def some_gradients(context, report):
    """Only what is asked for is there, and is the same; a gradient that nothing flows to is zero if it is asked for."""
    config = Config(key_dim=16, value_dim=16, norm="rms+w", state="inout")
    program, every = make_gradient(context, config)
    inputs, cotangents = make_case(program, config, 2, 35, "normal")
    _, wanted = every(inputs, cotangents)
    for names in (["v"], ["zg", "norm_weight"], ["initial_state"], ["initial_max", "q"]):
        _, some = make_gradient(context, config, options=[f"--gradient-wrt={','.join(names)}"])
        _, gradients = some(inputs, cotangents)
        report.check(f"{names}: which", sorted(gradients) == sorted(names), str(sorted(gradients)))
        for name, array in gradients.items():
            if name == "initial_max":
                report.check("d_initial_max is zero", not array.any())
            else:
                report.error(f"{names}: d_{name}", reference.relative_error(array, wanted[name]), 1e-6)
    _, of_state = make_gradient(context, config, options=["--gradient-of=final_state"])
    _, gradients = of_state(inputs, {"final_state": cotangents["final_state"]})
    _, wanted = every(inputs, {**cotangents, "y": np.zeros_like(cotangents["y"])})
    report.check("of the state: no gradient of queries", "q" not in gradients and "v" in gradients, str(sorted(gradients)))
    for name, array in gradients.items():
        report.error(f"of the state: d_{name}", reference.relative_error(array, wanted[name]), 1e-6)


def same_bits(context, report):
    config = Config(key_dim=16, value_dim=16, norm="rms+w", output_gate=True, gate="refined.key")
    program, gradient = make_gradient(context, config)
    inputs, cotangents = make_case(program, config, 3, 70, "normal")
    (y, first), (y_again, second) = gradient(inputs, cotangents), gradient(inputs, cotangents)
    for name in y:
        report.check(f"{name}, again", y[name].tobytes() == y_again[name].tobytes())
    for name in first:
        report.check(f"d_{name}, again", first[name].tobytes() == second[name].tobytes())


def block(output_gate, norm):
    """A whole block in f64 against differences of the reference, its maxima standing still because keys are far apart."""

    def run(context, report):
        weights = block_cases.onnx_block.make_weights(12, 2, 4, 6, output_gate)
        weights = {name: array.astype(np.float64) for name, array in weights.items()}
        text = block_cases.block_text("f64", weights, "token", norm).replace("f32", "f64")
        gradient = Gradient(context, text, entry="block", options=["--gradient"])
        generator = np.random.default_rng(3)
        inputs = {"x": generator.standard_normal((2, 5, 12)), **weights}
        cotangents = {"y": generator.standard_normal((2, 5, 12))}
        _, gradients = gradient(inputs, cotangents)
        maxima = block_maxima(inputs)

        def loss(arrays):
            return float((block_standing_still(arrays, maxima, norm) * cotangents["y"]).sum())

        y = reference.block(inputs["x"], weights, norm_kind=norm, stabilizer="token")[0]
        report.error("y", reference.relative_error(block_standing_still(inputs, maxima, norm), y), 1e-12)
        report.check("which", set(gradients) == set(inputs), str(sorted(gradients)))
        for name, array in gradients.items():
            direction, step = generator.standard_normal(inputs[name].shape), 1e-5
            ahead, behind = ({**inputs, name: inputs[name] + sign * step * direction} for sign in (1, -1))
            difference = (loss(ahead) - loss(behind)) / (2 * step)
            report.error(f"d_{name}", abs(float((array * direction).sum()) - difference) / float(np.linalg.norm(array)), 1e-7)

    return run


def block_maxima(w):
    return [np.einsum("btm,mhd->bthd", w["x"], w[name]).max(axis=-1, keepdims=True) for name in ("query", "key")]


def block_standing_still(w, maxima, norm):
    """reference.block with given maxima."""

    def project(name):
        return np.einsum("btm,mhd->bthd", w["x"], w[name])

    decay = reference.gate("refined", project("gate") + w["gate_bias"], project("refine") + w["refine_bias"])
    query, key = (np.exp(project(name) - m) for name, m in zip(("query", "key"), maxima))
    o, _, _ = reference.attention(query, key, project("value"), decay=decay, axis="key")
    y = reference.norm(norm, o, w["norm"])
    if "output_gate" in w:
        y = reference.output_gate(y, project("output_gate"))
    return np.einsum("bthv,hvm->btm", y, w["output"])


def quick_cases():
    small = {"key_dim": 16, "value_dim": 16}
    for config, memory in (
        (Config(dtype="f64", norm="rms+w", output_gate=True, state="inout", **small), "balanced"),
        (Config(norm="layer+wb", gate="log.head", query="hedgehog", key="elu1", group=2, **small), "speed"),
        (Config(query="identity", key="identity", gate="refined.key", rule="gated_delta", state="inout", **small), "min"),
    ):
        runs = [(2, shortest(config), "normal"), (2, 40, "normal"), (1, 40, "strong")]
        yield Case(f"quick: {config} memory={memory}", against_reference(config, memory, runs))
    packed = packed_configs()[0]
    yield Case(f"quick: {packed}", against_reference(packed, "balanced", [(1, 70, "normal")]))
    yield Case("quick: expressions", expressions.against_differences(0, 40))


def all_cases():
    yield from matrix_cases()
    yield from hard_cases()
    yield Case("masked tokens", masked_tokens)
    yield Case("some gradients", some_gradients)
    yield Case("same bits", same_bits)
    for output_gate, norm in ((False, "rms"), (True, "layer")):
        yield Case(f"block: {norm}, output gate {output_gate}", block(output_gate, norm))
    for part in range(6):
        yield Case(f"expressions: part {part}", expressions.against_differences(part, 40))
    yield Case("expressions: every op", expressions.every_op)
    yield Case("expressions: where they have kinks", expressions.kinks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--lowering", choices=["tiled", "reference", "both"], default="both")
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    cases = [case for case in (quick_cases() if arguments.quick else all_cases()) if arguments.only in case.name]
    if arguments.list:
        print("\n".join(case.name for case in cases))
        return
    report = run_cases(cases, arguments.build.resolve(), "cpu", arguments.lowering, arguments.jobs)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
