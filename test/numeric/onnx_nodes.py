#!/usr/bin/env python3
"""Runs ONNX's official node tests of LinearAttention through fgla-run.

usage: onnx_nodes.py [--build DIR]

Models and numbers are those of ONNX's source distribution, which the build has fetched. Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import re
import subprocess
import sys

from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMBER_OF_TESTS = 14


def node_tests(build):
    """The folder of all of ONNX's node tests."""
    cache = (build / "CMakeCache.txt").read_text()
    source = re.search(r"^FGLA_ONNX_SOURCE_DIR:\w+=(.*)$", cache, re.MULTILINE)
    if not source:
        sys.exit(f"error: {build} was configured without the ONNX frontend")
    return pathlib.Path(source.group(1)) / "onnx" / "backend" / "test" / "data" / "node"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    build = parser.parse_args().build
    report = Report()
    # The _expanded twins hold the operator's function body instead of the operator.
    folders = sorted(f for f in node_tests(build).glob("test_linear_attention_*") if not f.name.endswith("_expanded"))
    report.check(f"there are {NUMBER_OF_TESTS} tests", len(folders) == NUMBER_OF_TESTS, f"found {len(folders)}")
    for folder in folders:
        command = [build / "bin" / "fgla-run", "--test-data", folder]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        detail = f"exit code {done.returncode}: {(done.stderr + done.stdout).strip()}"
        report.check(folder.name, done.returncode == 0 and "1 passed, 0 failed" in done.stdout, detail)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
