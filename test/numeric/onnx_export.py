#!/usr/bin/env python3
"""Imports all of ONNX's node tests and writes them back: each file is the same byte for byte, or cannot be imported.

usage: onnx_export.py [--build DIR] [--jobs N] [--only TEXT]

A model that can be imported and not be written, or is written otherwise, fails. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

from onnx_nodes import NUMBER_OF_TESTS, node_tests
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMPORTED = 1512  # the others have types or subgraphs that the reader refuses


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def write_back(tools, model, folder):
    """What is wrong with a model; None if nothing is, "refused" if it cannot be imported."""
    written = folder / f"{model.parent.name}.onnx"
    done = run(tools / "fgla-compile", model, "-o", written)
    if done.returncode == 0:
        same = written.read_bytes() == model.read_bytes()
        written.unlink()
        return None if same else "is written otherwise"
    if written.exists():
        return "leaves a file behind"
    # The reader's own error, not one of the writer.
    imported = run(tools / "fgla-translate", "--import-onnx", model, "-o", os.devnull)
    return "refused" if imported.returncode != 0 else done.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", metavar="TEXT")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    models = sorted(folder / "model.onnx" for folder in node_tests(build).iterdir() if arguments.only in folder.name)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="fgla_export_") as folder, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = list(pool.map(lambda model: write_back(build / "bin", model, pathlib.Path(folder)), models))
    for model, outcome in zip(models, outcomes):
        if outcome != "refused":
            report.check(model.parent.name, outcome is None, outcome)
    if len(models) == NUMBER_OF_TESTS:
        imported = sum(outcome != "refused" for outcome in outcomes)
        report.check(f"{IMPORTED} models are imported", imported == IMPORTED, f"found {imported}")
    sys.exit(report.close())


if __name__ == "__main__":
    main()
