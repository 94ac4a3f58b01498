#!/usr/bin/env python3
"""Writes the reference of every dialect and pass from their .td files, with mlir-tblgen.

usage: generate_reference.py [--build DIR] [--output DIR]

Ends with the number of pages. A page is DIALECT.md or passes-FOLDER.md; index.md lists them.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tblgen_and_includes(build):
    cache = (build / "CMakeCache.txt").read_text()
    prefix = pathlib.Path(re.search(r"^MLIR_DIR:\w+=(.*)$", cache, re.MULTILINE).group(1)).parents[2]
    return prefix / "bin" / "mlir-tblgen", prefix / "include"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    tblgen, includes = tblgen_and_includes(arguments.build.resolve())
    output = arguments.output or arguments.build / "docs" / "reference"
    output.mkdir(parents=True, exist_ok=True)

    def generate(name, td, *flags):
        command = [tblgen, *flags, "-I", ROOT, "-I", includes, td]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout.strip():
            sys.exit(f"error: no reference from {td.relative_to(ROOT)}: {done.stderr.strip() or 'it documents nothing'}")
        (output / name).write_text(f"<!-- generated from {td.relative_to(ROOT)} -->\n\n{done.stdout}")
        pages.append((name, td.relative_to(ROOT)))

    pages = []
    dialects = {}
    for td in sorted((ROOT / "dialect").glob("*/*.td")):
        for block in re.findall(r"def \w+ : Dialect \{(.*?)\n\}", td.read_text(), re.DOTALL):
            dialects[re.search(r'let name = "(\w+)"', block).group(1)] = td.parent
    for dialect, folder in sorted(dialects.items()):
        # The file with the ops includes the dialect, its attributes and types.
        ops = max(folder.glob("*.td"), key=lambda td: len(re.findall(r"^def \w+Op :", td.read_text(), re.MULTILINE)))
        generate(f"{dialect}.md", ops, "-gen-dialect-doc", f"-dialect={dialect}")
    for td in sorted((ROOT / "passes").glob("*/Passes.td")):
        generate(f"passes-{td.parent.name}.md", td, "-gen-pass-doc")
    lines = [f"- [{name.removesuffix('.md')}]({name}), from `{td}`" for name, td in pages]
    (output / "index.md").write_text("# Reference\n\n" + "\n".join(lines) + "\n")
    print(f"{len(pages)} pages in {output}")


if __name__ == "__main__":
    main()
