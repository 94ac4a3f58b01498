#!/usr/bin/env python3
"""Compares compiled programs with reference.py over the matrix of options, lengths and hard inputs, and tests what must not change a result.

usage: matrix.py [--build DIR] [--quick] [--target NAME] [--lowering tiled|reference] [--only TEXT] [--list] [--jobs N]

A configuration is compiled once, and the artifact is called for all its lengths. Prints each comparison that fails; ends with
`N passed, N failed`. --only takes the cases whose name holds TEXT. --target takes a GPU too, where libcuda.so.1 is the one that runs
kernels on the CPU (test/emulator).
"""

import argparse
import dataclasses
import os
import pathlib
import sys

# Before NumPy is loaded: the reference is many small steps, and threads of the linear algebra library would only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import block_cases
import expressions
import math_cases
import nonfinite
import tensor_cases
from cover import pairwise
from harness import Case, compare, run_cases
from inputs import make_inputs
from program import Config, Program, expected, packed_configs
from reference import FEATURE_MAPS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORT = (1, 15, 16, 31, 33, 64)

# Every named map is a factor of queries and, but for the one that their stabilizers stand for, of keys.
OTHER_MAPS = [name for name in FEATURE_MAPS if name != "safe_exp"]

FACTORS = {
    "dtype": ["f32", "bf16", "f16"],
    "key_dim": [16, 64, 96, 128, 256],
    "value_dim": [16, 64, 96, 128, 256],
    "heads": [1, 2],
    "group": [1, 2, 4],
    "query": ["safe_exp", *OTHER_MAPS, "custom", "elu1*W"],
    "key": ["logits:running", "logits:sequence", "logits:token", "logits*W:running", *OTHER_MAPS, "custom", "softmax*W"],
    "gate": [
        "none", "factor.key", "factor.value", "factor.head", "factor.constant", "log.key", "log.value", "log.head", "log.constant",
        "sigmoid.key", "refined.key", "refined.value", "refined.head", "log_refined.key", "custom.key", "log_custom.head",
    ],
    "rule": ["gated", "delta", "gated_delta"],
    "beta": ["head", "one"],
    "norm": ["none", "rms", "rms+w", "rms+hw", "layer", "layer+wb"],
    "output_gate": [False, True],
    "state": ["none", "in", "out", "inout"],
    "tokens": [1000, 4097],
}  # fmt: skip


# ---- Against the reference ---------------------------------------------------------------------------------------------------------


def slack_of(config, target):
    """How much less exact a GPU may be, whose products are sums of products of 8-bit factors."""
    is_signed = any(kind in ("identity", "custom") for kind in (config.query, config.key))
    if target == "cpu":
        return 1
    if config.dtype != "f32" and is_signed and config.norm != "none":
        return 2  # where few features cancel, a norm makes what is left, and its error, as large as any row
    if config.dtype == "f32" and config.key.startswith("logits*W"):
        return 4  # exponents of hundreds, of which an f32 has 2^-15
    return 1


def against_reference(config, runs, **options):
    """RUNS are (batch, tokens, profile)."""

    def run(context, report):
        program, function = context.program(config, **options)
        slack = slack_of(config, context.target)
        for batch, tokens, profile in runs:
            inputs = make_inputs(program, batch, tokens, profile)
            compare(report, f"B={batch} T={tokens} {profile}", config.dtype, function(inputs), expected(config, inputs), slack)

    return run


def has_gpu_code(config):
    """The compiler names the rule where there is none (hedgehog-invalid.mlir and others under test/passes)."""
    half = config.key_dim // 2
    is_whole = half >= 16 and half & (half - 1) == 0 and (config.key_dim <= 128 or config.dtype != "f32")
    return config.rule == "gated" and (is_whole or not any("hedgehog" in kind for kind in (config.query, config.key)))


