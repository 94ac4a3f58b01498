#!/usr/bin/env python3
"""The ops on a GPU against the ops on the CPU: numbers, streams, graphs, and what is refused there.

usage: cuda.py [--build DIR]

Needs a GPU. Prints each check that fails; ends with `N passed, N failed`.
"""

import argparse
import pathlib
import sys

import binding
import torch
from behavior import raises
from binding import ROOT, arguments, options, to_torch

import gradient_case
from ops import run
from program import Config, Program
from reporting import Report

LARGE = {"key_dim": 64, "value_dim": 64}
CONFIGS = [
    Config(dtype="bf16", norm="rms+w", state="inout", **LARGE),
    Config(dtype="bf16", norm="rms+w", output_gate=True, heads=4, group=2, **LARGE),
    Config(dtype="f16", query="softmax", key="hedgehog", gate="log.head", norm="layer", state="out", **LARGE),
    Config(dtype="f32", gate="log_refined.key", norm="rms", state="out", **LARGE),
    Config(dtype="bf16", query="elu1", key="elu1", gate="log.constant", state="inout", **LARGE),
    Config(dtype="bf16", query="custom", key="custom", gate="custom.key", norm="rms", key_dim=128, value_dim=128),
]
BOUNDS = {"f32": 4e-5, "bf16": 2e-2, "f16": 2e-2}


def against_cpu(ops, config, report):
    """In float32 on the CPU, from the rounded inputs."""
    program = Program(config)
    for batch, tokens in ((2, 1), (2, 100), (1, 1000)):
        inputs, _ = gradient_case.make_case(program, config, batch, tokens, "normal")
        x = {name: to_torch(array) for name, array in inputs.items()}
        found = run(ops, config, {name: tensor.cuda() for name, tensor in x.items()})
        wanted = run(ops, config, {name: tensor.float() for name, tensor in x.items()})
        for name, tensor in found.items():
            if tensor.numel() and name != "final_max":
                error = ((tensor.cpu().double() - wanted[name].double()).norm() / wanted[name].double().norm()).item()
                report.error(f"{config} T={tokens}, {name}", error, BOUNDS[config.dtype])


def make(tokens=128, dtype=torch.bfloat16, **more):
    generator = torch.Generator("cuda").manual_seed(0)
    return [torch.randn(2, tokens, 4, 64, generator=generator, device="cuda", dtype=dtype, **more) for _ in range(5)]


def layouts(ops, report):
    q, k, v, zg, zr = given = make()
    wanted = ops.fgla(q, k, v, [zg, zr])[0]
    transposed = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in given]
    report.check("transposed", torch.equal(ops.fgla(*transposed[:3], transposed[3:])[0], wanted))
    shifted = [torch.cat([x.flatten()[:1], x.flatten()])[1:].view_as(x) for x in given]  # two bytes from where it is aligned
    report.check("not aligned", torch.equal(ops.fgla(*shifted[:3], shifted[3:])[0], wanted))
    report.check("same bits again", torch.equal(ops.fgla(q, k, v, [zg, zr])[0], wanted))


def streams(ops, report):
    q, k, v, zg, zr = make(4096)
    wanted = ops.fgla(q, k, v, [zg, zr])[0]
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        later = ops.fgla(q * 1, k * 1, v * 1, [zg * 1, zr * 1])[0]
    side.synchronize()
    report.check("another stream", torch.equal(later, wanted))


def graphs(ops, report):
    q, k, v, zg, zr = given = make()
    wanted = ops.fgla(q, k, v, [zg, zr])[0]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = ops.fgla(q, k, v, [zg, zr])[0]
    for x in given:
        x.mul_(0.5)
    graph.replay()
    report.check("graph", torch.equal(y, ops.fgla(q, k, v, [zg, zr])[0]) and not torch.equal(y, wanted))

    def miss():
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            ops.fgla(q, k, v, [zg, zr], scale=0.321)

    said = raises(miss, "fgla::fgla: this call is not compiled yet, which cannot be done while a graph is captured")
    report.check("a miss while a graph is captured", not said, said)
    torch.cuda.synchronize()
    report.check("after the miss", ops.fgla(q, k, v, [zg, zr], scale=0.321)[0].isfinite().all().item())


def carried_state(ops, report):
    """Decoding in graphs that torch.compile makes, which overwrite their outputs: the caller keeps copies."""
    x = [y[:, :6] for y in make()]
    state, maximum = torch.zeros(2, 4, 64, 64, device="cuda"), torch.full((2, 4), -torch.inf, device="cuda")

    @torch.compile(mode="reduce-overhead", fullgraph=True)
    def step(q, k, v, zg, zr, state, maximum):
        return ops.step(q, k, v, [zg, zr], state, maximum)

    wanted = ops.fgla(*x[:3], x[3:])[0]
    for t in range(6):
        torch.compiler.cudagraph_mark_step_begin()
        y, state, maximum = (made.clone() for made in step(*[y[:, t].contiguous() for y in x], state, maximum))
        report.error(f"step {t} in a graph", ((y - wanted[:, t]).float().norm() / wanted[:, t].float().norm()).item(), 2e-2)


def refused(ops, report):
    q, k, v, zg, zr = make(requires_grad=True)
    said = raises(lambda: ops.fgla(q, k, v, [zg, zr]), "fgla::fgla: gradients are computed on the CPU only", "cuda:0")
    report.check("gradient", not said, said)
    q, k, v, zg, zr = make()
    said = raises(lambda: ops.fgla(q, k.cpu(), v, [zg, zr]), "argument 'key' must be on the device of 'query', cuda:0, got cpu")
    report.check("devices", not said, said)
    said = raises(lambda: ops.attention(q, k, v, beta=q[..., 0], rule="delta"), "cannot compile for sm_")
    report.check("delta rule", not said, said)


def autocast(ops, report):
    q, k, v, zg, zr = make(dtype=torch.float32)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        y, state, _ = ops.fgla(q, k, v, [zg, zr], final_state=True)
    report.check("autocast", y.dtype == torch.bfloat16 and state.dtype == torch.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("error: there is no GPU")
    ops = binding.load(given.build.resolve())
    report = Report()
    for config in CONFIGS:
        against_cpu(ops, config, report)
    for function in (layouts, streams, graphs, carried_state, refused, autocast):
        function(ops, report)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
