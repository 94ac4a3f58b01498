#!/usr/bin/env python3
"""Runs all of ONNX's node tests through fgla-run. Each passes, or fails with the message that onnx_nodes.txt has for it.

usage: onnx_nodes.py [--build DIR] [--update] [--jobs N] [--only TEXT]

Models and numbers are those of ONNX's source distribution, which the build has fetched. A test that is better or worse than listed fails;
--update writes the list anew. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from listed import Listed
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = pathlib.Path(__file__).with_name("onnx_nodes.txt")
NUMBER_OF_TESTS = 1765
TESTS_IN_A_PROCESS = 40
SECONDS = 120  # for a process
HEADER = """\
# ONNX's node tests that do not pass: what fgla-run says, then the tests of which it says so. All others pass.
# Written by onnx_nodes.py --update.
"""


def node_tests(build):
    """The folder of all of ONNX's node tests."""
    cache = (build / "CMakeCache.txt").read_text()
    source = re.search(r"^FGLA_ONNX_SOURCE_DIR:\w+=(.*)$", cache, re.MULTILINE)
    if not source:
        sys.exit(f"error: {build} was configured without the ONNX frontend")
    return pathlib.Path(source.group(1)) / "onnx" / "backend" / "test" / "data" / "node"


# ---- What fgla-run says ------------------------------------------------------------------------------------------------------------


def kind_of(message):
    """A message without what differs between tests that fail alike: the file, names of nodes and values, numbers of a result."""
    message = re.sub(r"(?:file '[^']*': )+", "", message)
    message = re.sub(r" \(the node that gives '[^']*'\)", "", message)
    message = re.sub(r"\b(node|value|tensor|result|argument) '[^']*'", r"\1", message)
    return re.sub(r"must be \S+ at element \d+, got \S+", "has wrong numbers", message)


def run_process(run, folders, environment):
    """What is wrong with each test, or None for a test that passes, by name. A process that ends early tells nothing."""
    try:
        command = [run, *(word for folder in folders for word in ("--test-data", folder))]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {}, "does not end"
    if not re.search(r"^\d+ passed, \d+ failed$", done.stdout, re.MULTILINE):
        return {}, f"exit code {done.returncode} without a message"
    outcomes = dict.fromkeys(folder.name for folder in folders)
    outcomes.update(re.findall(r"^FAILED (\w+): (.*)", done.stderr, re.MULTILINE))
    return outcomes, None


def run_tests(run, folders, environment):
    """Many tests in a process; where one ends it, each in one of its own."""
    outcomes, problem = run_process(run, folders, environment)
    if problem and len(folders) == 1:
        return {folders[0].name: problem}
    if problem:
        for folder in folders:
            outcomes.update(run_tests(run, [folder], environment))
    return outcomes


def run_all(build, folders, jobs):
    parts = [folders[i : i + TESTS_IN_A_PROCESS] for i in range(0, len(folders), TESTS_IN_A_PROCESS)]
    with tempfile.TemporaryDirectory(prefix="fgla_nodes_") as cache, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        environment = {**os.environ, "FGLA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1"}
        outcomes = {}
        for part in pool.map(lambda part: run_tests(build / "bin" / "fgla-run", part, environment), parts):
            outcomes.update(part)
    return {name.removeprefix("test_"): kind_of(said) if said else None for name, said in outcomes.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", metavar="TEXT")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    folders = sorted(f for f in node_tests(build).iterdir() if f.is_dir())
    report = Report()
    report.check(f"there are {NUMBER_OF_TESTS} tests", len(folders) == NUMBER_OF_TESTS, f"found {len(folders)}")
    outcomes = run_all(build, [f for f in folders if arguments.only in f.name], arguments.jobs)
    Listed(LIST, HEADER).compare(report, outcomes, arguments.update)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
