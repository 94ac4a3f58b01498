#!/usr/bin/env python3
"""Runs the test suites, prints one line for each and the sum as the last line.

usage: run.py [--build DIR] [--tier quick|full] [SUITE...]

A suite's output goes to DIR/test/results/SUITE.log; what failed is printed. The exit code is 1 if anything failed or a suite ran no test.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent


def find_assembler():
    """NVIDIA's assembler from the environment of this Python, for tests of GPU code. What a user names goes first."""
    found = sorted(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/nvidia/*/bin/ptxas"))
    return {"FGLA_PTXAS": str(found[0])} if found and "FGLA_PTXAS" not in os.environ else {}


CLOSING_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)
MAX_LINES_SHOWN = 60


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


class Runner:
    def __init__(self, build):
        self.build = build
        self.results = build / "test" / "results"
        shutil.rmtree(self.results, ignore_errors=True)
        self.results.mkdir(parents=True)

    def run(self, suite, command, environment=None):
        """Runs COMMAND with its output in the suite's log, and returns (exit code, output)."""
        log = self.results / f"{suite}.log"
        with open(log, "w") as file:
            code = subprocess.run(
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **find_assembler(), **(environment or {})},
            ).returncode
        return code, log.read_text(errors="replace")

    def lit(self, tier):
        cache = (self.build / "CMakeCache.txt").read_text()
        lit = re.search(r"^LLVM_EXTERNAL_LIT:\w+=(.*)$", cache, re.MULTILINE).group(1)
        report = self.results / "lit.json"
        # A run of a fuzzer takes a minute by itself.
        leave_out = ["--filter-out", "fuzz/"] if tier == "quick" else []
        code, output = self.run("lit", [sys.executable, lit, "-sv", *leave_out, "--output", report, self.build / "test"])
        counts = Counts()
        if report.is_file():
            for test in json.loads(report.read_text())["tests"]:
                if test["code"] in ("PASS", "XFAIL", "FLAKYPASS"):
                    counts.passed += 1
                elif test["code"] in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
                    counts.skipped += 1
                else:
                    counts.failed += 1
        return code, output, counts

    def unit(self):
        """ctest: a gtest binary counts as its cases, any other test as one."""
        cases = self.results / "gtest"
        report = self.results / "ctest.xml"
        code, output = self.run(
            "unit",
            ["ctest", "--test-dir", self.build, "--output-on-failure", "--output-junit", report],
            {"GTEST_OUTPUT": f"xml:{cases}/"},
        )
        counts = Counts()
        if not report.is_file():
            return code, output, counts
        for test in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            of_gtest = cases / f"{test.get('name')}.xml"
            if of_gtest.is_file():
                suites = xml.etree.ElementTree.parse(of_gtest).getroot()
                failed = int(suites.get("failures")) + int(suites.get("errors"))
                skipped = sum(case.get("result") == "skipped" for case in suites.iter("testcase"))
                counts += Counts(int(suites.get("tests")) - failed - skipped, failed, skipped)
                # A binary that fails after its last case (a leak found at exit, say).
                # Without a GPU, ctest says "notrun" of a program whose cases skip themselves.
                ran = test.get("status") == "run" or (test.get("status") == "notrun" and skipped > 0)
                counts.failed += not ran and failed == 0
            elif test.get("status") == "run":
                counts.passed += 1
            else:
                counts.failed += 1
        return code, output, counts

    def in_onnx_runtime(self, *command):
        """ONNX Runtime has an environment of its own."""
        folder, requirements = ROOT / ".venv-ort", ROOT / "test" / "requirements-ort.txt"
        subprocess.run([ROOT / "cmake" / "setup.sh", "venv", folder, requirements, "--no-deps"], check=True)
        return self.script("onnx-runtime", *command, python=folder / "bin" / "python")

    def script(self, suite, *command, environment=None, python=sys.executable):
        """A script of ours, which ends in the closing line."""
        code, output = self.run(suite, [python, *command], environment)
        lines = CLOSING_LINE.findall(output)
        return code, output, Counts(*(int(number or 0) for number in lines[-1])) if lines else Counts()

    def demo(self):
        """One test: the demonstration agrees with the numbers it compares with."""
        code, output = self.run("demo", [sys.executable, ROOT / "examples" / "demo.py", "--build", self.build])
        return code, output, Counts(passed=int(code == 0), failed=int(code != 0))

    def suites(self, tier):
        numeric = ROOT / "test" / "numeric"
        quick = ["--quick"] if tier == "quick" else []
        build = ["--build", self.build]
        cache = (self.build / "CMakeCache.txt").read_text()
        # Kernels for a GPU on this machine's processor: the driver is one that runs PTX, so nothing is assembled.
        emulator = {"LD_LIBRARY_PATH": str(self.build / "lib" / "emulator"), "FGLA_PTXAS": ""}
        suites = {
            "layering": lambda: self.script("layering", ROOT / "test" / "layering" / "check.py"),
            "docs": lambda: self.script("docs", ROOT / "test" / "docs" / "check.py", *build),
            "pages": lambda: self.script("pages", ROOT / "test" / "docs" / "pages.py", *build),
            "lit": lambda: self.lit(tier),
            "passes": lambda: self.script("passes", ROOT / "test" / "passes" / "every_pass.py", *build),
            "unit": self.unit,
            "reference": lambda: self.script("reference", numeric / "test_reference.py", *quick),
            "gradient-reference": lambda: self.script("gradient-reference", numeric / "test_gradient_reference.py", *quick),
            "onnx-nodes": lambda: self.script("onnx-nodes", numeric / "onnx_nodes.py", *build),
            "onnx-export": lambda: self.script("onnx-export", numeric / "onnx_export.py", *build),
            "onnx-runtime": lambda: self.in_onnx_runtime(numeric / "onnx_runtime.py", *build, *quick),
            "onnx-graphs": lambda: self.script("onnx-graphs", numeric / "onnx_graphs.py", *build, *quick),
            "onnx-attention": lambda: self.script("onnx-attention", numeric / "onnx_attention.py", *build),
            "onnx-cases": lambda: self.script("onnx-cases", numeric / "onnx_cases.py", *build),
            "spills": lambda: self.script("spills", ROOT / "test" / "spills" / "spills.py", *build),
            "demo": self.demo,
            "numeric": lambda: self.script("numeric", numeric / "matrix.py", *build, *quick),
            "gradient": lambda: self.script("gradient", numeric / "gradient.py", *build, *quick),
            "emulated": lambda: self.script("emulated", numeric / "matrix.py", *build, *quick, "--target=sm_90a", environment=emulator),
        }
        if re.search(r"^FGLA_TORCH:BOOL=ON$", cache, re.MULTILINE):
            python = re.search(r"^FGLA_TORCH_PYTHON:FILEPATH=(.*)$", cache, re.MULTILINE).group(1)
            suites["torch"] = lambda: self.script("torch", ROOT / "test" / "torch" / "run.py", *build, *quick, python=python)
        return suites


def show(code, output, log):
    lines = output.rstrip().splitlines()
    if len(lines) > MAX_LINES_SHOWN:
        print(f"    ... {len(lines) - MAX_LINES_SHOWN} lines before these are in {log}")
    for line in lines[-MAX_LINES_SHOWN:]:
        # Only this script's own last line is the closing line.
        print("    " + line)
    print(f"    exit code {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--tier", choices=["quick", "full"], default="full")
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    arguments = parser.parse_args()
    runner = Runner(arguments.build.resolve())
    suites = runner.suites(arguments.tier)
    for name in arguments.suites:
        if name not in suites:
            sys.exit(f"error: no suite is named '{name}'; there are {', '.join(suites)}")

    total, good = Counts(), True
    for name in arguments.suites or suites:
        start = time.monotonic()
        code, output, counts = suites[name]()
        if counts.passed + counts.failed == 0:
            print(f"{name}: no test was run")
            counts.failed += 1
        elif code != 0 and counts.failed == 0:
            print(f"{name}: exit code {code} though no test failed")
            counts.failed += 1
        if counts.failed:
            good = False
            show(code, output, runner.results / f"{name}.log")
        skipped = f", {counts.skipped} skipped" if counts.skipped else ""
        print(f"{name:12} {counts.passed:5} passed  {counts.failed:3} failed{skipped}  ({time.monotonic() - start:.1f} s)", flush=True)
        total += counts
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