def matrix_cases(target):
    factors = FACTORS if target == "cpu" else {**FACTORS, "rule": ["gated"], "beta": ["head"], "tokens": [300, 700]}

    def is_valid(row):
        config = Config(**{name: value for name, value in row.items() if name != "tokens"})
        return config.is_valid() and (row["beta"] == "head" or row["rule"] != "gated") and (target == "cpu" or has_gpu_code(config))

    for row in pairwise(factors, is_valid):
        longest = row.pop("tokens")
        config = Config(**row)
        runs = [(2, t, "normal") for t in SHORT] + [(1, longest, "normal"), (2, 33, "strong"), (1, 129, "extreme")]
        yield Case(f"matrix: {config} T<={longest}", against_reference(config, runs))


def sequential(config, batch, tokens):
    """The sequential lowering, with sizes that are free and with BATCH and TOKENS in the types."""

    def run(context, report):
        program = Program(config)
        given = program.text().replace("tensor<?x?x", f"tensor<{batch}x{tokens}x").replace("tensor<?x", f"tensor<{batch}x")
        # What a matrix gives is stored before it becomes exponents, of which hundreds are few digits.
        hard = "normal" if config.key.startswith("logits*W") else "extreme"
        for name, text, runs in (
            ("free", program.text(), [(2, 1, "normal"), (1, 18, "normal"), (2, 9, hard)]),
            ("given", given, [(batch, tokens, "normal"), (batch, tokens, "strong")]),
        ):
            function = context.compile(text, lowering="reference")
            for b, t, profile in runs:
                inputs = make_inputs(program, b, t, profile)
                compare(report, f"{name} sizes, B={b} T={t} {profile}", config.dtype, function(inputs), expected(config, inputs))

    return run


def sequential_cases():
    """The reference lowering, which is what others are compared with, over the same cover."""

    def is_valid(row):
        config = Config(**{name: value for name, value in row.items() if name not in ("batch", "tokens")})
        return config.is_valid() and (row["beta"] == "head" or row["rule"] != "gated")

    for row in pairwise({**FACTORS, "batch": [1, 2], "tokens": [1, 5]}, is_valid):
        batch, tokens = row.pop("batch"), row.pop("tokens")
        config = Config(**row)
        yield Case(f"sequential: {config} B={batch} T={tokens}", sequential(config, batch, tokens))


