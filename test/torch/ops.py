#!/usr/bin/env python3
"""Compares the ops and their gradients with the references of test/numeric, and with differences in float64.

usage: ops.py [--build DIR] [--quick] [--only TEXT]

Prints each comparison that fails; ends with `N passed, N failed`.
"""

import argparse
import dataclasses
import pathlib
import sys

import binding
import torch
from binding import ROOT, arguments, options, to_numpy, to_torch

import gradient_case
import gradient_reference
import reference
from program import Config, Program, expected, packed_configs
from reporting import Report

SMALL = {"key_dim": 8, "value_dim": 6}
# Between them, every value of every option.
CONFIGS = [
    Config(norm="rms+w", output_gate=True, state="inout", **SMALL),
    Config(dtype="f64", query="elu1", key="relu", gate="factor.value", norm="layer+wb", group=2, state="in", **SMALL),
    Config(dtype="bf16", query="softmax", key="hedgehog", gate="log.head", norm="rms+hw", state="out", **SMALL),
    Config(dtype="f16", query="exp", key="logits:token", gate="sigmoid.head", **SMALL),
    Config(query="custom", key="custom", gate="custom.key", norm="layer", **SMALL),
    Config(dtype="f64", query="custom", key="identity", gate="log_custom.head", rule="gated_delta", state="inout", **SMALL),
    Config(query="elu1*W", key="logits*W:running", gate="log_refined.key", norm="rms+w", group=2, state="inout", **SMALL),
    Config(query="hedgehog", key="logits:sequence", gate="log.constant", output_gate=True, state="inout", scale=0.25, **SMALL),
    Config(query="identity", key="identity", gate="none", rule="delta", beta="one", **SMALL),
    Config(dtype="bf16", key="softmax", gate="factor.constant", state="inout", narrow_state=True, **SMALL),
    packed_configs()[0],
]


def run(ops, config, x):
    output, state, maximum = ops.fgla(**arguments(x), **options(config), final_state="out" in config.state)
    return {"y": output, "final_state": state, "final_max": maximum}


def against_reference(ops, config, report):
    program = Program(config) if config.dtype != "f64" else gradient_program(config)
    for batch, tokens in ((2, gradient_case.shortest(config)), (2, 37), (1, 70)):
        if config.sequences:
            batch = 1
        inputs, cotangents = gradient_case.make_case(program, config, batch, tokens, "normal")
        x = {name: to_torch(array) for name, array in inputs.items()}
        for name, tensor in x.items():
            tensor.requires_grad_(tensor.is_floating_point() and name != "initial_max")
        results = run(ops, config, x)
        wanted = expected(config, inputs)
        for name in cotangents:
            error = reference.relative_error(to_numpy(results[name]), wanted[name])
            report.error(f"{config} T={tokens}, {name}", error, gradient_case.BOUNDS[config.dtype])
        check_gradients(report, config, tokens, x, results, inputs, cotangents)


def check_gradients(report, config, tokens, x, results, inputs, cotangents):
    wrt = {name: tensor for name, tensor in x.items() if tensor.requires_grad}
    found = torch.autograd.grad([results[name] for name in cotangents], wrt.values(), [to_torch(array) for array in cotangents.values()])
    wanted = gradient_reference.program_gradients(config, inputs, cotangents)
    report.check(f"{config}, which gradients", set(wrt) == set(wanted), f"{sorted(wrt)} rather than {sorted(wanted)}")
    narrow = config.dtype in gradient_case.ROUNDING
    own = gradient_case.roundings(config, inputs, cotangents, wanted) if narrow else {}
    for name, tensor in zip(wrt, found):
        report.check(f"{config}, type of d_{name}", tensor.dtype == wrt[name].dtype and tensor.shape == wrt[name].shape)
        error = reference.relative_error(to_numpy(tensor), wanted[name])
        report.error(f"{config} T={tokens}, d_{name}", error, max(gradient_case.BOUNDS[config.dtype], own.get(name, 0)))


def gradient_program(config):
    """What Program makes for f32, since it knows no f64; make_case() widens the arrays."""
    return Program(dataclasses.replace(config, dtype="f32"))


def differences(ops, report):
    """gradcheck in float64. Keys are far apart, so that maxima, which count as constants, stay where they are."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    q, k, v, zg, zr = normal(2, 5, 4, 3), normal(2, 5, 2, 3), normal(2, 5, 2, 2), normal(2, 5, 2, 3), normal(2, 5, 2, 3)
    state, weight, zo = normal(2, 2, 3, 2), normal(2), normal(2, 5, 4, 2)

    def attention(q, k, v, decay, state):
        return ops.attention(q, k, v, decay.sigmoid(), initial_state=state, final_state=True)[:2]

    def fgla(q, k, v, zg, zr, state, weight, zo):
        made = ops.fgla(q, k, v, [zg, zr], output_gate=zo, norm_weight=weight, initial_state=state, final_state=True,
                        query_map="softmax", key_map="elu1", stabilizer="none")  # fmt: skip
        return made[:2]

    report.check("gradcheck of attention", torch.autograd.gradcheck(attention, (q, k, v, zg, state)))
    report.check("gradcheck of fgla", torch.autograd.gradcheck(fgla, (q, k, v, zg, zr, state, weight, zo)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    ops = binding.load(given.build.resolve())
    report = Report()
    for config in CONFIGS[:2] if given.quick else CONFIGS:
        if given.only in str(config):
            against_reference(ops, config, report)
    if given.only in "differences":
        differences(ops, report)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
