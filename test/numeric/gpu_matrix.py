#!/usr/bin/env python3
"""Runs compiled programs on a GPU over lengths, batches and inputs chosen to break a kernel, against the recurrence in float64.

usage: gpu_matrix.py [--artifacts DIR] [--quick] [--only EXPR,EXPR] [--case TEXT] [--kinds KIND,...] [--limit SECONDS] [--deadline SECONDS] [--jobs N] [--list] [--json FILE]
                     [--verbose] [--device cuda|cpu]

The artifacts are those of benchmarks/gpu/build.py; needs PyTorch, and no compiler. Results lie between guards and hold NaN before each call, and each
call is made twice: the second result has the same bits. --device cpu tests this script itself, on artifacts for the CPU. Prints what fails and ends with `N passed, N failed`. A kernel that hangs is ended after
--limit seconds (of a case) and counted as failed; after two of them the program's other cases count as failed too. After --deadline seconds
nothing more is begun: what was not reached is listed and counted as skipped, and the exit code is 2 where nothing failed. Programs of which a
part of the cases is run come first. --only takes programs by a regular expression for their name (`^k64.sm_90a`), --case takes cases by part of theirs.
"""

import argparse
import concurrent.futures
import itertools
import json
import math
import pathlib
import re
import sys
import threading
import time

import gpu_worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOUNDS = {"f32": 1e-5, "tf32": 1.25e-3, "f16": 1e-2, "bf16": 1e-2}  # docs/semantics.md
LOCAL = 5.0  # a block of 64 tokens may be this much worse than all
LENGTHS = (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 511, 512, 1000, 4096, 16384)
ALL_KINDS = (
    "normal", "long", "f=0.30", "f=0.07", "every 7th", "mixed", "hard", "extreme", "jumps", "falling", "equal", "zeros", "no v", "huge", "tiny",
)  # fmt: skip


# ---- Cases -------------------------------------------------------------------------------------------------------------------------


def runs(batches, lengths, kinds=("normal",)):
    return [("run", batch, tokens, kind) for tokens in lengths for batch in batches for kind in kinds]


