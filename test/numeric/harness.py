"""What every numeric case needs: the compiler, the runtime, bounds, a process of its own."""

import dataclasses
import hashlib
import multiprocessing
import multiprocessing.connection
import shutil
import subprocess
import time
import traceback

import reference
from program import ENTRY, Program
from reporting import Report
from runtime_binding import CPU, CUDA, Library

# ‖y − ref‖ / ‖ref‖ by storage type, or that of products, from docs/semantics.md.
BOUNDS = {"f32": 1e-5, "tf32": 1.25e-3, "f16": 1e-2, "bf16": 1e-2}
CASE_LIMIT_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: object  # called with (Context, Report)


class Context:
    """Where a case finds the compiler and the runtime, and what it compiles for: a target, and lowerings of the CPU's, of which a case that takes one
    takes the first."""

    def __init__(self, build, target, lowering, case):
        self.build, self.target = build, target
        self.lowerings = ("tiled", "reference") if lowering == "both" else (lowering,)
        self.lowering = self.lowerings[0]
        self.folder = build / "test" / "numeric" / hashlib.sha256(case.name.encode()).hexdigest()[:12]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.runtime = Library(build / "lib" / "libfgla_runtime.so")

    def compile(self, text, entry=ENTRY, lowering=None, options=()):
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / f"program{len(list(self.folder.glob('*.mlir')))}"
        source, artifact = stem.with_suffix(".mlir"), stem.with_suffix(".so")
        source.write_text(text)
        command = [self.build / "bin" / "fgla-compile", f"--target={self.target}", *options]
        if self.target == "cpu":
            command.append(f"--lowering={lowering or self.lowering}")
        done = subprocess.run([*command, source, "-o", artifact], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"fgla-compile gave exit code {done.returncode}: {done.stderr.strip()[:2000]}")
        return self.runtime.load(artifact, entry, CPU if self.target == "cpu" else CUDA)

    def program(self, config, **options):
        program = Program(config)
        return program, self.compile(program.text(), **options)


def compare(report, name, dtype, results, wanted, slack=1):
    """Compares arrays by result name, within the bound for programs that store DTYPE, times SLACK."""
    for result, array in results.items():
        report.error(f"{name}, {result}", reference.relative_error(array, wanted[result]), slack * BOUNDS[dtype])


def run_case(case, build, target, lowering, channel):
    """In a process of its own, so that a crash of compiled code is one failed case."""
    report = Report(prefix=case.name + ": ")
    context = Context(build, target, lowering, case)
    try:
        case.run(context, report)
    except Exception as error:
        report.check(type(error).__name__, False, str(error) or traceback.format_exc())
    if report.failed:
        print(f"  its programs are in {context.folder}", flush=True)
    else:
        shutil.rmtree(context.folder, ignore_errors=True)
    channel.send((report.passed, report.failed))


def run_cases(cases, build, target, lowering, jobs):
    """Runs each case in a process of its own, JOBS at a time, and returns the sum."""
    multiprocessing.set_start_method("fork")
    total = Report()
    waiting, running = list(cases)[::-1], {}
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            receive, send = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.Process(target=run_case, args=(case, build, target, lowering, send))
            process.start()
            send.close()
            running[process.sentinel] = (case, process, receive, time.monotonic())
        for sentinel in multiprocessing.connection.wait(list(running), timeout=1):
            case, process, receive, _ = running.pop(sentinel)
            process.join()
            try:
                passed, failed = receive.recv()
                total.passed += passed
                total.failed += failed
                if passed + failed == 0:
                    total.check(case.name, False, "compared nothing")
            except EOFError:
                total.check(case.name, False, f"the process ended with code {process.exitcode} (negative: killed by that signal)")
        for sentinel, (case, process, _, start) in list(running.items()):
            if time.monotonic() - start > CASE_LIMIT_SECONDS:
                process.kill()  # counted above, next time round
    return total
