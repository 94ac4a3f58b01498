#!/usr/bin/env python3
"""torch.export keeps the ops, and what AOTInductor packages runs in a C++ program that has loaded the library.

usage: exported.py [--build DIR] [--quick]

Prints each check that fails; ends with `N passed, N failed`.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import binding
import torch
from binding import ROOT

from reporting import Report


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(6))

    def forward(self, q, k, v, zg, zr):
        y, state, _ = torch.ops.fgla.fgla(q, k, v, [zg, zr], norm_weight=self.weight, final_state=True)
        return y * 2, state


def inputs(tokens):
    return tuple(torch.randn(2, tokens, 2, size) for size in (8, 8, 6, 8, 8))


def close(found, wanted):
    return all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(found, wanted, strict=True))


def ops_of(program):
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function" and "fgla" in str(node.target)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true", help="without AOTInductor")
    given = parser.parse_args()
    build = given.build.resolve()
    binding.load(build)
    report = Report()
    torch.manual_seed(0)
    model = Model().eval()
    tokens = torch.export.Dim("tokens", min=2, max=4096)
    with torch.no_grad():
        program = torch.export.export(model, inputs(9), dynamic_shapes=({1: tokens},) * 5)
        report.check("export keeps the op", ops_of(program) == ["fgla.fgla.default"], str(ops_of(program)))
        lowered = program.run_decompositions()
        report.check("decompositions keep the op", ops_of(lowered) == ["fgla.fgla.default"], str(ops_of(lowered)))
        other = inputs(31)
        report.check("exported program", close(lowered.module()(*other), model(*other)))
        if not given.quick:
            with tempfile.TemporaryDirectory() as folder:
                packaged(report, build, pathlib.Path(folder), model, program, other)
    sys.exit(report.close())


def packaged(report, build, folder, model, program, given):
    package = torch._inductor.aoti_compile_and_package(program, package_path=str(folder / "model.pt2"))
    wanted = model(*given)
    report.check("package in Python", close(torch._inductor.aoti_load_package(package)(*given), wanted))
    torch.save(list(given), folder / "inputs.pt")
    command = [build / "test" / "torch" / "run-package", build / "lib" / "libfgla_torch.so", package, folder / "inputs.pt", folder / "outputs.pt"]
    done = subprocess.run(command, capture_output=True, text=True)
    report.check("package in C++ runs", done.returncode == 0, done.stderr)
    if done.returncode == 0:
        report.check("package in C++", close(torch.load(folder / "outputs.pt"), wanted))
    done = subprocess.run([command[0], "", *command[2:]], capture_output=True, text=True)
    report.check("package without the library", done.returncode == 1 and "fgla" in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