def matrix(entry):
    """The whole of it: B·H in 1, 16, 128, 1024, as far as the number of heads allows."""
    heads = entry["heads"] * entry["group"]
    batches = [total // heads for total in (1, 16, 128, 1024) if total >= heads and total % heads == 0]
    cases = []
    for batch in batches:
        size = batch * heads
        longest = {1: 16384, 16: 16384, 128: 4096}.get(size, 512)
        cases += runs([batch], [t for t in LENGTHS if t <= longest and (size <= 128 or t in (1, 16, 17, 33, 64, 100, 512))])
        cases += runs([batch], {1: (65, 512, 1000), 16: (33, 100, 511)}.get(size, (100,)), ALL_KINDS[1:])
    cases += runs([batches[0]], [4096], ("long", "f=0.07", "mixed", "hard", "extreme", "jumps"))
    cases += runs([batches[0]], [65537], ("normal", "long", "mixed") if heads == 1 else ("normal",))
    return cases


def kinds(entry):
    if entry["op"] == "step":
        return runs((1, 5, 64, 256), (1,)) + runs((3,), (1,), ALL_KINDS[1:])
    large = entry["keys"] * entry["values"] > 128 * 128
    cases = runs((2,), (1, 15, 16, 17, 33, 64, 65, 100)) + runs((1,), (511, 1000, 4096)) + runs((8 if large else 64,), (130,))
    return cases + runs((2,), (77,), ALL_KINDS[1:]) + runs((1,), (600,), ("long", "mixed", "hard", "extreme", "jumps"))


def special(entry):
    """What must not change a result."""
    cases = [("graph", 2, 100, "normal"), ("stream", 2, 100, "normal"), ("graph", 1, 1000, "normal"), ("misaligned", 1, 20, "normal")]
    if entry["op"] == "step":
        return [("graph", 4, 1, "normal"), ("stream", 4, 1, "normal"), ("empty", 0, 1, "normal")]
    if entry["state"] == "inout" and entry["stabilizer"] != "sequence":
        cases += [("split", 2, 130, kind) for kind in ("normal", "jumps", "hard")] + [("split", 1, 1100, "mixed")]
    return cases + [("empty", 0, 5, "normal"), ("empty", 2, 0, "normal")]


WHOLE = ("fgla_h1", "fgla_h1_f16", "fgla_h1_f32", "fgla_h16", "fgla_inout", "fgla_f16", "fgla_f32")


def cases_of(entry, quick):
    whole = entry["program"] in WHOLE and entry["target"] in ("sm_90a", "cpu")
    if not quick:
        return (matrix(entry) if whole else kinds(entry)) + special(entry)
    if entry["op"] == "step":
        return runs((3, 64), (1,)) + runs((3,), (1,), ("hard", "extreme"))
    if whole:
        return runs((1, 8), (1, 16, 17, 64, 100)) + runs((1,), (1000, 4096)) + runs((1,), (65,), ALL_KINDS[1:]) + runs((1,), (1000,), ("hard", "mixed"))
    return runs((2,), (17, 64, 100)) + runs((1,), (1000,)) + runs((2,), (65,), ("mixed", "hard", "extreme", "jumps"))


def name_of(case):
    action, batch, tokens, kind = case
    return f"{'' if action == 'run' else action + ' '}B={batch} T={tokens} {kind}"


# ---- In the worker -----------------------------------------------------------------------------------------------------------------


class Tester:
    known, known_program = {}, None  # inputs and expected results by case, for the next artifact of the same program

    def __init__(self, job):
        import torch

        import gpu_reference
        from runtime_binding import Library

        self.torch, self.reference, self.entry, self.device = torch, gpu_reference, job["entry"], job["device"]
        self.keeps = job["shared"]
        if Tester.known_program != self.entry["program"]:
            Tester.known, Tester.known_program = {}, self.entry["program"]
        folder = pathlib.Path(job["artifacts"])
        if not hasattr(Tester, "loader"):
            runtime = next(iter(sorted([*folder.glob("libfgla_runtime.so*"), *folder.parent.glob("libfgla_runtime.so*")])), None)
            if runtime is None:
                raise FileNotFoundError(f"no libfgla_runtime.so beside the artifacts in {folder}")
            Tester.loader = Library(runtime)
        self.function = Tester.loader.load(folder / self.entry["artifact"], "attention")
        self.failures, self.passed, self.worst = [], 0, {}

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failures.append(f"{name}: {detail}" if detail else name)

    def wait(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def outputs(self, batch, tokens):
        """Results full of NaN, with guards of NaN on both sides. Returns (views by name, buffers)."""
        torch, guard, views, buffers = self.torch, 2048, {}, {}
        for name, shape, dtype in self.entry["results"]:
            shape = [{"B": batch, "T": tokens}.get(d, d) for d in shape]
            size = math.prod(shape)
            buffers[name] = torch.full((size + 2 * guard,), math.nan, dtype=self.reference.TORCH_DTYPES[dtype], device=self.device)
            views[name] = buffers[name][guard : guard + size].view(shape)
        return views, (buffers, guard)

    def call(self, x, batch, tokens, stream=None):
        views, (buffers, guard) = self.outputs(batch, tokens)
        self.wait()
        if stream is None:
            stream = self.torch.cuda.current_stream().cuda_stream if self.device == "cuda" else 0
        self.function.prepare(x, views)(stream)
        self.wait()
        for name, buffer in buffers.items():
            size = views[name].numel()
            if not (buffer[:guard].isnan().all() and buffer[guard + size :].isnan().all()):
                self.failures.append(f"{name}: something was written in front of it or behind it")
        return views

    def same_bits(self, a, b):
        types = {2: self.torch.int16, 4: self.torch.int32}
        return all(self.torch.equal(a[n].view(types[a[n].element_size()]), b[n].view(types[b[n].element_size()])) for n in a)

    def compare(self, results, wanted, note=""):
        bound = BOUNDS["tf32" if "--precision=tf32" in self.entry["options"] else self.entry["dtype"]]
        for name, result in results.items():
            if name == "max":
                self.check(f"{note}max", self.torch.equal(result.double(), wanted["max"]), "is not the maximum of the keys")
                continue
            error = self.reference.relative_error(result, wanted[name])
            self.worst[name] = max(self.worst.get(name, 0.0), error)
            self.check(note + name, error <= bound, f"error {error:.3g}, allowed {bound:g}, {self.unwritten(result)}")
            if name == "y" and self.entry["op"] != "step":
                error, where = self.reference.worst_block(result, wanted[name])
                self.worst["block"] = max(self.worst.get("block", 0.0), error)
                self.check(f"{note}y in blocks", error <= LOCAL * bound, f"error {error:.3g} at {where}, allowed {LOCAL * bound:g}")

    def unwritten(self, result):
        return f"{int((~self.torch.isfinite(result)).sum())} of {result.numel()} not finite"

    def inputs(self, batch, tokens, kind, seed=0):
        return self.reference.make_inputs(self.entry, batch, tokens, kind, seed=seed + 7 * tokens + batch, device=self.device)

    def problem(self, batch, tokens, kind):
        """Inputs, which nobody may change, and the expected results."""
        case = (batch, tokens, kind)
        if case in Tester.known:
            return Tester.known[case]
        x = self.inputs(batch, tokens, kind)
        wanted = self.reference.expected(self.entry, x)
        if self.keeps and not self.is_large(batch, tokens):
            Tester.known[case] = x, wanted
        return x, wanted

    def is_large(self, batch, tokens):
        return batch * tokens * self.entry["heads"] * self.entry["group"] * max(self.entry["keys"], self.entry["values"]) > 1 << 24

    def run(self, batch, tokens, kind):
        x, wanted = self.problem(batch, tokens, kind)
        first = self.call(x, batch, tokens)
        self.compare(first, wanted)
        self.check("repeated", self.same_bits(first, self.call(x, batch, tokens)), "other bits")

    def empty(self, batch, tokens, kind):
        x, wanted = self.problem(batch, tokens, kind)
        for name, result in self.call(x, batch, tokens).items():
            if name != "max" or wanted["max"] is not None:
                error = self.reference.relative_error(result, wanted[name])
                self.check(name, error <= BOUNDS["f32"], f"error {error:.3g}")

    def split(self, batch, tokens, kind):
        """Two calls through the state."""
        x, wanted = self.problem(batch, tokens, kind)
        for first in (1, 64, 77):
            sizes = {name: t.dim() == 4 and t.shape[1] == tokens and name not in ("initial_state",) for name, t in x.items()}
            # Copies: a view begins where 16 bytes need not.
            head = {name: t[:, :first].clone(memory_format=self.torch.contiguous_format) if sizes[name] else t for name, t in x.items()}
            tail = {name: t[:, first:].clone(memory_format=self.torch.contiguous_format) if sizes[name] else t for name, t in x.items()}
            one = self.call(head, batch, first)
            tail["initial_state"] = one["state"].contiguous()
            if "max" in one:
                tail["initial_max"] = one["max"].contiguous()
            two = self.call(tail, batch, tokens - first)
            whole = dict(two, y=self.torch.cat([one["y"], two["y"]], 1))
            self.compare(whole, wanted, f"{first}+{tokens - first} ")

    def stream(self, batch, tokens, kind):
        """A stream that is not the default one, and torch's allocator."""
        import runtime_binding

        x = self.inputs(batch, tokens, kind)
        plain = self.call(x, batch, tokens)
        stream = self.torch.cuda.Stream()
        with self.torch.cuda.stream(stream):
            options = runtime_binding.torch_launch_options(self.torch.cuda.current_device())
            self.check("same bits", self.same_bits(plain, self.call(x, batch, tokens, options)))

    def graph(self, batch, tokens, kind):
        """Captured once, replayed on other inputs."""
        torch = self.torch
        x, other = self.inputs(batch, tokens, kind), self.inputs(batch, tokens, kind, seed=1)
        plain = self.call(other, batch, tokens)
        views, _ = self.outputs(batch, tokens)
        call = self.function.prepare(x, views)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call(torch.cuda.current_stream().cuda_stream)
        for name, tensor in x.items():
            tensor.copy_(other[name])
        graph.replay()
        torch.cuda.synchronize()
        self.check("replayed on other inputs", self.same_bits(plain, views), "other bits than a plain call")
        graph.replay()
        torch.cuda.synchronize()
        self.check("replayed again", self.same_bits(plain, views), "other bits")

    def misaligned(self, batch, tokens, kind):
        """Refused, with a message."""
        x = self.inputs(batch, tokens, kind)
        buffer = self.torch.empty(x["v"].numel() + 1, dtype=x["v"].dtype, device="cuda")
        x["v"] = buffer[1:].view(x["v"].shape)
        try:
            self.call(x, batch, tokens)
            self.check("refused", False, "a tensor that is not aligned to 16 bytes is taken")
        except Exception as error:
            self.check("refused", "align" in str(error), str(error))


def handle(job):
    try:
        tester = Tester(job)
    except Exception as error:
        yield {"load": f"{type(error).__name__}: {error}"}
        return
    for index, case in enumerate(job["cases"]):
        action, batch, tokens, kind = case
        yield {"begin": index}
        tester.failures, tester.passed, tester.worst = [], 0, {}
        begin = time.monotonic()
        try:
            getattr(tester, action)(batch, tokens, kind)
        except Exception as error:
            tester.failures.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        broken = False
        try:
            tester.wait()
        except Exception:  # an error of the device stays; only another process gets rid of it
            broken = True
        yield {
            "end": index, "passed": tester.passed, "failures": tester.failures, "worst": tester.worst, "seconds": round(time.monotonic() - begin, 3),
        }  # fmt: skip
        if broken:
            sys.exit(3)
        if tester.device == "cuda" and tester.is_large(batch, tokens):
            tester.torch.cuda.empty_cache()


# ---- In the parent -----------------------------------------------------------------------------------------------------------------


class Matrix:
    def __init__(self, arguments):
        self.arguments, self.lock, self.deadline = arguments, threading.Lock(), time.monotonic() + arguments.deadline
        self.passed, self.failed, self.skipped, self.rows = 0, 0, 0, []

    def fail(self, row, name, detail, count=1):
        with self.lock:
            self.failed += count
            row["failed"] += count
            row["failures"].append(f"{name}: {detail}")
            if row["failed"] <= self.arguments.show or self.arguments.verbose:
                print(f"FAILED {row['program']} {name}: {detail}", flush=True)

    def skip(self, row, cases):
        """The time is up."""
        with self.lock:
            self.skipped += len(cases)
            row["not reached"] = [name_of(case) for case in cases]

    def is_late(self):
        return time.monotonic() >= self.deadline - 0.1  # a worker is stopped at the deadline

    def program(self, entries):
        """A program's artifacts, one after the other in one process: what they should compute is computed once."""
        for entry in entries:
            self.artifact(entry, shared=len(entries) > 1)

    def artifact(self, entry, shared):
        """All cases of one artifact, in as many processes as it takes."""
        cases = [c for c in cases_of(entry, self.arguments.quick) if self.arguments.case in name_of(c)]
        if self.arguments.device == "cpu":
            cases = [c for c in cases if c[0] not in ("graph", "stream", "misaligned") and c[1] * c[2] <= 1000]
        if self.arguments.kinds:
            cases = [c for c in cases if c[3] in self.arguments.kinds]
        row = {"program": entry["id"], "passed": 0, "failed": 0, "worst": {}, "seconds": 0.0, "slowest": ["", 0.0], "failures": [], "not reached": []}
        worker = self.workers.worker
        at, losses = 0, 0
        begin = time.monotonic()
        while at < len(cases):
            if self.is_late():
                self.skip(row, cases[at:])
                break
            job = {"entry": entry, "shared": shared, "artifacts": str(self.arguments.artifacts), "cases": cases[at:], "device": self.arguments.device}
            base, current = at, at
            try:
                for message in worker.run(job, self.arguments.limit):
                    if "load" in message:
                        self.fail(row, "load", message["load"], len(cases) - at)
                        at = len(cases)
                        break
                    if "begin" in message:
                        current = base + message["begin"]
                    else:
                        self.finish(row, cases[current], message)
                        at = current + 1
                else:
                    at = len(cases)
            except gpu_worker.Lost as lost:
                if self.is_late():  # it was stopped
                    continue
                if at <= current:  # not one that ended and left the device broken
                    self.fail(row, name_of(cases[current]), str(lost))
                    at = current + 1
                losses += 1
                if losses == 2 and at < len(cases):
                    self.fail(row, "the rest", f"{len(cases) - at} cases not run after two lost processes", len(cases) - at)
                    at = len(cases)
        row["seconds"] = round(time.monotonic() - begin, 1)
        with self.lock:
            self.rows.append(row)

    def finish(self, row, case, message):
        with self.lock:
            self.passed += message["passed"]
            row["passed"] += message["passed"]
            for name, error in message["worst"].items():
                row["worst"][name] = max(row["worst"].get(name, 0.0), error)
            row["slowest"] = max(row["slowest"], [name_of(case), message["seconds"]], key=lambda pair: pair[1])
        for failure in message["failures"]:
            self.fail(row, name_of(case), failure)

    def run(self, programs):
        self.workers = threading.local()
        everyone = []

        def begin():
            self.workers.worker = gpu_worker.Worker(__file__, self.deadline)
            everyone.append(self.workers.worker)

        with concurrent.futures.ThreadPoolExecutor(self.arguments.jobs, initializer=begin) as pool:
            list(pool.map(self.program, programs))
        for worker in everyone:
            worker.close()


def select(arguments):
    manifest = json.loads((arguments.artifacts / "manifest.json").read_text())
    parts = [part for part in arguments.only.split(",") if part]
    chosen = [entry for entry in manifest if not parts or any(re.search(part, entry["id"]) for part in parts)]
    absent = [entry for entry in chosen if not entry["artifact"]]
    return [entry for entry in chosen if entry["artifact"]], absent


def main():
    if "--worker" in sys.argv:
        return gpu_worker.serve(handle)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--limit", type=float, default=20)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--deadline", type=float, default=540, help="seconds")
    parser.add_argument("--show", type=int, default=6, help="failures printed for each program")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.kinds = [kind for kind in arguments.kinds.split(",") if kind]
    entries, absent = select(arguments)
    entries.sort(key=lambda entry: (entry["program"] in WHOLE, -entry["keys"] * entry["values"], entry["program"]))
    if arguments.list:
        for entry in entries:
            print(entry["id"], len(cases_of(entry, arguments.quick)))
        return None
    begin = time.monotonic()
    matrix_run = Matrix(arguments)
    matrix_run.run([list(group) for _, group in itertools.groupby(entries, lambda entry: entry["program"])])

    print(f"\n{'program':28} {'checks':>7} {'failed':>7} {'worst y':>9} {'block':>9} {'state':>9} {'time':>6}  slowest case")
    for row in matrix_run.rows:
        worst = "".join(f" {row['worst'].get(name, math.nan):9.2e}" for name in ("y", "block", "state"))
        print(f"{row['program']:28} {row['passed'] + row['failed']:7} {row['failed']:7}{worst} {row['seconds']:6.1f}  {row['slowest'][0]} {row['slowest'][1]} s")
    path = arguments.json or pathlib.Path(gpu_worker.output_folder()) / "gpu_matrix.json"
    path.write_text(json.dumps({"rows": matrix_run.rows, "not compiled": {e["id"]: e["error"] for e in absent}}, indent=1))
    if absent:
        print(f"not compiled, not tested: {' '.join(entry['id'] for entry in absent)}")
    print(f"{time.monotonic() - begin:.0f} s")
    for row in matrix_run.rows:
        if row["not reached"]:
            print(f"not reached: {row['program']}, {len(row['not reached'])} cases from {row['not reached'][0]} on")
    print(f"{matrix_run.passed} passed, {matrix_run.failed} failed" + f", {matrix_run.skipped} skipped" * (matrix_run.skipped > 0))
    sys.exit(1 if matrix_run.failed or not matrix_run.passed else 2 if matrix_run.skipped else 0)


if __name__ == "__main__":
    main()