def hard_cases(target):
    """Inputs chosen to break a kernel: long sums, ranges that do not fit, lengths that leave tails, nothing at all."""
    small = {"key_dim": 16, "value_dim": 16}
    both = {"state": "inout"}
    shapes = [
        Config(**both),
        Config(gate="log.key", **both),
        Config(gate="factor.key", **both),
        Config(gate="refined.value", value_dim=96, **both),
        Config(gate="log.head", key_dim=96, value_dim=16, **both),
        Config(key="logits:token", gate="log_refined.key", **both),
        Config(key="logits:sequence", norm="rms+w", output_gate=True, **both),
        Config(key="logits:running", norm="rms+w", output_gate=True, group=4, dtype="bf16", **both),
    ]
    for config in shapes:
        runs = [(2, t, p) for p in ("strong", "extreme", "jumps", "rising", "falling") for t in (47, 65, 200)]
        runs += [(0, 5, "normal"), (2, 0, "normal"), (0, 0, "normal")]
        yield Case(f"hard: {config}", against_reference(config, runs))
    for dtype, query, key, gate in (("bf16", "identity", "identity", "refined.key"), ("f32", "exp", "exp", "factor.key"), ("bf16", "relu", "exp", "log.key")):
        config = Config(heads=1, dtype=dtype, query=query, key=key, gate=gate, **both)
        yield Case(f"hard: {config}", against_reference(config, [(2, t, "spread") for t in (16, 47, 130)]))
    for key in ("logits:running", "logits:token", "logits:sequence"):
        for dtype in ("bf16", "f32"):
            config = Config(heads=1, dtype=dtype, key=key, gate="log.key", **small, **both)
            yield Case(f"hard: {config} far", against_reference(config, [(2, t, "far") for t in (16, 47)]))
    for scale in (1e18, 1e-18):  # features of at most one, times this
        config = Config(heads=1, query="softmax", key="logits:token", gate="refined.key", scale=scale, **both)
        yield Case(f"hard: {config}", against_reference(config, [(2, 47, "spread")]))
    for gate in ("log.constant", "log.head", "log.key", "factor.key", "refined.key", "none"):
        config = Config(heads=1, gate=gate, **small, **both)
        yield Case(f"long: {config}", against_reference(config, [(1, 65536, "constant")]))
    sums = Config(heads=1, dtype="f16", **small, **both)  # a state above 65,504
    yield Case(f"long: {sums}", against_reference(sums, [(1, 65536, "constant")]))
    yield Case("long: strong decays", against_reference(Config(heads=1, **small, **both), [(1, 65536, "strong")]))
    least = (1, 1) if target == "cpu" else (2, 2)
    for key_dim, value_dim in (least, (7, 33), (100, 130)):  # no vector fits
        for config in (
            Config(key_dim=key_dim, value_dim=value_dim, norm="rms+w", **both),
            Config(key_dim=key_dim, value_dim=value_dim, gate="factor.value", key="logits:token", dtype="bf16", **both),
            Config(key_dim=key_dim, value_dim=value_dim, gate="log.head", query="softmax", key="elu1", group=2, **both),
        ):
            yield Case(f"odd: {config}", against_reference(config, [(2, t, p) for t in (1, 17, 70) for p in ("normal", "strong")]))
    for norm in ("rms+w", "layer+wb"):
        config = Config(heads=1, norm=norm, **small)
        yield Case(f"hard: {config}", against_reference(config, [(1, 50, "huge")]))
    for config in (
        Config(dtype="bf16", narrow_state=True, norm="rms+w", **both),
        Config(dtype="f16", narrow_state=True, gate="log.head", key="identity", value_dim=100, **both),
        Config(dtype="f16", narrow_state=True, gate="factor.value", key="logits:sequence", group=2, state="out"),
    ):
        yield Case(f"narrow state: {config}", against_reference(config, [(2, t, "normal") for t in (1, 16, 33, 200)]))
    wide = Config(heads=1, key_dim=16, value_dim=512, norm="rms")
    yield Case(f"wide: {wide}", against_reference(wide, [(1, 100, "normal")]))
    every = Config(heads=1, **small, **both)
    yield Case("tails: every length to 70", against_reference(every, [(1, t, "normal") for t in range(1, 71)]))


def packed_cases(target):
    for config in packed_configs() if target == "cpu" else ():
        runs = [(1, t, "normal") for t in (0, 1, 5, 33, 200, 1000)] + [(1, 130, "strong"), (1, 90, "jumps")]
        yield Case(f"packed: {config}", against_reference(config, runs))


def step_cases(target):
    for gate in ("none", "refined.key", "factor.value", "log.head", "log.constant"):
        for key in ("logits:running", "logits:token", "identity"):
            config = Config(op="step", query="identity", key=key, gate=gate, state="inout", group=2)
            if config.is_valid():
                yield Case(f"step: {config}", against_reference(config, [(1, 1, "normal"), (5, 1, "normal"), (3, 1, "extreme")]))
    narrow = Config(op="step", query="identity", key="logits:running", gate="log.key", dtype="bf16", state="inout", narrow_state=True)
    yield Case(f"step: {narrow}", against_reference(narrow, [(3, 1, "normal")]))
    if target != "cpu":
        return
    for rule, gate in (("delta", "none"), ("gated_delta", "refined.key")):
        config = Config(op="step", query="identity", key="identity", gate=gate, rule=rule, state="inout", dtype="bf16")
        yield Case(f"step: {config}", against_reference(config, [(3, 1, "normal")]))


# ---- What must not change a result -------------------------------------------------------------------------------------------------

