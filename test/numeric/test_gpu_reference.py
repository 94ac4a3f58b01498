#!/usr/bin/env python3
"""Holds gpu_reference.py against reference.py, on the CPU: every program of benchmarks/gpu/programs.py, every kind of input. Needs torch."""

import math
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "gpu"))

import gpu_reference
import programs
import reference
from reporting import Report

CUSTOM = {
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "bent_square": lambda x: np.maximum(x, 0.0) ** 2 + 0.01 * x * x,
    "exp_tanh": lambda x: 1 + np.tanh(x) + np.exp(-np.abs(x)),
    "gelu_square": lambda x: (0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))) ** 2,
    "wave": lambda x: 1 + 0.5 * np.sin(x),
    "rational": lambda x: (x * x + 0.1) / (x * x + 1),
}


def algebraic(z, r):
    def u(x):
        return 0.5 * (1 + x / np.sqrt(1 + x * x))

    return np.log(u(z) * (1 - u(-z) * u(-r)))


CUSTOM_GATES = {
    "softplus_power": lambda z, r: -np.logaddexp(-z, 0.0) * np.logaddexp(r, 0.0),
    "algebraic": algebraic,
    "two_tanh": lambda z, r: np.log((2 + np.tanh(z) + np.tanh(r)) / 4),
    "double_exp": lambda z, r: -np.exp(z - 1) / (1 + np.exp(-r)),
    "power": lambda z, r: -np.logaddexp(-z, 0.0) / (1 + r * r),
}


def log_gate(gate, *z):
    if gate in CUSTOM_GATES:
        return CUSTOM_GATES[gate](*z)
    return reference.log_gate(gate.removeprefix("log_"), *z)


def in_numpy(program, x):
    """What reference.py says."""
    p = program
    x = {name: t.double().numpy() for name, t in x.items()}

    def feature(kind, z):
        if kind in ("identity", "logits"):
            return z
        return reference.feature_map(CUSTOM.get(kind, kind), z[:, None] if z.ndim == 3 else z)[(slice(None), 0) if z.ndim == 3 else ...]

    decay = {}
    if p["gate"] in ("factor", "log"):
        decay = {"decay" if p["gate"] == "factor" else "log_decay": x["decay"]}
    elif p["gate"] != "none":
        decay = {"log_decay": log_gate(p["gate"], *(x[name] for name in ("zg", "zr") if name in x))}
    y, state, maximum = (reference.step if p["op"] == "step" else reference.attention)(
        feature(p["query"], x["zq"]),
        feature(p["key"], x["zk"]),
        x["v"],
        axis=p["axis"],
        initial_state=x.get("initial_state"),
        initial_max=x.get("initial_max"),
        stabilizer=p["stabilizer"],
        **decay,
    )
    if p["norm"] != "none":
        y = reference.norm(p["norm"], y, x.get("w"), x.get("b"), p["eps"])
    if p["output_gate"]:
        y = reference.output_gate(y, x["zo"])
    return {"y": y, "state": state, "max": maximum}


def main():
    torch.set_num_threads(1)
    report = Report()
    small = [p for p in programs.PROGRAMS.values() if p.heads <= 2]
    for program in small:
        described = program.describe()
        for kind in gpu_reference.KINDS:
            for tokens in (37,) if program.keys * program.values <= 128 * 128 and kind not in ("jumps", "mixed") else (75,):
                if program.keys > 128 and kind not in ("normal", "hard"):
                    continue
                x = gpu_reference.make_inputs(described, 1, tokens, kind, seed=tokens, device="cpu")
                got, wanted = gpu_reference.expected(described, x), in_numpy(described, x)
                for name, value in wanted.items():
                    if value is None:
                        report.check(f"{program.name} {kind}, {name}", got[name] is None)
                        continue
                    good = got[name].shape == value.shape and np.isfinite(value).all()
                    report.check(f"{program.name} {kind}, {name} finite", good)
                    report.error(f"{program.name} {kind}, {name}", reference.relative_error(got[name].numpy(), value), 1e-11)
    for tokens in (0, 1, 16, 17, 40):
        x = gpu_reference.make_inputs(programs.PROGRAMS["fgla_inout"].describe(), 2, tokens, device="cpu")
        got = gpu_reference.expected(programs.PROGRAMS["fgla_inout"].describe(), x)
        if tokens == 0:
            report.check("no tokens", torch.equal(got["state"], x["initial_state"].double()) and torch.equal(got["max"], x["initial_max"].double()))
            continue
        plain = gpu_reference.expected(programs.PROGRAMS["fgla_inout"].describe(), x, gpu_reference.one_by_one)
        for name, value in plain.items():
            report.error(f"T={tokens} {name}", gpu_reference.relative_error(got[name], value), 1e-12)
        broken = got["y"].clone()
        broken[0, tokens - 1, 0] += 1.0
        report.check(f"T={tokens} a wrong token shows", gpu_reference.worst_block(broken, plain["y"])[0] > 1e-2)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
