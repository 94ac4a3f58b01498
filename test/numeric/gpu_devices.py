#!/usr/bin/env python3
"""Calls one loaded artifact on two GPUs at once, from a thread for each, on streams of each, through the C ABI.

usage: gpu_devices.py [--artifacts DIR] [--only EXPR,EXPR] [--rounds N]

The first calls meet: each device's code is loaded while the other's is. A thread has the other device as its current one in half of its calls, and the
runtime leaves it so. Results have the bits of a call alone on the same device, and are right against float64. Tensors of two devices are refused.
Skipped where there is one GPU. Ends with `N passed, N failed`.
"""

import argparse
import json
import pathlib
import re
import sys
import threading

import torch

import gpu_reference
import runtime_binding
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = r"^fgla_inout\.sm_90a$,^fgla_inout\.sm_80$,^step\.sm_90a$"
BOUNDS = {"f32": 1e-5, "f16": 1e-2, "bf16": 1e-2}
CASES = ((2, 100), (1, 2048))  # one kernel; two with memory between them


class Problem:
    """Inputs and results on one device."""

    def __init__(self, entry, device, batch, tokens):
        self.entry, self.device, self.batch, self.tokens = entry, device, batch, tokens
        # Other numbers on each device, so that a mix-up shows.
        self.inputs = gpu_reference.make_inputs(entry, batch, tokens, "normal", seed=tokens + 1000 * device, device=f"cuda:{device}")
        self.wanted = gpu_reference.expected(entry, self.inputs)

    def results(self):
        made = {}
        for name, shape, dtype in self.entry["results"]:
            shape = [{"B": self.batch, "T": self.tokens}.get(d, d) for d in shape]
            made[name] = torch.full(shape, torch.nan, dtype=gpu_reference.TORCH_DTYPES[dtype], device=f"cuda:{self.device}")
        return made


def same_bits(a, b):
    types = {2: torch.int16, 4: torch.int32}
    return all(torch.equal(a[n].view(types[a[n].element_size()]), b[n].view(types[b[n].element_size()])) for n in a)


def run_thread(function, problems, number, rounds, meeting, outcomes):
    """Calls on the streams of one device; what came out goes to OUTCOMES."""
    device, count = problems[0].device, torch.cuda.device_count()
    streams = [torch.cuda.Stream(device) for _ in range(2)]
    calls = [(problem, problem.results(), stream) for _ in range(rounds) for problem in problems for stream in streams]
    torch.cuda.synchronize(device)
    meeting.wait()
    for index, (problem, results, stream) in enumerate(calls):
        current = (device + index) % count
        torch.cuda.set_device(current)
        try:
            function.prepare(problem.inputs, results)(stream.cuda_stream)
        except Exception as error:
            outcomes.append((number, problem, None, str(error)))
            continue
        kept = torch.cuda.current_device() == current
        outcomes.append((number, problem, results, "" if kept else "another device is current after the call"))
    for stream in streams:
        stream.synchronize()


def check_program(report, library, path, entry, rounds):
    cases = ((3, 1),) if entry["op"] == "step" else CASES
    problems = [[Problem(entry, device, *case) for case in cases] for device in range(2)]
    function = library.load(path, "attention")
    meeting, outcomes = threading.Barrier(2, timeout=120), []
    threads = [threading.Thread(target=run_thread, args=(function, problems[d], d, rounds, meeting, outcomes)) for d in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.check(f"{entry['id']} all calls made", len(outcomes) == 2 * 2 * rounds * len(cases), f"{len(outcomes)} calls")
    for device in range(2):
        torch.cuda.set_device(device)
        for problem in problems[device]:
            name = f"{entry['id']} device {device} B={problem.batch} T={problem.tokens}"
            alone = problem.results()
            torch.cuda.synchronize(device)
            function.prepare(problem.inputs, alone)(torch.cuda.current_stream().cuda_stream)
            torch.cuda.synchronize(device)
            for key, result in alone.items():
                report.error(f"{name} {key}", gpu_reference.relative_error(result, problem.wanted[key]), BOUNDS[entry["dtype"]])
            for _, _, results, message in (o for o in outcomes if o[1] is problem):
                report.check(f"{name} call", not message, message)
                report.check(f"{name} bits", results is not None and same_bits(alone, results), "other bits than alone")
    check_mixed(report, function, *(p[0] for p in problems), entry["id"])


def check_mixed(report, function, one, other, name):
    inputs = dict(one.inputs, v=other.inputs["v"])
    try:
        function.prepare(inputs, one.results())(0)
        report.check(f"{name} tensors of two devices", False, "are taken")
    except runtime_binding.RuntimeFailure as error:
        report.check(f"{name} tensors of two devices", "device" in str(error), str(error))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--only", default=PROGRAMS)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    if torch.cuda.device_count() < 2:
        print("0 passed, 0 failed, 1 skipped")
        return 0
    print(", ".join(torch.cuda.get_device_name(device) for device in range(2)))
    library = runtime_binding.Library(next(iter(sorted(arguments.artifacts.glob("libfgla_runtime.so*")))))
    report = Report()
    manifest = json.loads((arguments.artifacts / "manifest.json").read_text())
    for entry in manifest:
        if entry["artifact"] and any(re.search(part, entry["id"]) for part in arguments.only.split(",")):
            check_program(report, library, arguments.artifacts / entry["artifact"], entry, arguments.rounds)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
