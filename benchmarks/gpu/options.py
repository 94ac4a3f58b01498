#!/usr/bin/env python3
"""Times every option beside the default program, in one run on one device: what each map, gate, norm or type costs.

usage: options.py [--artifacts DIR] [--other DIR] [--only EXPR] [--batch N] [--tokens N] [--repeats N] [--json FILE]

Artifacts are those of `build.py --only '^fgla_h16_k128,^option_'`. All are called in turn, each on inputs that none has just read; times are medians of
CUDA events. The floor of an option is the bytes of its inputs and outputs over the bandwidth of a copy. --other has the artifacts of another build of
the compiler, timed in the same turns. "predicted" is what the cost model said when the artifact was built with --options=--shape=B=8,T=2048.
Prints a Markdown table and writes JSON.
"""

import argparse
import json
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "numeric"), str(ROOT / "benchmarks" / "gpu")]
import forward  # noqa: E402
import programs  # noqa: E402

DEFAULT = "fgla_h16_k128"
DECAYS = [("hard", 1.15)]
# Times of the default program that each may take.
GOALS = {
    DEFAULT: 1.0, "option_output_gate": 1.17, "option_layer": 1.05, "option_layer_gate": 1.2, "option_softmax": 1.1, "option_hedgehog": 1.1,
    "option_value": 1.2, "option_f16": 1.05, "option_k96": 0.9, "option_group4": 0.6, "option_plain": 0.65, "option_exp_tanh": 1.1,
    "option_two_tanh": 1.05, "option_gelu": 1.15, "option_wave": 1.15, "option_rational": 1.15,
}  # fmt: skip


def predict(entry):
    """Milliseconds of the kernels that run at the report's shape, or None."""
    launches = [kernel.get("schedule", {}).get("at_shape") for kernel in entry.get("report") or []]
    return sum(launch["predicted_ns"] for launch in launches if isinstance(launch, dict)) / 1e6 or None


def count_bytes(tensors):
    return sum(t.nbytes for t in tensors.values())


class Table:
    def __init__(self, arguments):
        self.arguments = arguments
        options = {"repeats": arguments.repeats, "artifacts": str(arguments.artifacts), "prototype": ""}
        self.benches = {"ours": forward.Bench(options)}
        if arguments.other:
            self.benches["other"] = forward.Bench(options | {"artifacts": str(arguments.other)})
        self.rows, self.methods = {}, {}

    def add(self, name, program, kind="normal"):
        """A row: its calls, its floor and how wrong the first result is."""
        shape = (self.arguments.batch, self.arguments.tokens)
        row = self.rows[name] = {"program": program, "kind": kind}
        sets = wanted = None
        for build, bench in self.benches.items():
            entry = next((e for e in bench.entries.values() if e["name"] == program and e["target"] == "sm_90a"), None)
            if entry is None:
                row[f"failed {build}"] = "no artifact"
                continue
            if sets is None:
                sets = bench.inputs(shape, entry, kind)
                wanted = bench.expected(entry, sets[0])
            calls, results = bench.calls(entry, sets)
            calls[0]()
            row[f"error {build}"] = bench.error(results[0]["y"], wanted)
            row["bytes"] = count_bytes(sets[0]) + count_bytes(results[0])
            row[f"predicted {build}"] = predict(entry)
            self.methods[name, build] = calls

    def time(self):
        bench = self.benches["ours"]
        copied = self.rows[DEFAULT]["bytes"]
        copy = forward.time_copy(bench, {"copy": copied // 2})["copy"]
        for row in self.rows.values():
            row["floor"] = copy * row["bytes"] / copied if "bytes" in row else None
        for (name, build), value in bench.timed(self.methods).items():
            self.rows[name][build] = value
        return copied / copy * 1e3

    def print(self):
        base = self.rows[DEFAULT]["ours"]
        rows = []
        for name, row in self.rows.items():
            ours, other, goal = row.get("ours"), row.get("other"), GOALS.get(row["program"])
            if row["kind"] != "normal":
                goal = dict(DECAYS)[row["kind"]]
            error = f"{row['error ours']:.1e}" if "error ours" in row else "–"
            rows.append([name, forward.number(other), forward.number(ours), forward.ratio(ours, other), forward.judged(ours, base, goal, True),
                         forward.number(row.get("floor")), forward.ratio(ours, row.get("floor")), forward.ratio(row.get("predicted ours"), ours), error])  # fmt: skip
        head = ["option (ms)", "other build", "ours", "ours / other", "of the default", "floor", "ours / floor", "predicted / ours", "error"]
        forward.print_table(head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--other", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("options.json"))
    arguments = parser.parse_args()
    table = Table(arguments)
    table.add(DEFAULT, DEFAULT)
    for kind, _ in DECAYS:
        table.add(f"decays: {kind}", DEFAULT, kind)
    for program in programs.OPTIONS:
        if re.search(arguments.only, program.name):
            table.add(program.name.removeprefix("option_"), program.name)
    bandwidth = table.time()
    torch = table.benches["ours"].torch
    device = torch.cuda.get_device_name()
    print(f"{device}, torch {torch.__version__}, copy {bandwidth / 1e12:.2f} TB/s")
    table.print()
    date = time.strftime("%Y-%m-%d", time.gmtime())
    shape = {"batch": arguments.batch, "tokens": arguments.tokens}
    arguments.json.write_text(json.dumps({"device": device, "date": date, "shape": shape, "copy": bandwidth, "rows": table.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
