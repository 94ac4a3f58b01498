#!/usr/bin/env python3
"""Compiles the programs of programs.py for GPUs, for a machine that has a GPU but no compiler.

usage: build.py [--compiler FILE] [--out DIR] [--only EXPR,EXPR] [--jobs N] [--graph] [--options="--tile=32 ..."] [--tag NAME] [--no-older]

Writes DIR/NAME.TARGET.so, the runtime beside them, and DIR/manifest.json: of each program what it takes and gives, its report, or the message of
the compiler where it does not compile, which is printed and no error. --graph only checks that the programs are well-formed.
--only compiles those whose NAME.TARGET an expression is found in, and keeps the rest of the manifest. --tag adds an artifact of the same program with other --options, as NAME@TAG.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 150


def run(command):
    """The compiler. It may be in the middle of being linked: then again."""
    for attempt in range(5):
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
            break
        except OSError:
            if attempt == 4:
                raise
            time.sleep(10)
    try:
        stdout, stderr = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the assembler too
        process.communicate()
        return subprocess.CompletedProcess(command, 1, "", f"error: took more than {LIMIT_SECONDS} s")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def compile_one(arguments, program, target):
    name = program.name + (f"@{arguments.tag}" if arguments.tag else "")
    key = f"{name}.{target}"
    source = arguments.out / f"{key}.mlir"
    source.write_text(program.text())
    artifact = arguments.out / f"{key}.so"
    artifact.unlink(missing_ok=True)
    command = [arguments.compiler, source, f"--target={target}", *program.options, *arguments.options.split()]
    command += ["--compile-to=graph", "-o", "-"] if arguments.graph else ["-o", artifact, "--report=json"]
    begin = time.monotonic()
    done = run([str(word) for word in command])
    entry = dict(program.describe(), id=key, program=program.name, name=name, target=target, seconds=round(time.monotonic() - begin, 2))
    entry["artifact"] = artifact.name if artifact.exists() else None
    entry["error"] = None
    if done.returncode != 0 or not (arguments.graph or artifact.exists()):
        entry["error"] = message(done).replace(str(source) + ":", "")[:400]
    elif not arguments.graph:
        try:
            entry["report"] = json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            entry["report"] = done.stdout[:4000]
    return entry


def message(done):
    """What went wrong, in a line."""
    lines = done.stderr.splitlines() or ["no message"]
    if done.returncode in (0, 1):
        return next((line for line in lines if line.startswith("error:")), lines[0])
    frame = next((line.split(" ", 3)[-1] for line in lines if "fgla::" in line and "0x" in line), lines[0])
    return f"crash, exit code {done.returncode}, in {frame.strip()}"


def short_report(entry):
    """Registers, shared memory and spills of the kernels, if the report has them where it is expected."""
    report = entry.get("report")
    kernels = report.get("kernels", []) if isinstance(report, dict) else report if isinstance(report, list) else []
    wanted = ("threads", "registers", "shared_bytes", "spill_bytes")
    return "; ".join(" ".join(f"{name} {kernel[name]}" for name in wanted if name in kernel) for kernel in kernels if isinstance(kernel, dict))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", type=pathlib.Path, default=ROOT / "build" / "bin" / "fgla-compile")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--graph", action="store_true")
    parser.add_argument("--options", default="")
    parser.add_argument("--tag", default="")
    parser.add_argument("--target", default="sm_90a")
    parser.add_argument("--no-older", action="store_true")
    arguments = parser.parse_args()
    if not arguments.compiler.exists():
        sys.exit(f"error: no compiler at {arguments.compiler}")
    arguments.out.mkdir(parents=True, exist_ok=True)

    parts = [part for part in arguments.only.split(",") if part]
    work = [(program, arguments.target) for program in programs.PROGRAMS.values()]
    if not (arguments.no_older or arguments.graph or arguments.tag):
        work += [(programs.PROGRAMS[name], target) for target in programs.OLDER_TARGETS for name in programs.OLDER]
    work = [(program, target) for program, target in work if not parts or any(re.search(part, f"{program.name}.{target}") for part in parts)]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        entries = list(pool.map(lambda item: compile_one(arguments, *item), work))

    good = [entry for entry in entries if entry["error"] is None]
    for entry in good:
        print(f"ok      {entry['id']:32} {entry['seconds']:6.1f} s  {short_report(entry)}")
    for entry in entries:
        if entry["error"] is not None:
            print(f"FAILED  {entry['id']:32} {entry['seconds']:6.1f} s  {entry['error']}")
    print(f"{len(good)} of {len(entries)} programs compile")
    if arguments.graph:
        sys.exit(0 if len(good) == len(entries) else 1)
    manifest = arguments.out / "manifest.json"
    known = {entry["id"]: entry for entry in json.loads(manifest.read_text())} if manifest.exists() and (parts or arguments.tag) else {}
    known.update((entry["id"], entry) for entry in entries)
    manifest.write_text(json.dumps(list(known.values()), indent=1) + "\n")
    for library in sorted((arguments.compiler.resolve().parent.parent / "lib").glob("libfgla_runtime.so.[0-9]")):
        shutil.copyfile(library.resolve(), arguments.out / library.name)


if __name__ == "__main__":
    main()
