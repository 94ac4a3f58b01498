"""Builds the operators against the installed PyTorch, with the CMake project that this folder is part of, and puts them into the package."""

import os
import pathlib
import shutil
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The operators, what they load, and the compiler, which they look for beside the library of its C ABI.
FILES = ("lib/libfgla_torch.so", "lib/libfgla_runtime.so.2", "lib/libfgla_compiler.so.1", "bin/fgla-compile")


class BuildOperators(build_py):
    def run(self):
        super().run()
        # $FGLA_BUILD: a build folder that is there already.
        build = pathlib.Path(os.environ.get("FGLA_BUILD") or ROOT / "build-python")
        if not (build / "CMakeCache.txt").exists():
            options = ["-DFGLA_TORCH=ON", f"-DFGLA_TORCH_PYTHON={sys.executable}", "-DFGLA_ONNX=OFF", "-DFGLA_FUZZ=OFF"]
            subprocess.run(["cmake", "--preset", "release", "-S", ROOT, "-B", build, *options], cwd=ROOT, check=True)
        subprocess.run(["cmake", "--build", build, "--target", "fgla_torch", "fgla-compile"], check=True)
        folder = pathlib.Path(self.build_lib, "fgla", "lib")
        folder.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            shutil.copy(build / file, folder)


setup(cmdclass={"build_py": BuildOperators})