INVARIANT_CONFIGS = [
    Config(state="inout", norm="rms+w"),
    Config(state="inout", gate="log.head", key="elu1", query="elu1", value_dim=96),
    Config(state="inout", gate="factor.value", key="logits:token", group=2),
    Config(state="inout", gate="sigmoid.key", norm="layer+wb", output_gate=True, dtype="bf16"),
    Config(state="inout", gate="none", key_dim=96, value_dim=32),
]


def tile_lengths(config):
    """A tile's length is a matter of speed alone."""

    def run(context, report):
        program = Program(config)
        lengths = (16, 32, 64) if context.target == "cpu" else (16, 32)  # 64 need more memory than a GPU has for two turns
        functions = {length: context.compile(program.text(), options=[f"--tile={length}"]) for length in lengths}
        for batch, tokens, profile in ((2, 150, "normal"), (1, 77, "strong"), (1, 130, "jumps")):
            inputs = make_inputs(program, batch, tokens, profile)
            wanted = expected(config, inputs)
            for length, function in functions.items():
                compare(report, f"tile={length} T={tokens} {profile}", config.dtype, function(inputs), wanted)

    return run


def segments(config):
    """Neither is the number of segments; there are never more of them than tiles."""

    def run(context, report):
        program = Program(config)
        functions = {n: context.compile(program.text(), options=["--tile=16", f"--segments={n}"]) for n in (1, 2, 7)}
        for batch, tokens, profile in ((1, 200, "normal"), (2, 97, "jumps"), (1, 40, "strong"), (1, 1, "normal"), (1, 0, "normal")):
            inputs = make_inputs(program, batch, tokens, profile)
            wanted = expected(config, inputs)
            for count, function in functions.items():
                compare(report, f"segments={count} T={tokens} {profile}", config.dtype, function(inputs), wanted)

    return run


ROLE_CONFIGS = [
    Config(state="inout", norm="rms+w"),
    Config(state="inout", norm="rms+w", output_gate=True, gate="refined.key", key="logits:running", query="safe_exp", dtype="bf16"),
    Config(state="inout", gate="log.head", key="elu1", query="elu1", value_dim=96, dtype="f16"),
    Config(state="inout", gate="factor.value", key="logits:token", key_dim=16),
    Config(state="out", gate="none", key_dim=96, value_dim=32, norm="layer+wb"),
    # Tiles are wider than their arrays.
    Config(state="inout", norm="rms+w", output_gate=True, key_dim=100, value_dim=130, dtype="bf16"),
    Config(state="inout", norm="layer+wb", key_dim=7, value_dim=33, group=2, query="softmax", gate="refined.key"),
    Config(state="inout", gate="refined.value", key="logits:token", key_dim=9, value_dim=20),
    Config(state="inout", gate="log.head", query="elu1*W", key="softmax", key_dim=24, value_dim=7, norm="rms"),
    Config(state="inout", gate="factor.key", key="logits:sequence", query="custom", key_dim=50, value_dim=18),
    # One token's state has fewer elements than there are threads, of which some then do the same.
    Config(state="inout", gate="log.head", key="logits:token", key_dim=16, value_dim=16, norm="rms+w"),
]


def roles(config):
    """Nor who computes what: the roles of a GPU, each a thread, wait for each other in the right places."""

    def run(context, report):
        program = Program(config)
        for split in (["--tile=16", "--segments=1"], ["--tile=16", "--segments=3"], ["--tile=32", "--segments=1"]):
            function = context.compile(program.text(), lowering="roles", options=split)
            for batch, tokens, profile in (
                (2, 1, "normal"), (1, 16, "normal"), (2, 33, "normal"), (1, 200, "normal"), (1, 77, "strong"), (1, 130, "jumps"), (1, 0, "normal"),
            ):  # fmt: skip
                inputs = make_inputs(program, batch, tokens, profile)
                name = f"{' '.join(split)} T={tokens} {profile}"
                results, again = function(inputs), function(inputs)
                compare(report, name, config.dtype, results, expected(config, inputs))
                same = all(results[n].tobytes() == again[n].tobytes() for n in results)
                report.check(f"{name}, again", same, "other bits")

    return run


