#!/usr/bin/env python3
"""Compiles FGLA for every GPU in the compiler's table and fails where NVIDIA's assembler had to spill registers.

usage: spills.py [--build DIR] [--all] [--only TEXT] [--jobs N]

A program is the attention with its map, gate and norm, with states in and out. Without --all each architecture gets one type and size, all
together each type and size; with it, each name gets all (minutes). Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from program import Config, Program
from reporting import Report

DTYPES, SIZES = ("f32", "bf16", "f16"), (64, 128)

# Bytes of a kernel, which are to go: sums of f32 and what is lost of them, beside elements in three parts. Of 64 channels only where
# registers stay where they are.
ALLOWED = {("f32", 64): 512, ("f32", 128): 3584}
# Bytes that ptxas 13.1 is short of with 16 bits: a register or two with 128 channels, some more on sm_88, where no warp gets those of others.
FEW, FEW_WHERE_REGISTERS_STAY = 12, 40


def moves_registers(target):
    """Whether warps can have more of them than they started with (passes/Targets.cpp)."""
    return target[-1] in "af" and not target.startswith("sm_12")


def list_targets(build):
    """What an unknown name is answered with."""
    done = subprocess.run([build / "bin" / "fgla-compile", ROOT / "examples" / "fgla_attention.mlir", "--target=none", "-o", "none.o"], capture_output=True, text=True)
    return re.search(r"known: cpu, (.*)\)", done.stderr).group(1).split(", ")


def list_cases(targets, everything):
    """(target, type, size)"""
    if everything:
        return [(target, dtype, size) for target in targets for dtype in DTYPES for size in SIZES]
    # The newest code of each architecture; types and sizes in turn.
    newest = {re.sub(r"[af]$", "", target): target for target in targets}
    kinds = [(dtype, size) for size in reversed(SIZES) for dtype in ("bf16", "f32", "f16")]
    return [(target, *kinds[i % len(kinds)]) for i, target in enumerate(newest.values())]


def find_spills(build, folder, target, dtype, size):
    """The kernels that spill, and what went wrong, as text; empty if nothing did."""
    stem = folder / f"{target}_{dtype}_{size}"
    config = Config(dtype=dtype, key_dim=size, value_dim=size, heads=4, norm="rms+w", state="inout")
    stem.with_suffix(".mlir").write_text(Program(config).text())
    command = [build / "bin" / "fgla-compile", stem.with_suffix(".mlir"), f"--target={target}", "-o", stem.with_suffix(".o"), "--report=json"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.strip()[:500]}"
    kernels = json.loads(done.stdout)
    if not kernels or any("spill_bytes" not in kernel for kernel in kernels):
        return "the report has no spills"
    allowed = ALLOWED.get((dtype, size), FEW if size == 128 else FEW_WHERE_REGISTERS_STAY)
    if size == 64 and moves_registers(target):
        allowed = 0
    return ", ".join(f"{kernel['kernel']}: {kernel['spill_bytes']} bytes" for kernel in kernels if kernel["spill_bytes"] > allowed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    cases = [case for case in list_cases(list_targets(build), arguments.all) if arguments.only in " ".join(map(str, case))]
    if not os.environ.get("FGLA_PTXAS"):
        print(f"no assembler\n0 passed, 0 failed, {len(cases)} skipped")
        return
    report = Report()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda case: find_spills(build, pathlib.Path(folder), *case), cases)
        for case, spills in zip(cases, results):
            report.check(" ".join(map(str, case)), not spills, spills)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
