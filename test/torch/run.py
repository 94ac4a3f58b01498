#!/usr/bin/env python3
"""Runs the scripts of this folder one after the other and adds up what they count.

usage: run.py [--build DIR] [--quick]
"""

import os
import pathlib
import re
import subprocess
import sys

SCRIPTS = (
    "ops.py", "behavior.py", "exported.py", "trace.py", "layer.py", "parallel.py", "train.py", "examples.py", "onnx_module.py", "install.py", "tutorial.py",
)  # fmt: skip


def main():
    total, good = [0, 0], True
    # Threads that wait do not take the time of those of other processes.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    for script in SCRIPTS:
        done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name(script), *sys.argv[1:]], stdout=subprocess.PIPE, text=True, env=environment)
        print(f"{script}:\n{done.stdout}", end="", flush=True)
        counts = re.findall(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
        passed, failed = map(int, counts[-1]) if counts else (0, 1)
        total[0] += passed
        total[1] += failed
        good = good and done.returncode == 0 and bool(counts)
    print(f"{total[0]} passed, {total[1]} failed")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
