#!/usr/bin/env python3
"""Checks what documents promise.

usage: check.py [--build DIR]

- the reference of every dialect and pass can be generated;
- every link to a file in a .md leads to one;
- every numbered constraint in an op's description is broken by a negative test, and every number that a negative test expects exists.

Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from reporting import Report

CONSTRAINT = re.compile(r"\b([a-z][a-z0-9_]*_c\d+)\b")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def tracked(*patterns):
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [ROOT / path for path in sorted(listed.stdout.decode().split("\0")) if path and (ROOT / path).is_file()]


def check_reference(report, build):
    command = [sys.executable, ROOT / "docs" / "generate_reference.py", "--build", build]
    done = subprocess.run(command, capture_output=True, text=True)
    report.check("generated reference", done.returncode == 0, done.stderr.strip())


def check_links(report):
    for page in tracked("*.md"):
        for target in LINK.findall(page.read_text()):
            if not re.match(r"\w+:", target):
                exists = (page.parent / target).exists()
                report.check(f"{page.relative_to(ROOT)}: link to {target}", exists, "there is no such file")


def check_constraints(report):
    listed = {c: td for td in tracked("dialect/*.td") for c in CONSTRAINT.findall(td.read_text())}
    tested = {c: test for test in tracked("test/*.mlir") if test.stem.endswith("-invalid") for c in CONSTRAINT.findall(test.read_text())}
    for constraint, td in sorted(listed.items()):
        report.check(f"{td.relative_to(ROOT)}: {constraint}", constraint in tested, "no *-invalid.mlir names it")
    for constraint, test in sorted(tested.items()):
        report.check(f"{test.relative_to(ROOT)}: {constraint}", constraint in listed, "no op's description lists it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    build = parser.parse_args().build
    report = Report()
    check_reference(report, build)
    check_links(report)
    check_constraints(report)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
