#!/usr/bin/env python3
"""Times FGLA on the CPU against PyTorch's softmax attention and against FGLA in plain PyTorch, and writes a table and a plot.

usage: cpu_table.py [--gradients] [--build DIR] [--output DIR] [--tokens T,T,...] [--methods NAME;NAME;...] [--threads N] [--seconds S]

One process for each method and length, one after the other, with the same number of threads, f32. A call is repeated for S seconds (at least five
times) after a warm-up; the median and the 10% and 90% quantiles are kept, and the memory that the calls needed beyond inputs and outputs.
Writes cpu.json, cpu.md and cpu.png into DIR; with --gradients, which times forward and backward together, cpu_gradients.json and so on.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH, HEADS, DIM = 1, 4, 64
TOKENS = [512, 1024, 4096, 16384, 65536]
# Quadratic, or sequential: the longest length would say nothing new and take minutes.
LONGEST = {"PyTorch softmax attention": 16384, "fgla, reference": 16384}
CHECKED_TOKENS = 1024


def memory_kib(field):
    return int(re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text(), re.MULTILINE).group(1))


def measure(method, tokens, threads, build, seconds, gradients):
    """In a process of its own: {"median": ...} in seconds."""
    import methods

    inputs = methods.make_inputs(BATCH, tokens, HEADS, DIM)
    call = methods.methods(gradients)[method](inputs, threads, build)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = memory_kib("VmRSS")
    call()
    call()
    times = []
    while len(times) < 5 or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    memory = memory_kib("VmHWM") - before
    made = call()
    if "PyTorch" in method:  # its results are among what it allocates; ours are given
        memory -= sum(array.nbytes for array in made.values()) / 1024
    row = {"method": method, "tokens": tokens, "calls": len(times), "memory_mib": round(memory / 1024, 1)}
    row |= {name: float(np.quantile(times, q)) for name, q in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}
    if method != methods.SOFTMAX and tokens <= CHECKED_TOKENS:
        row["relative_error"] = methods.check(made, inputs, gradients)
    return row


def run_worker(arguments, method, tokens):
    # NumPy is here for the inputs; its threads would stand in the way.
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "OPENBLAS_NUM_THREADS": "1"}
    worker = ["--worker", method, "--tokens", str(tokens), "--threads", str(arguments.threads), "--seconds", str(arguments.seconds)]
    worker += ["--gradients"] if arguments.gradients else []
    command = [sys.executable, __file__, "--build", str(arguments.build), *worker]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: '{method}' with {tokens} tokens failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def machine(threads):
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    widest = next((f for f in ("avx512f", "avx2", "avx") if flags and f in flags.group(1).split()), "unknown")
    return {
        "processor": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "vectors": widest,
        "load_before": os.getloadavg()[0],
    }


def what(gradients):
    return "forward and backward" if gradients else "forward"


def table(result):
    rows = {(row["method"], row["tokens"]): row for row in result["rows"]}
    methods = list(dict.fromkeys(row["method"] for row in result["rows"]))
    lengths = sorted({row["tokens"] for row in result["rows"]})
    m = result["machine"]
    lines = [
        f"B = {BATCH}, H = {HEADS}, K = V = {DIM}, f32, {what(result['gradients'])}. {m['processor']}, {m['threads']} threads, {m['vectors']}, "
        f"PyTorch {result['torch']}. Milliseconds: median (10% to 90%).",
        "",
        "| T | " + " | ".join(methods) + " |",
        "|---|" + "---|" * len(methods),
    ]

    def cell(row):
        return f"{1e3 * row['median']:.2f} ({1e3 * row['p10']:.2f} to {1e3 * row['p90']:.2f})" if row else ""

    lines += [f"| {t} | " + " | ".join(cell(rows.get((method, t))) for method in methods) + " |" for t in lengths]
    lines += ["", "Memory beyond inputs and outputs, MiB:", ""]
    lines += ["| T | " + " | ".join(methods) + " |", "|---|" + "---|" * len(methods)]
    lines += [f"| {t} | " + " | ".join(str(rows[k]["memory_mib"]) if (k := (method, t)) in rows else "" for method in methods) + " |" for t in lengths]
    errors = [f"{row['method']} {row['relative_error']:.1e}" for row in result["rows"] if row["tokens"] == CHECKED_TOKENS and "relative_error" in row]
    if errors:
        lines += ["", f"Relative error against the float64 reference at T = {CHECKED_TOKENS}: " + ", ".join(errors) + "."]
    return "\n".join(lines) + "\n"


def plot(result, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["method"] == method]
        axes.plot([row["tokens"] for row in rows], [1e3 * row["median"] for row in rows], marker="o", label=method)
    axes.set(xscale="log", yscale="log", xlabel="tokens T", ylabel="milliseconds, median")
    lengths = sorted({row["tokens"] for row in result["rows"]})
    axes.set_xticks(lengths, [str(t) for t in lengths], minor=False)
    axes.minorticks_off()
    axes.set_title(f"{what(result['gradients']).capitalize()} on the CPU: B = {BATCH}, H = {HEADS}, K = V = {DIM}, f32, {result['machine']['threads']} threads", fontsize=10)
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=9)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--tokens", default=",".join(map(str, TOKENS)))
    parser.add_argument("--methods", default="")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    lengths = [int(t) for t in arguments.tokens.split(",")]
    if arguments.worker:
        print(json.dumps(measure(arguments.worker, lengths[0], arguments.threads, arguments.build, arguments.seconds, arguments.gradients)))
        return

    import methods
    import torch

    names = arguments.methods.split(";") if arguments.methods else list(methods.methods(arguments.gradients))
    result = {"machine": machine(arguments.threads), "torch": torch.__version__, "gradients": arguments.gradients}
    result |= {"shape": {"B": BATCH, "H": HEADS, "K": DIM, "V": DIM}, "rows": []}
    for tokens in lengths:
        for method in names:
            if tokens > LONGEST.get(method, tokens):
                continue
            row = run_worker(arguments, method, tokens)
            result["rows"].append(row)
            print(f"T={tokens:6} {method:28} {1e3 * row['median']:10.2f} ms  {row['memory_mib']:8.1f} MiB", flush=True)
    result["rows"].sort(key=lambda row: names.index(row["method"]))
    arguments.output.mkdir(parents=True, exist_ok=True)
    stem = "cpu_gradients" if arguments.gradients else "cpu"
    (arguments.output / f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.output / f"{stem}.md").write_text(table(result))
    plot(result, arguments.output / f"{stem}.png")
    print("\n" + table(result))


if __name__ == "__main__":
    main()
