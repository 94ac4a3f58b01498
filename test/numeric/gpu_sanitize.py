#!/usr/bin/env python3
"""Runs a few small calls of compiled programs under CUDA's compute-sanitizer: memcheck, racecheck, initcheck, synccheck, side by side.

usage: gpu_sanitize.py [--artifacts DIR] [--tools memcheck,...] [--only EXPR,EXPR] [--seconds N] [--filter SUBSTRING] [--cases "B,T,KIND;..."]

Every tensor is an allocation of its own, so that an access beside it shows; inputs come from the host and no other kernel runs, so that initcheck sees
what is read before it is written. Results are compared as well. Prints what the tools say, and ends with `N passed, N failed`.

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

import gpu_worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = {
    "memcheck": [],
    "racecheck": ["--racecheck-report", "all"],
    "initcheck": [],
    "synccheck": [],
}
RACES = r"@races\."
PROGRAMS = (
    r"^fgla_h1\.sm_90a$", r"^fgla_inout\.", r"^fgla_f16\.", r"^fgla_f32\.sm_90a", r"^k64\.", r"^k100_v130\.", r"^softplus\.", r"^log_head\.", r"^group4\.",
    r"^layer_output_gate\.", r"^ungated\.", r"^sequence\.", r"^hedgehog\.", r"^log_sigmoid_value\.", r"^step(_gated)?\.sm_90a",
)  # fmt: skip
CASES = "1,70,normal;1,300,hard;2,17,mixed"
BOUNDS = {"f32": 1e-5, "f16": 1e-2, "bf16": 1e-2}


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
            name = f"{entry['id']} B={batch} T={tokens} {kind}"
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
                good = error <= BOUNDS[entry["dtype"]]
                print(f"{'GOOD' if good else 'WRONG'} {name} {key} {error:.2e}", flush=True)
    print("END", flush=True)


def watch(tool, job, arguments):
    """(checks passed, what is wrong) of one tool."""
    isForRaces = tool == "racecheck"
    job = dict(job, entries=[entry for entry in job["entries"] if bool(re.search(RACES, entry["id"])) == isForRaces])
    if not job["entries"]:
        return tool, 0, [f"not run: there is no artifact for it{' (build.py --tag races --options=--check-races)' * isForRaces}"], [], 0
    command = ["compute-sanitizer", "--tool", tool, *TOOLS[tool], "--error-exitcode", "9", "--print-limit", "20", "--target-processes", "all"]
    command += ["--kernel-name", f"kns={arguments.filter}"] if arguments.filter else []
    command += [sys.executable, str(pathlib.Path(__file__).resolve()), "--child", json.dumps(job)]
    environment = dict(os.environ, PYTORCH_NO_CUDA_MEMORY_CACHING="1", CUDA_MODULE_LOADING="LAZY", OMP_NUM_THREADS="2", PYTHONUNBUFFERED="1")
    log = pathlib.Path(gpu_worker.output_folder()) / f"sanitize-{tool}.log"
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        try:
            code = process.wait(arguments.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            code = None
    text = log.read_text()
    last = ([line for line in text.splitlines() if line.startswith("RUN ")] or ["nothing"])[-1].removeprefix("RUN ")
    wrong = [line for line in text.splitlines() if line.startswith("WRONG")]
    complaints = [line for line in text.splitlines() if line.startswith("========= ") and re.search(r"Error|Invalid|Uninit|hazard|Barrier|Race", line)]
    if code is None:
        wrong.append(f"took more than {arguments.seconds} s, in {last}")
    elif "\nEND" not in text:
        wrong.append(f"ended with code {code} in {last}: {' / '.join(text.splitlines()[-4:])}")
    elif code != 0 and not complaints:
        wrong.append(f"exit code {code}: {' / '.join(text.splitlines()[-4:])}")
    summary = re.findall(r"=+ ((?:ERROR|RACECHECK) SUMMARY: .*)", text)
    if not summary and code is not None:
        wrong.append("no summary of the tool")
    return tool, text.count("\nGOOD"), wrong + complaints[:12], summary, len(complaints)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        return child(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--seconds", type=float, default=270)
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
    passed = failed = 0
    tools = arguments.tools.split(",")
    with concurrent.futures.ThreadPoolExecutor(len(tools)) as pool:
        for tool, good, wrong, summary, complaints in pool.map(lambda tool: watch(tool, job, arguments), tools):
            clean = not wrong
            print(f"{tool}: {good} results right, {'clean' if clean else f'{complaints} complaints'}; {'; '.join(summary) or 'no summary'}", flush=True)
            for line in wrong:
                print(f"  {line}", flush=True)
            passed, failed = passed + good + clean, failed + (0 if clean else max(1, len(wrong)))
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
