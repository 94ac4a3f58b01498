#!/usr/bin/env python3
"""The demonstration behind `make demo`: models go in, numbers come out, and numbers from elsewhere say whether they are right.

usage: demo.py [--build DIR]
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

import numpy as np
import onnx_block
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BOUND = 1e-5


def run(*command):
    """Runs a tool; returns (its output, seconds). Where it fails, so does the demo, with the tool's words."""
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        words = (done.stdout + done.stderr)[:2000]
        sys.exit(f"\nerror: {' '.join(os.path.basename(str(word)) for word in command)} gave exit code {done.returncode}\n{words}")
    return done.stdout, time.monotonic() - start


def node_tests(build):
    """ONNX's official test models, from its source distribution, with the numbers that ship with them."""
    cache = (build / "CMakeCache.txt").read_text()
    source = re.search(r"^FGLA_ONNX_SOURCE_DIR:\w+=(.*)$", cache, re.MULTILINE).group(1)
    folder = pathlib.Path(source, "onnx", "backend", "test", "data", "node")
    tests = sorted(f for f in folder.glob("test_linear_attention_*") if not f.name.endswith("_expanded"))
    print(f"1. ONNX's {len(tests)} official test models of LinearAttention, compiled and run on the data that ships with them")
    for test in tests:
        output, seconds = run(build / "bin" / "fgla-run", "--test-data", test)
        print(f"   {test.name:55} {output.strip()}  ({seconds:.2f} s)")


def compare(name, results, expected):
    error = float(np.linalg.norm(results - expected) / np.linalg.norm(expected))
    print(f"   {name}: first numbers {np.array2string(results.ravel()[:4], precision=5)}, expected {np.array2string(expected.ravel()[:4], precision=5)}")
    print(f"   relative difference {error:.1e} (allowed {BOUND:g}): {'agrees' if error <= BOUND else 'WRONG'}")
    return error <= BOUND


def block(build, folder, stabilizer):
    """A whole FGLA block with random weights, and what ONNX's reference evaluator computes for it."""
    run(sys.executable, HERE / "onnx_block.py", folder, "--stabilizer", stabilizer)
    expected = load_file(folder / "expected.safetensors")
    x = load_file(folder / "inputs.safetensors")["x"]
    model = onnx_block.onnx.load(folder / "block.onnx")
    return model, x, expected


def onnx_model(build, folder):
    model, x, expected = block(build, folder, "token")
    kinds = [node.op_type for node in model.graph.node]
    print(f"\n2. A whole FGLA block as an ONNX model: {len(kinds)} standard operators, {', '.join(dict.fromkeys(kinds))}")
    output = folder / "output.safetensors"
    arguments = [folder / "block.onnx", f"--inputs={folder / 'inputs.safetensors'}", f"--outputs={output}"]
    _, seconds = run(build / "bin" / "fgla-run", *arguments)
    print(f"   input {list(x.shape)}; compiled and run in {seconds:.2f} s; expected: ONNX's reference evaluator")
    results = load_file(output)
    return all([compare(name, results[name], expected[name]) for name in expected])


def mlir_program(build, folder):
    _, x, expected = block(build, folder, "running")
    print("\n3. The same block as a program, examples/fgla_block.mlir, its keys stabilized by their running maximum")
    output = folder / "output.safetensors"
    inputs = [f"--inputs={folder / name}.safetensors" for name in ("inputs", "weights")]
    _, seconds = run(build / "bin" / "fgla-run", HERE / "fgla_block.mlir", *inputs, f"--outputs={output}")
    timing, _ = run(build / "bin" / "fgla-run", HERE / "fgla_block.mlir", *inputs, "--time")
    print(f"   input {list(x.shape)}; compiled and run in {seconds:.2f} s; expected: ONNX's reference evaluator")
    good = compare("y", load_file(output)["y"], expected["y"])
    print(f"   one call takes {timing.strip().removeprefix('time: ')}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    build = parser.parse_args().build.resolve()
    folder = build / "demo"
    node_tests(build)
    good = [onnx_model(build, folder / "onnx"), mlir_program(build, folder / "mlir")]
    print("\nEverything agrees." if all(good) else "\nSomething is wrong.")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
