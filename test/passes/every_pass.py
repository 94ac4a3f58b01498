#!/usr/bin/env python3
"""Runs every pass and phase of ours on every input of the tests, whatever phase it is in: a pass either does its work or says in an error what it needs.

usage: every_pass.py [--build DIR] [--all] [--pass NAME]... [FILE...]

Inputs are the parts of all .mlir files of test/ and examples/, functions on odd types, and what each phase makes of the examples, for the CPU and for a GPU.
Without --all, each pass gets a sample of them, the same each time. An input that ends fgla-opt by a signal, or keeps it busy, is a failure. Ends with
`N passed, N failed`; a pass counts as one.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from reporting import Report

SEPARATOR = "\n// -----\n"
SECONDS = 10  # of a processor, for one input: many times what any needs
BYTES = 2 << 30
BATCH = 50  # inputs of one process
SAMPLE = 150  # inputs that a pass gets without --all

# Signatures that no entry function has, nesting, and functions that are none of ours.
ODD = [
    *(f"func.func @f(%x: {t}) -> {t} {{ return %x : {t} }}" for t in ("f32", "i64", "index", "tensor<*xf32>", "vector<4xf32>", "tensor<f32>", "memref<?xf32>", "complex<f32>", "none", "tuple<f32>", "tensor<4xcomplex<f32>>", "tensor<4xindex>")),
    "func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32>, f32, i1) { %a = arith.constant 1.0 : f32\n %b = arith.constant true\n return %x, %a, %b : tensor<4xf32>, f32, i1 }",
    "func.func @f(%c: i1, %x: tensor<4xf32>) -> tensor<4xf32> { cf.cond_br %c, ^a, ^b\n^a: return %x : tensor<4xf32>\n^b: return %x : tensor<4xf32> }",
    "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { cf.br ^a\n^a: cf.br ^a }",
    "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { llvm.unreachable }",
    "func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32>\nfunc.func @g(%x: tensor<4xf32>) -> tensor<4xf32> { %y = call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>\n return %y : tensor<4xf32> }",
    "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { %y = call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>\n return %y : tensor<4xf32> }",
    "module { module { func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> } } }",
    "llvm.func @f(%x: f32) -> f32 { llvm.return %x : f32 }",
    "gpu.module @m { llvm.func @k() attributes {gpu.kernel, nvvm.kernel} { llvm.return } }",
    "",
]


def parts(path):
    return [(f"{path.relative_to(ROOT)}#{i}", text) for i, text in enumerate(re.split(r"^// -----.*$", path.read_text(), flags=re.MULTILINE))]


def phases(tools, folder):
    """What the phases make of the examples."""
    for example in sorted(ROOT.glob("examples/*.mlir")):
        for name, options in {"cpu": [], "reference": ["--lowering=reference"], "roles": ["--lowering=roles"], "gpu": ["--target=sm_90a"], "old-gpu": ["--target=sm_80"]}.items():
            dump = folder / example.stem / name
            environment = {**os.environ, "FGLA_PTXAS": "none"}
            command = [tools / "fgla-compile", example, "--compile-to=kernel", f"--dump-phases={dump}", *options]
            subprocess.run(command, env=environment, capture_output=True)  # a block is no program for a GPU; what comes first is
            for file in sorted(dump.glob("*.mlir")):
                yield f"{example.stem}, {name}, phase {file.name}", file.read_text()


def limit(seconds):
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def run(tools, name, batch, folder):
    """The inputs of `batch` that end the tool or keep it busy, with what happened."""
    file = pathlib.Path(tempfile.mkstemp(dir=folder, suffix=".mlir")[1])
    file.write_text(SEPARATOR.join(text for _, text in batch))
    command = [tools / "fgla-opt", file, "--split-input-file", f"--{name}", "-o", "/dev/null", "--mlir-disable-threading"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=lambda: limit(SECONDS + len(batch)))
    file.unlink()
    if done.returncode in (0, 1):
        return []
    if len(batch) == 1:
        ends = {-signal.SIGXCPU: "no end", -signal.SIGKILL: "no end"}
        return [(batch[0][0], ends.get(done.returncode, f"exit code {done.returncode}"))]
    middle = len(batch) // 2
    return run(tools, name, batch[:middle], folder) + run(tools, name, batch[middle:], folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--pass", dest="passes", action="append")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    tools = arguments.build.resolve() / "bin"
    listed = subprocess.run([tools / "fgla-opt", "--help"], capture_output=True, text=True).stdout
    passes = arguments.passes or re.findall(r"^ +--(fgla-[\w-]+)", listed, re.MULTILINE)
    report = Report()
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)
        files = [file.resolve() for file in arguments.files] or sorted([*ROOT.glob("test/**/*.mlir"), *ROOT.glob("examples/*.mlir")])
        inputs = [part for file in files for part in parts(file)]
        always = [] if arguments.files else [(f"odd function {i}", text) for i, text in enumerate(ODD)]
        if not arguments.files:
            dumped = list(phases(tools, folder))
            report.check("the phases write what they make", len(dumped) >= 60, f"got {len(dumped)} modules")
            inputs += dumped
        everything = arguments.all or arguments.files

        def check(name):
            chosen = inputs if everything else random.Random(name).sample(inputs, min(SAMPLE, len(inputs)))
            chosen = always + chosen
            return name, [bad for i in range(0, len(chosen), BATCH) for bad in run(tools, name, chosen[i : i + BATCH], folder)]

        for name, bad in pool.map(check, passes):
            report.check(name, not bad, "; ".join(f"{what} on {where}" for where, what in bad))
        print(f"{len(passes)} passes, {len(inputs) + len(always)} inputs" + ("" if everything else f", {SAMPLE} of them for each pass"))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
