#!/usr/bin/env python3
"""What an op of PyTorch's costs beside its kernel: host time of a call, and the first call. Writes results/torch.md.

usage: torch_ops.py [--build DIR]
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]

FIRST = """
import sys, time, torch
torch.ops.load_library(sys.argv[1])
x = torch.randn(1, 16, 4, 64)
start = time.perf_counter()
torch.ops.fgla.fgla(x, x, x, [x, x])
print(time.perf_counter() - start)
"""


def fastest(function, calls=50, repeats=400):
    """Microseconds of a call, the fastest of REPEATS rows of CALLS: what else runs on the machine only adds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        best = min(best, (time.perf_counter() - start) / calls)
    return best * 1e6


def host_times():
    """Name to microseconds, for one token of one head: there is nothing to compute."""
    ops = torch.ops.fgla
    x = [torch.randn(1, 1, 1, 8) for _ in range(5)]
    weight = torch.ones(8)
    state, maximum = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1)
    token = [y[:, 0] for y in x]
    meta, meta_weight = [y.to("meta") for y in x], weight.to("meta")
    trained = [y.clone().requires_grad_() for y in x]
    rows = {}
    with torch.inference_mode():
        rows["`torch.add`, for comparison"] = fastest(lambda: torch.add(weight, weight))
        rows["`fgla`, shapes alone"] = fastest(lambda: ops.fgla(*meta[:3], meta[3:], norm_weight=meta_weight))
        rows["`attention`"] = fastest(lambda: ops.attention(x[0], x[1], x[2], x[3]))
        rows["`fgla`"] = fastest(lambda: ops.fgla(*x[:3], x[3:], norm_weight=weight))
        rows["`step_`"] = fastest(lambda: ops.step_(*token[:3], token[3:], state, maximum, norm_weight=weight))
    rows["`attention`, which makes a node for a gradient"] = fastest(lambda: ops.attention(*trained[:4]))
    return rows


def first_calls(library, repeats=5):
    """Seconds of the first call in a process: with an empty cache, and with what that left there. The fastest of REPEATS."""
    cold, cached = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            for times in (cold, cached):
                done = subprocess.run([sys.executable, "-c", FIRST, library], env={**os.environ, "FGLA_CACHE_DIR": folder}, capture_output=True, text=True, check=True)
                times.append(float(done.stdout))
    return min(cold), min(cached)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    library = str(parser.parse_args().build.resolve() / "lib" / "libfgla_torch.so")
    torch.ops.load_library(library)
    processor = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    lines = [
        f"{processor}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}; one run of `torch_ops.py`.",
        "",
        "Host time of a call from Python, dispatcher and kernel included, one token of one head of 8",
        "channels in f32: the fastest of 400 rows of 50 calls.",
        "",
        "| call | µs |",
        "|---|---|",
        *(f"| {name} | {time:.1f} |" for name, time in host_times().items()),
        "",
        "First call of `fgla` in a process, 4 heads of 64, the fastest of 5:",
        "",
        "| | s |",
        "|---|---|",
        *(f"| {name} | {time:.3f} |" for name, time in zip(("nothing compiled yet", "compiled by another process"), first_calls(library))),
    ]
    text = "\n".join(lines) + "\n"
    (ROOT / "benchmarks" / "results" / "torch.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
