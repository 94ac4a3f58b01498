#!/usr/bin/env python3
"""Runs the blocks of the pages that need PyTorch.

usage: tutorial.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import os
import subprocess
import sys

from package import BUILD, ROOT

sys.path.insert(0, str(ROOT / "test" / "docs"))
from pages import ELSEWHERE

environment = {**os.environ, "PYTHONPATH": str(ROOT / "frontends" / "torch" / "python")}
command = [sys.executable, ROOT / "test" / "docs" / "pages.py", "--build", BUILD, *ELSEWHERE]
sys.exit(subprocess.run(command, env=environment).returncode)
