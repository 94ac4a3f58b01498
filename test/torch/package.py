"""The Python package of the source tree, with the ops of the build folder that a script is given (--build)."""

import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
_parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
BUILD = _parser.parse_known_args()[0].build.resolve()

os.environ["FGLA_TORCH_LIBRARY"] = str(BUILD / "lib" / "libfgla_torch.so")
sys.path[:0] = [str(ROOT / "test" / "numeric"), str(ROOT / "frontends" / "torch" / "python")]

import fgla  # noqa: E402, F401
