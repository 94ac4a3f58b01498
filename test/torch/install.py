#!/usr/bin/env python3
"""Installs the package with pip, into a folder, and uses it from there.

usage: install.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from package import BUILD, ROOT

from reporting import Report

USE = """
import fgla, torch
layer = fgla.FGLA(16, num_heads=2)
layer(torch.randn(1, 5, 16)).sum().backward()
print(fgla.__file__, all(p.grad is not None for p in layer.parameters()))
"""


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        # Of this build: to build all anew takes long.
        environment = {**os.environ, "FGLA_BUILD": str(BUILD)}
        environment.pop("FGLA_TORCH_LIBRARY")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--target", folder]
        done = subprocess.run([*pip, ROOT / "frontends" / "torch" / "python"], capture_output=True, text=True, env=environment)
        report.check("pip install", done.returncode == 0, done.stdout + done.stderr)
        done = subprocess.run([sys.executable, "-c", USE], cwd=folder, capture_output=True, text=True, env={**environment, "PYTHONPATH": folder})
        expected = f"{pathlib.Path(folder, 'fgla', '__init__.py')} True\n"
        report.check("the installed package", done.stdout == expected, done.stdout + done.stderr)
        command = ["readelf", "--dynamic", pathlib.Path(folder, "fgla", "lib", "libfgla_torch.so")]
        done = subprocess.run(command, capture_output=True, text=True)
        report.check("it finds what lies beside it", "$ORIGIN" in done.stdout, done.stdout)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
