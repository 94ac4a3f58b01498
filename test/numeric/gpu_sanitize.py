#!/usr/bin/env python3
"""Runs a few small calls of compiled programs under CUDA's compute-sanitizer: memcheck, racecheck, initcheck, synccheck, side by side.

usage: gpu_sanitize.py [--artifacts DIR] [--tools memcheck,...] [--only EXPR,EXPR] [--processes N] [--seconds N] [--filter SUBSTRING]
                       [--cases "B,T,KIND;..."]

Every tensor is an allocation of its own, so that an access beside it shows; inputs come from the host and no other kernel runs, so that initcheck sees
what is read before it is written. Results are compared as well. Most of the time goes into making kernels watchable, once for each tool and kernel,
so that each tool has several processes, which share the programs out. What was not reached in --seconds is listed and counted as skipped; then the
exit code is 2 where nothing failed. Prints what the tools say, and ends with `N passed, N failed`.

racecheck does not follow a barrier at which one lane arrives for its warp (docs/debugging.md): it watches artifacts in which every lane arrives,
    benchmarks/gpu/build.py --target sm_80 --tag races --options=--check-races
and no others. They are for sm_80, whose copies it follows; roles, channels and the order of accesses are those of all targets.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import gpu_worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = {
    # A cubin of another architecture is refused before its PTX is compiled; the runtime looks at what each call returns.
    "memcheck": ["--report-api-errors", "no"],
    "racecheck": ["--racecheck-report", "all"],
    "initcheck": [],
    "synccheck": [],
}
RACES = r"@races\."
NAMES = (
    "fgla_h1", "fgla_inout", "fgla_f16", "fgla_f32", "k64", "k100_v130", "k16", "k256_v512", "softplus", "log_head", "group4", "layer_output_gate",
    "ungated", "sequence", "hedgehog", "log_sigmoid_value", "step", "step_gated",
)  # fmt: skip
# Code for sm_80 is compiled from its PTX in each process, so there is one of it.
PROGRAMS = (*(rf"^{name}\.sm_90a$" for name in NAMES), r"^fgla_inout\.sm_80$")
CASES = "2,17,mixed;1,300,hard"  # a whole tile and a part of one; two segments, and scores that need the exact way
BOUNDS = {"f32": 1e-5, "tf32": 1.25e-3, "f16": 1e-2, "bf16": 1e-2}
COMPLAINT = re.compile(r"Error|Invalid|Uninit|hazard|Barrier|Race")


def name_of(entry, case):
    batch, tokens, kind = case
    return f"{entry['id']} B={batch} T={tokens} {kind}"


def child(job):
    """The calls, in the process that the tool watches."""
    import torch

    import gpu_reference
    import runtime_binding

    folder = pathlib.Path(job["artifacts"])
    found = sorted([*folder.glob("libfgla_runtime.so*"), *folder.parent.glob("libfgla_runtime.so*")])
    library = runtime_binding.Library(found[0])
    for entry in job["entries"]:
        function = library.load(folder / entry["artifact"], "attention")
        for batch, tokens, kind in job["cases"]:
            name = name_of(entry, (batch, tokens, kind))
            print(f"RUN {name}", flush=True)
            host = gpu_reference.make_inputs(entry, batch, tokens, kind, seed=tokens, device="cpu")
            device = {key: tensor.cuda() for key, tensor in host.items()}
            results = {}
            for key, shape, dtype in entry["results"]:
                shape = [{"B": batch, "T": tokens}.get(d, d) for d in shape]
                results[key] = torch.empty(shape, dtype=gpu_reference.TORCH_DTYPES[dtype], device="cuda")
            torch.cuda.synchronize()
            function.prepare(device, results)(torch.cuda.current_stream().cuda_stream)
            torch.cuda.synchronize()
            wanted = gpu_reference.expected(entry, host)
            for key, result in results.items():
                error = gpu_reference.relative_error(result.cpu(), wanted[key])
                good = error <= BOUNDS["tf32" if "--precision=tf32" in entry["options"] else entry["dtype"]]
                print(f"{'GOOD' if good else 'WRONG'} {name} {key} {error:.2e}", flush=True)
    print("END", flush=True)


class Watch:
    """One process under a tool."""

    def __init__(self, tool, number, job, arguments):
        self.tool, self.wrong, self.skipped = tool, [], []
        command = ["compute-sanitizer", "--tool", tool, *TOOLS[tool], "--error-exitcode", "9", "--print-limit", "20", "--target-processes", "all"]
        command += ["--kernel-name", f"kns={arguments.filter}"] if arguments.filter else []
        command += [sys.executable, str(pathlib.Path(__file__).resolve()), "--child", json.dumps(job)]
        environment = dict(os.environ, PYTORCH_NO_CUDA_MEMORY_CACHING="1", CUDA_MODULE_LOADING="LAZY", OMP_NUM_THREADS="1", PYTHONUNBUFFERED="1")
        log = pathlib.Path(gpu_worker.output_folder()) / f"sanitize-{tool}-{number}.log"
        code = self.run(command, environment, log, arguments.seconds)
        self.lines = log.read_text(errors="replace").splitlines()
        self.good = sum(line.startswith("GOOD") for line in self.lines)
        self.complaints = [line for line in self.lines if line.startswith("========= ") and COMPLAINT.search(line) and " SUMMARY: " not in line]
        self.summary = [m.group(1) for line in self.lines if (m := re.search(r"=+ ((?:ERROR|RACECHECK) SUMMARY: .*)", line))]
        self.judge(code, [name_of(entry, case) for entry in job["entries"] for case in job["cases"]])

    @staticmethod
    def run(command, environment, log, seconds):
        """The exit code; None if the time was up."""
        with open(log, "w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return None

    def judge(self, code, names):
        last, tail = " / ".join(self.lines[-1:]), " / ".join(self.lines[-4:])
        self.wrong += [line for line in self.lines if line.startswith("WRONG")]
        begun = [line.removeprefix("RUN ") for line in self.lines if line.startswith("RUN ")]
        if code is None:  # the last one that began did not end
            self.skipped = names[max(0, len(begun) - 1) :]
        elif "END" not in self.lines:
            self.wrong.append(f"ended with code {code} in {begun[-1] if begun else last}: {tail}")
        elif code != 0 and not self.complaints:
            self.wrong.append(f"exit code {code}: {tail}")
        if code is not None and not self.summary:
            self.wrong.append("no summary of the tool")
        self.wrong += self.complaints[:12]


def share_out(tool, job, processes):
    """The jobs of a tool's processes."""
    entries = [entry for entry in job["entries"] if bool(re.search(RACES, entry["id"])) == (tool == "racecheck")]
    return [dict(job, entries=entries[i::processes]) for i in range(min(processes, len(entries)))]


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        return child(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--processes", type=int, default=4, help="for each tool")
    parser.add_argument("--seconds", type=float, default=170)
    parser.add_argument("--filter", default="kernel", help="part of the names of the kernels to watch; empty: all")
    parser.add_argument("--cases", default=CASES)
    arguments = parser.parse_args()
    if shutil.which("compute-sanitizer") is None:
        sys.exit("error: no compute-sanitizer on the path")
    manifest = json.loads((arguments.artifacts / "manifest.json").read_text())
    parts = arguments.only.split(",")
    entries = [e for e in manifest if e["artifact"] and any(re.search(part, re.sub(RACES + ".*", ".sm_90a", e["id"])) or re.search(part, e["id"]) for part in parts)]
    if not entries:
        sys.exit(f"error: no artifact in {arguments.artifacts} is called {arguments.only}")
    cases = [(int(batch), int(tokens), kind) for batch, tokens, kind in (case.split(",") for case in arguments.cases.split(";"))]
    job = {"artifacts": str(arguments.artifacts.resolve()), "entries": entries, "cases": cases}
    print("programs: " + " ".join(entry["id"] for entry in entries), flush=True)
    begin = time.monotonic()
    passed = failed = skipped = 0
    jobs = {tool: share_out(tool, job, arguments.processes) for tool in arguments.tools.split(",")}
    with concurrent.futures.ThreadPoolExecutor(max(1, sum(map(len, jobs.values())))) as pool:
        running = {tool: [pool.submit(Watch, tool, i, job, arguments) for i, job in enumerate(shares)] for tool, shares in jobs.items()}
        for tool, futures in running.items():
            watches = [future.result() for future in futures]
            wrong, late = ([line for watch in watches for line in getattr(watch, name)] for name in ("wrong", "skipped"))
            if not watches:
                wrong = [f"not run: there is no artifact for it{' (build.py --tag races --options=--check-races)' * (tool == 'racecheck')}"]
            good, complaints = sum(watch.good for watch in watches), sum(len(watch.complaints) for watch in watches)
            state = f"{complaints} complaints" if wrong else "clean"
            summaries = sorted({line for watch in watches for line in watch.summary})
            print(f"{tool}: {good} results right, {state}; {'; '.join(summaries) or 'no summary'}; {time.monotonic() - begin:.0f} s", flush=True)
            for line in wrong:
                print(f"  {line}", flush=True)
            if late:
                print(f"  not reached: {', '.join(late)}", flush=True)
            passed, failed, skipped = passed + good + (not wrong and not late), failed + len(wrong), skipped + len(late)
    print(f"{passed} passed, {failed} failed" + f", {skipped} skipped" * (skipped > 0))
    sys.exit(1 if failed or not passed else 2 if skipped else 0)


if __name__ == "__main__":
    main()
