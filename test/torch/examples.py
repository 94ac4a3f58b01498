#!/usr/bin/env python3
"""The programs that README shows learn: what Python and C++ print as their last loss is far below chance.

usage: examples.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import math
import os
import re
import subprocess
import sys

from package import BUILD, ROOT

from reporting import Report


def main():
    report = Report()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "frontends" / "torch" / "python")}
    for name, command in (
        ("Python", [sys.executable, ROOT / "examples" / "train_layer.py"]),
        ("C++", [BUILD / "test" / "torch" / "train-layer"]),
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        losses = [float(loss) for loss in re.findall(r"loss (\S+)", done.stdout)]
        report.check(f"{name} runs", done.returncode == 0 and len(losses) == 3, done.stdout + done.stderr)
        report.check(f"{name} learns", bool(losses) and losses[-1] < math.log(16) / 2, str(losses))
    sys.exit(report.close())


if __name__ == "__main__":
    main()