def one_token(config):
    """A sequence that has one token by its type: a GPU's kernel without a loop where the head suits it, here with roles as threads."""

    def run(context, report):
        program = Program(config)
        text = program.text().replace("tensor<?x?x", "tensor<?x1x")
        for lowering in ("roles", "tiled") if context.target == "cpu" else ("kernel",):
            function = context.compile(text, lowering=lowering)
            for batch, profile in ((1, "normal"), (3, "strong"), (2, "extreme"), (2, "jumps"), (0, "normal")):
                inputs = make_inputs(program, batch, 1, profile)
                compare(report, f"{lowering} B={batch} {profile}", config.dtype, function(inputs), expected(config, inputs))

    return run


SLICE_CONFIGS = [
    Config(heads=1, state="inout", norm="rms+w", output_gate=True, dtype="bf16", key_dim=32, value_dim=48),
    Config(state="inout", norm="layer+wb", output_gate=True, gate="log.head", key="elu1", query="elu1", key_dim=32, value_dim=64),
    Config(state="inout", gate="factor.value", key="logits:token", query="softmax", key_dim=32, value_dim=32, group=2),
    Config(state="out", gate="refined.key", key="logits:sequence", key_dim=48, value_dim=32, norm="rms+w", dtype="f16", group=2),
    Config(state="inout", gate="sigmoid.key", query="elu1*W", key="logits*W:running", key_dim=32, value_dim=32, dtype="bf16"),
    # The last slice has fewer channels.
    Config(state="inout", norm="rms+w", key_dim=41, value_dim=50, dtype="bf16"),
    Config(state="inout", gate="custom.key", query="softmax", key="logits:token", key_dim=20, value_dim=25, norm="layer"),
    Config(state="inout", gate="refined.value", query="exp", key="exp", key_dim=18, value_dim=33),
]


def slices(config):
    """Nor how many programs share the state of a head."""

    def run(context, report):
        program = Program(config)
        for lowering, segments, keys, values in (("tiled", 1, 16, 0), ("tiled", 3, 16, 16), ("roles", 1, 0, 16), ("roles", 3, 16, 16)):
            options = ["--tile=16", f"--segments={segments}", f"--schedule=key_slice={keys},value_slice={values}"]
            function = context.compile(program.text(), lowering=lowering, options=options)
            for batch, tokens, profile in ((2, 1, "normal"), (1, 200, "normal"), (1, 77, "strong"), (1, 130, "jumps"), (1, 0, "normal")):
                inputs = make_inputs(program, batch, tokens, profile)
                name = f"{lowering} {' '.join(options)} T={tokens} {profile}"
                compare(report, name, config.dtype, function(inputs), expected(config, inputs))

    return run


CLUSTER_CONFIGS = [
    Config(heads=1, state="inout", norm="rms+w", output_gate=True, dtype="bf16", key_dim=128, value_dim=128),
    Config(heads=1, state="out", norm="layer+wb", gate="log.head", query="elu1*W", key="logits*W:running", dtype="bf16", key_dim=128, value_dim=48),
    Config(heads=1, state="inout", gate="custom.key", query="softmax", key="logits:token", dtype="f16", key_dim=100, value_dim=130, group=2),
    Config(heads=1, gate="none", query="custom", key="custom", dtype="bf16", key_dim=256, value_dim=64),
]


