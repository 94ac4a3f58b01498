#!/usr/bin/env python3
"""Whether two compilers write the same PTX for the programs of programs.py: what a change that should change nothing is held to.

usage: compare_ptx.py BEFORE AFTER [--only EXPR,EXPR] [--out DIR] [--jobs N] [--options="--tile=32 ..."]

BEFORE and AFTER are each a compiler, whose PTX is written into DIR/before or DIR/after, or such a folder of an earlier call.
Prints the programs that differ, each with its lines and what of it differs first, and ends with the counts; the exit code is 1 if one differs.
A program that does not compile is compared by its message. --only takes the programs whose NAME.TARGET an expression is found in.
"""

import argparse
import concurrent.futures
import difflib
import pathlib
import re
import sys
import tempfile

import build
import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]


def list_work(only):
    """(program, target), as build.py has them."""
    work = [(program, "sm_90a") for program in programs.PROGRAMS.values()]
    work += [(programs.PROGRAMS[name], target) for target in programs.OLDER_TARGETS for name in programs.OLDER]
    parts = [part for part in only.split(",") if part]
    return [(program, target) for program, target in work if not parts or any(re.search(part, f"{program.name}.{target}") for part in parts)]


def write_ptx(compiler, program, target, options, folder):
    """Writes what the compiler makes of a program: its PTX, or its message."""
    name = f"{program.name}.{target}"
    with tempfile.TemporaryDirectory() as temporary:
        source = pathlib.Path(temporary, f"{name}.mlir")  # the same in both, in case a name is written
        source.write_text(program.text())
        ptx = source.with_suffix(".ptx")
        done = build.run([str(word) for word in [compiler, source, f"--target={target}", *program.options, *options, "-o", ptx]])
        text = ptx.read_text() if ptx.exists() else build.message(done).replace(temporary, "") + "\n"
    (folder / f"{name}.ptx").write_text(text)


def describe(before, after):
    """How much of two texts differs, and where first."""
    changes = [line for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="") if line[0] in "+-"]
    changes = [line for line in changes if not line.startswith(("+++", "---"))]
    first = next((line for line in changes if line.startswith("-")), "-"), next((line for line in changes if line.startswith("+")), "+")
    return f"{len(changes)} lines of {len(before.splitlines())} and {len(after.splitlines())}, first\n  " + "\n  ".join(first)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".gpu" / "ptx")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--options", default="")
    arguments = parser.parse_args()
    work = list_work(arguments.only)
    if not work:
        sys.exit(f"error: no program is named like '{arguments.only}'")

    folders = []
    for side, given in (("before", arguments.before), ("after", arguments.after)):
        if not given.exists():
            sys.exit(f"error: no compiler or folder at {given}")
        folders.append(given if given.is_dir() else arguments.out / side)
        if given.is_dir():
            continue
        folders[-1].mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda item: write_ptx(given, *item, arguments.options.split(), folders[-1]), work))

    equal = different = kernels = 0
    for program, target in work:
        texts = []
        for folder in folders:
            ptx = folder / f"{program.name}.{target}.ptx"
            if not ptx.exists():
                sys.exit(f"error: {folder} has no {ptx.name}")
            texts.append(ptx.read_text())
        kernels += texts[1].count(".entry")
        if texts[0] == texts[1]:
            equal += 1
            continue
        different += 1
        print(f"{program.name}.{target}: {describe(*texts)}")
    if not kernels:
        sys.exit("error: nothing has a kernel")
    print(f"{equal} of {equal + different} programs have the same PTX, {kernels} kernels")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
