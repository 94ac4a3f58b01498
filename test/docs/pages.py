#!/usr/bin/env python3
"""Runs the examples in README.md and on the pages of docs/, so that they can't go stale.

usage: pages.py [--build DIR] [PAGE...]

In a page's fenced blocks,
  ```cpp from=dialect/fgla/Expressions.cpp   the lines stand in that file, in this order and together (indentation aside)
  ```mlir file=map.mlir                      the block is written to a file of that name
  ```console                                 lines that start with "$ " are run in the folder of those files, with the tools on the PATH; the
                                             lines below are their whole output, where "..." stands for any text
  ```sh run                                  each line but comments succeeds, in a folder that looks like this one after `make`

Ends with `N passed, N failed`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from reporting import Report

# They need PyTorch; the suite of that name runs them.
ELSEWHERE = [ROOT / "docs" / "tutorials" / "train-with-your-own-map.md"]

FENCE = re.compile(r"^ *```(\w+)([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def squeeze(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def check_excerpt(path, text):
    """None, or what is wrong."""
    file = ROOT / path
    if not file.is_file():
        return "there is no such file"
    return None if squeeze(text) in squeeze(file.read_text()) else f"these lines are not in it:\n{text}"


def matches(expected, output):
    parts = [re.escape(part) for part in squeeze(expected).split("...")]
    return re.fullmatch(".*?".join(parts), squeeze(output), re.DOTALL) is not None


def run_console(text, folder, binaries):
    """None, or what is wrong."""
    path = os.pathsep.join([str(binaries), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "FGLA_CACHE_DIR": str(folder / ".cache")}
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        done = subprocess.run(command, shell=True, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not matches(expected, done.stdout):
            return f"$ {command}\nprinted:\n{done.stdout}instead of:\n{expected}"
    return None


def run_lines(report, name, text, build):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for entry in ROOT.iterdir():
            if entry.name not in ("build", ".venv", ".git"):
                (folder / entry.name).symlink_to(entry)
        (folder / "build").symlink_to(build)
        # The environment that this runs in, by the name that `make` gives it.
        (folder / ".venv").symlink_to(sys.prefix)
        environment = {**os.environ, "FGLA_CACHE_DIR": str(folder / ".cache")}
        for line in text.strip().splitlines():
            if line.startswith("#"):
                continue
            done = subprocess.run(line, shell=True, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            report.check(f"{name}: {line}", done.returncode == 0, done.stdout[-2000:])


def check_page(report, page, build):
    binaries = build / "bin"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for language, options, block in FENCE.findall(page.read_text()):
            option = dict(word.split("=", 1) for word in options.split() if "=" in word)
            what, error = None, None
            if "from" in option:
                what, error = f"excerpt of {option['from']}", check_excerpt(option["from"], block)
            elif "file" in option:
                (folder / option["file"]).write_text(block)
            elif language == "sh" and options.split() == ["run"]:
                run_lines(report, page.name, block, build)
            elif language == "console":
                what, error = f"console {block.splitlines()[0]}", run_console(block, folder, binaries)
            if what:
                report.check(f"{page.name}: {what}", error is None, error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    report = Report()
    for page in arguments.pages or [ROOT / "README.md", *sorted(set(ROOT.glob("docs/**/*.md")) - set(ELSEWHERE))]:
        check_page(report, page, arguments.build.resolve())
    sys.exit(report.close())


if __name__ == "__main__":
    main()
