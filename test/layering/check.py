#!/usr/bin/env python3
"""Checks who includes whom. One check for each source file; ends with `N passed, N failed`.

The folders, and what each must not see:

- dialect/   says what the IR means: no passes, compiler, frontends, tools, runtime or support
- frontends/ brings models in: the same; only frontends/onnx sees ONNX's headers and protobuf, and only frontends/torch PyTorch's; that and
             frontends/onnxruntime are no part of the compiler but programs on top of the C ABIs, so they see these two headers and nothing of MLIR
- passes/X/  changes the IR: no compiler, frontends or tools, and no passes/Y that run later
- compiler/  knows the order of the passes and runs them: no tools
- runtime/   runs artifacts: nothing of MLIR, LLVM or the compiler, and no support
- support/   is for tools and tests: nothing of MLIR, LLVM or the compiler
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from reporting import Report

INCLUDE = re.compile(r'^\s*(?:#\s*)?include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = (".h", ".cpp", ".c", ".td", ".inc")

# The folders of passes/, in the order in which they run: passes/CMakeLists.txt lists them so.
PASSES = re.search(r"foreach\(folder ([\w ]+)\)", (ROOT / "passes" / "CMakeLists.txt").read_text())[1].split()

# (files, includes that they must not have, why)
RULES = [
    (r"dialect/", r"(passes|compiler|frontends|tools|runtime|support)/", "a dialect says what the IR means and knows nothing that works on it"),
    (r"frontends/(torch|onnxruntime)/", r"(mlir|llvm|dialect|passes|tools|support|compiler(?!/fgla_compiler\.h)|runtime(?!/fgla\.h))/", "ops of other systems know the C ABIs alone"),
    (r"frontends/(?!torch/|onnxruntime/)", r"(passes|compiler|tools|runtime|support)/", "a frontend ends where the dialects begin"),
    (r"passes/", r"(frontends|tools|compiler)/", "a pass knows neither where a model came from nor who called"),
    (r"compiler/", r"tools/", "the compiler does not know who calls it"),
    (r"runtime/", r"(mlir|llvm|dialect|passes|compiler|frontends|tools|support)/", "the runtime is used without the compiler"),
    (r"support/", r"(mlir|llvm|dialect|passes|compiler|frontends|tools)/", "files of tensors have nothing to do with the compiler"),
    (r"test/emulator/", r"(mlir|llvm|dialect|passes|compiler|frontends|tools)/", "the emulator stands for a driver and a device"),
    (r"test/unit/(runtime|support)/", r"(mlir|llvm|dialect|passes|compiler|frontends|tools)/", "the runtime is tested as it is used"),
    (r"(?!frontends/torch/|test/|examples/|benchmarks/)", r"(torch|ATen|c10)/", "only frontends/torch sees PyTorch"),
    (r"(?!frontends/onnx/|test/)", r"(onnx/|google/protobuf/)", "only frontends/onnx sees ONNX and protobuf"),
]


def violation(path, include):
    """Why the file at PATH must not include INCLUDE, or None."""
    for files, includes, reason in RULES:
        if re.match(files, path) and re.match(includes, include):
            return reason
    own, other = re.match(r"passes/(\w+)/", path), re.match(r"passes/(\w+)/", include)
    if own and other and PASSES.index(own.group(1)) < PASSES.index(other.group(1)):
        return f"the passes of passes/{other.group(1)} run later, which only compiler/Phases.cpp knows"
    return None


def main():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    report = Report()
    for path in sorted(listed.stdout.decode().split("\0")):
        if not path.endswith(SUFFIXES) or not (ROOT / path).is_file():
            continue
        found = INCLUDE.findall((ROOT / path).read_text(errors="replace"))
        bad = [(include, reason) for include in found if (reason := violation(path, include))]
        report.check(path, not bad, "; ".join(f"includes {include}, but {reason}" for include, reason in bad))
    sys.exit(report.close())


if __name__ == "__main__":
    main()