def clusters(config):
    """Nor how many programs that share a head add up what they have, nor whether that is decided at launch."""

    def run(context, report):
        program = Program(config)
        slices = -(-config.key_dim // 64)
        forms = [f"segments=1,cluster={slices}", f"segments=3,key_slice=64,value_slice=64,cluster={slices}", "segments=0,value_slice=0,cluster=2"]
        for form in forms if config.key_dim * config.value_dim <= 128 * 128 else forms[:2]:
            function = context.compile(program.text(), options=["--tile=16", f"--schedule={form}"])
            # The last one is of 132 multiprocessors, which twice as many programs as these heads fill.
            heads = config.heads * config.group
            shapes = [(2, 1, "normal"), (1, 200, "normal"), (1, 77, "strong"), (1, 130, "jumps"), (0, 5, "normal"), (2, 0, "normal")] if "segments=0" not in form else [(50 // heads, 37, "normal")]
            for batch, tokens, profile in shapes:
                inputs = make_inputs(program, batch, tokens, profile)
                compare(report, f"{form} B={batch} T={tokens} {profile}", config.dtype, function(inputs), expected(config, inputs), slack_of(config, context.target))

    return run


def split_in_two(config):
    """Two calls through the state are one call."""

    def run(context, report):
        program, function = context.program(config)
        for tokens, first, profile in ((100, 64, "normal"), (100, 1, "normal"), (130, 77, "jumps"), (65, 33, "strong")):
            inputs = make_inputs(program, 2, tokens, profile)
            whole = function(inputs)
            head, tail = dict(inputs), dict(inputs)
            for name, (shape, _) in program.arguments.items():
                if "T" in shape:
                    head[name], tail[name] = inputs[name][:, :first], inputs[name][:, first:]
            one = function(head)
            tail["initial_state"] = one["final_state"]
            if config.tracks_maximum:
                tail["initial_max"] = one["final_max"]
            two = function(tail)
            name = f"T={first}+{tokens - first} {profile}"
            compare(report, name + ", first part", config.dtype, {"y": one["y"]}, {"y": whole["y"][:, :first]})
            second = {"y": whole["y"][:, first:], **{n: a for n, a in whole.items() if n != "y"}}
            compare(report, name + ", second part", config.dtype, two, second)

    return run


def running_is_sequence(config):
    """Up to a norm without an ε, the two stabilizers give one result."""

    def run(context, report):
        functions = {}
        for stabilizer in ("running", "sequence"):
            changed = dataclasses.replace(config, key=f"logits:{stabilizer}", norm="rms", eps=0.0)
            program, functions[stabilizer] = context.program(changed)
        for tokens in (1, 33, 200):
            inputs = make_inputs(program, 2, tokens)
            results = [function(inputs)["y"] for function in functions.values()]
            compare(report, f"T={tokens}", config.dtype, {"y": results[0]}, {"y": results[1]})

    return run


def two_lowerings(config):
    """The tiled and the sequential lowering of one graph."""

    def run(context, report):
        program, tiled = context.program(config, lowering="tiled")
        plain = context.compile(program.text(), lowering="reference")
        for tokens, profile in ((1, "normal"), (130, "normal"), (70, "strong"), (70, "extreme")):
            inputs = make_inputs(program, 2, tokens, profile)
            wanted = plain(inputs)
            compare(report, f"T={tokens} {profile}", config.dtype, tiled(inputs), wanted)
            if config.dtype == "f32":
                compare(report, f"T={tokens} {profile}, reference lowering", config.dtype, wanted, expected(config, inputs))

    return run


def static_sizes(config):
    """Sizes that are known when it is compiled, and all that may be one are: loops of one turn."""

    def run(context, report):
        program = Program(config)
        for tokens in (1, 8, 40):
            text = program.text().replace("tensor<?x?x", f"tensor<1x{tokens}x").replace("tensor<?x", "tensor<1x")
            inputs = make_inputs(program, 1, tokens)
            compare(report, f"T={tokens}", config.dtype, context.compile(text)(inputs), expected(config, inputs))

    return run


def invariant_cases(target, lowering):
    is_tiled = target != "cpu" or lowering == "tiled"
    for config in INVARIANT_CONFIGS:
        yield Case(f"split in two: {config}", split_in_two(config))
        if is_tiled:
            yield Case(f"tile lengths: {config}", tile_lengths(config))
            yield Case(f"segments: {config}", segments(config))
        if is_tiled and target == "cpu":
            yield Case(f"two lowerings: {config}", two_lowerings(config))
    for key in ("logits:running", "logits:sequence", "logits:token"):
        config = Config(heads=1, key=key, state="inout")
        yield Case(f"static sizes: {config}", static_sizes(config))
    for config in ROLE_CONFIGS if is_tiled else ():
        if target == "cpu":
            yield Case(f"roles: {config}", roles(config))
        yield Case(f"one token: {config}", one_token(config))
    for config in SLICE_CONFIGS if is_tiled else ():
        yield Case(f"slices: {config}", slices(config))
    for config in CLUSTER_CONFIGS if target.startswith("sm_90") else ():
        yield Case(f"clusters: {config}", clusters(config))
    for part in range(12):
        yield Case(f"generated gates: part {part}", expressions.in_kernel(part, 8))
    for config in (Config(), Config(gate="log.head", value_dim=96), Config(gate="none", dtype="f16")):
        yield Case(f"running is sequence: {config}", running_is_sequence(config))


def quick_cases(target):
    """A few of each kind, for the quick tier."""
    configs = [
        Config(heads=1, state="inout", norm="rms+w", output_gate=True),
        Config(heads=1, key_dim=16 if target == "cpu" else 32, value_dim=96, gate="log.head", query="hedgehog", key="hedgehog", dtype="bf16", group=2),
        Config(heads=1, key_dim=16, value_dim=16, gate="factor.value", key="logits:token", state="inout"),
    ]
    for config in configs:
        runs = [(2, t, "normal") for t in (1, 16, 33, 100)] + [(1, 65, p) for p in ("strong", "extreme", "jumps", "far")]
        yield Case(f"quick: {config}", against_reference(config, runs))
    if target == "cpu":
        delta = Config(heads=1, key_dim=16, value_dim=16, query="identity", key="identity", gate="log.key", rule="gated_delta", state="inout")
        yield Case(f"quick: {delta}", against_reference(delta, [(2, 33, "normal")]))
        yield Case("quick: roles", roles(ROLE_CONFIGS[1]))
        yield from math_cases.cases(["sin", "log"])
        yield from tensor_cases.cases()
        packed = packed_configs()[0]
        yield Case(f"quick: {packed}", against_reference(packed, [(1, 130, "normal")]))
        yield Case("quick: sequential", sequential(Config(heads=1, key_dim=16, value_dim=16, group=2, state="in"), 2, 1))
        delta = dataclasses.replace(delta, rule="delta", gate="none", group=2, state="none")
        yield Case("quick: sequential delta", sequential(delta, 2, 1))
    for config in (ROLE_CONFIGS[1], ROLE_CONFIGS[-1]):
        yield Case(f"quick: one token: {config}", one_token(config))
    yield Case("quick: slices", slices(SLICE_CONFIGS[0]))
    if target.startswith("sm_90"):
        yield Case("quick: clusters", clusters(CLUSTER_CONFIGS[0]))
    yield Case("quick: generated gates", expressions.in_kernel(0, 4))
    yield from nonfinite.cases(target, quick=True)
    yield Case("quick: split in two", split_in_two(Config(heads=1, state="inout")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--lowering", choices=["tiled", "reference"], default="tiled")
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    if arguments.quick:
        cases = [*quick_cases(arguments.target)]
    else:
        cases = [*matrix_cases(arguments.target), *hard_cases(arguments.target), *step_cases(arguments.target), *packed_cases(arguments.target), *invariant_cases(arguments.target, arguments.lowering)]
        cases += nonfinite.cases(arguments.target)
        if arguments.target == "cpu":
            cases += [*block_cases.cases(), *math_cases.cases(), *tensor_cases.cases()]
            cases += sequential_cases() if arguments.lowering == "tiled" else ()
    cases = [case for case in cases if arguments.only in case.name]
    if arguments.list:
        print("\n".join(case.name for case in cases))
        return
    report = run_cases(cases, arguments.build.resolve(), arguments.target, arguments.lowering, arguments.jobs)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
