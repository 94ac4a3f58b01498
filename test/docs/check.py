#!/usr/bin/env python3
"""Checks the pages of docs/ against the tree and the tools, so that they can't go stale.

usage: check.py [--build DIR] [PAGE...]

In a page's fenced blocks,
  ```cpp from=dialect/fgla/Expressions.cpp   the lines stand in that file, in this order and together (indentation aside)
  ```mlir file=map.mlir                      the block is written to a file of that name
  ```console                                 lines that start with "$ " are run in the folder of those files, with build/bin on the PATH;
                                             the lines below are their whole output, where "..." stands for any text
and links to files of the repository must lead to one. Ends in "N passed, N failed": one test for each such block, and one for a page's links.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def squeeze(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def check_excerpt(path, text):
    file = ROOT / path
    if not file.is_file():
        return f"{path} does not exist"
    return None if squeeze(text) in squeeze(file.read_text()) else f"lines that are not in {path}:\n{text}"


def matches(expected, output):
    parts = [re.escape(part) for part in squeeze(expected).split("...")]
    return re.fullmatch(".*?".join(parts), squeeze(output), re.DOTALL) is not None


def run_console(text, folder, binaries):
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "FGLA_CACHE_DIR": str(folder / ".cache")}
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        done = subprocess.run(command, shell=True, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not matches(expected, done.stdout):
            return f"$ {command}\nprinted:\n{done.stdout}instead of:\n{expected}"
    return None


def check_page(page, binaries):
    """Yields (what, error or None)."""
    text = page.read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for language, options, block in FENCE.findall(text):
            option = dict(word.split("=", 1) for word in options.split() if "=" in word)
            if "from" in option:
                yield f"excerpt of {option['from']}", check_excerpt(option["from"], block)
            elif "file" in option:
                (folder / option["file"]).write_text(block)
            elif language == "console":
                yield f"console: {block.splitlines()[0]}", run_console(block, folder, binaries)
    broken = [link for link in LINK.findall(FENCE.sub("", text)) if not (page.parent / link).exists()]
    yield "links", f"lead nowhere: {', '.join(broken)}" if broken else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    pages = arguments.pages or sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    passed = failed = 0
    for page in pages:
        for what, error in check_page(page.resolve(), arguments.build.resolve() / "bin"):
            if error is None:
                passed += 1
            else:
                failed += 1
                print(f"{page}: {what}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
