"""Inputs that are not finite (docs/semantics.md): keys of -inf mask a token, and what is no number reaches no earlier one."""

import numpy as np

from harness import Case, compare
from inputs import make_inputs
from program import Config, expected

AXES = ["none", "log.key", "factor.value", "log.head", "log.constant", "refined.key"]
STABILIZERS = ["identity", "logits:running", "logits:sequence", "logits:token"]
TF32 = ["--precision=tf32"]  # a CPU has no use for it
SMALL = {"key_dim": 16, "value_dim": 16, "query": "identity"}


def mask(inputs, config):
    """Tokens without keys in front, in between, in the second batch all of them; and single channels and queries."""
    keys = inputs["k"]
    keys[0, :5] = keys[0, 20] = keys[1] = -np.inf
    keys[0, 7, ..., 1] = -np.inf
    if config.query in ("safe_exp", "softmax"):
        inputs["q"][0, 9] = -np.inf
    if "initial_max" in inputs:  # a state of no tokens
        inputs["initial_max"][0] = -np.inf
        inputs["initial_state"][0] = 0


def type_of_products(config, options):
    return "tf32" if "--precision=tf32" in options else config.dtype


def masked(config, options=()):
    def run(context, report):
        program, function = context.program(config, options=options)
        for tokens in (3, 40, 150):
            inputs = make_inputs(program, 2, max(tokens, 21))
            mask(inputs, config)
            inputs = {name: array[:, :tokens] if "T" in program.arguments[name][0] else array for name, array in inputs.items()}
            compare(report, f"T={tokens}", type_of_products(config, options), function(inputs), expected(config, inputs))

    return run


def places(program):
    """Each operand that has tokens, and what to put there."""
    for name, (shape, _) in program.arguments.items():
        if "T" in shape:
            yield from ((name, value) for value in (np.nan, np.inf, -np.inf))


def reaches_later_alone(config, options=()):
    """What is put at one token of one head changes nothing in front of it and in other heads."""

    def run(context, report):
        program, function = context.program(config, options=options)
        token, tokens = 21, 40
        clean = make_inputs(program, 2, tokens)
        wanted = function(clean)
        for name, value in places(program):
            inputs = {other: array.copy() for other, array in clean.items()}
            inputs[name][0, token, 0, 0] = value
            results = function(inputs)
            title = f"{value} in {name}"
            for part, where in (("earlier tokens", np.s_[0, :token]), ("another batch", np.s_[1]), ("another head", np.s_[0, :, config.group :])):
                compare(report, f"{title}, {part}", type_of_products(config, options), {"y": results["y"][where]}, {"y": wanted["y"][where]})
            if np.isnan(value):
                report.check(f"{title}, its own token", not np.isfinite(results["y"][0, token, 0].astype(np.float64)).all(), "is finite")

    return run


def cases(target, quick=False):
    dtypes = ["f32", "bf16", "f16"]
    for i, gate in enumerate(AXES):
        for j, key in enumerate(STABILIZERS):
            if quick and (i + j) % 4 != 1:
                continue
            config = Config(gate=gate, key=key, dtype=dtypes[(i + j) % 3], state="inout", group=1 + (j == 1), **SMALL)
            if key != "identity":
                yield Case(f"masked: {config}", masked(config))
            yield Case(f"later alone: {config}", reaches_later_alone(config))
    for gate, key in ([("none", "identity"), ("log.head", "logits:token"), ("refined.key", "logits:running")] if target != "cpu" else []):
        config = Config(gate=gate, key=key, state="inout", **SMALL)
        if key != "identity":
            yield Case(f"masked, tf32: {config}", masked(config, TF32))
        yield Case(f"later alone, tf32: {config}", reaches_later_alone(config, TF32))
    if quick:
        return
    for key in ("exp", "relu", "elu1", "softmax", "safe_exp"):
        config = Config(key=key, query="softmax", gate="log.head", key_dim=24, value_dim=40)
        yield Case(f"masked: {config}", masked(config))
    for key in ("logits:running", "logits:sequence"):
        config = Config(key=key, dtype="bf16", state="inout", norm="rms+w")
        yield Case(f"masked, segments: {config}", masked(config, options=["--segments=3", "--tile=16"]))
    config = Config(key_dim=256, value_dim=64, dtype="bf16", state="inout")
    yield Case(f"masked: {config}", masked(config))
    yield Case(f"later alone: {config}", reaches_later_alone(config))
