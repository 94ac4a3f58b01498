#!/usr/bin/env python3
"""The layer: each mixer and option against plain torch, decoding against the whole, C++ against Python.

usage: layer.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import plain
import torch
from package import BUILD, fgla

from reporting import Report

HIDDEN, HEADS = 32, 4

# Names, options of the layer, and what plain.layer takes for them.
CASES = [
    *((mixer, {"mixer": mixer}, {}) for mixer in ("softmax", *plain.MIXERS)),
    ("groups", {"num_kv_heads": 2}, {}),
    ("softmax, groups", {"mixer": "softmax", "num_kv_heads": 2}, {}),
    ("hedgehog, groups, decay", {"mixer": "hedgehog", "num_kv_heads": 2, "gate": "sigmoid"}, {"gate": torch.sigmoid, "axis": "key"}),
    ("short convolution", {"use_short_conv": True, "conv_size": 3, "conv_bias": True}, {}),
    ("softmax, short convolution", {"mixer": "softmax", "use_short_conv": True}, {}),
    ("no output gate", {"use_output_gate": False}, {}),
    ("layer norm", {"norm": "layer", "norm_eps": 1e-3}, {"eps": 1e-3}),
    ("no norm", {"norm": "none"}, {}),
    ("sizes", {"expand_k": 0.5, "expand_v": 2}, {}),
    ("full rank", {"gate_low_rank_dim": 0}, {}),
    ("decay of values", {"mixer": "scalar", "axis": "value"}, {"axis": "value"}),
    ("own map", {"mixer": "gla", "feature_map": lambda x: torch.exp(-x * x)}, {"maps": lambda x: torch.exp(-x * x)}),
    ("own gate", {"gate": lambda z: 1 / (1 + z * z), "axis": "head"}, {"gate": lambda z: 1 / (1 + z * z), "axis": "head"}),
    ("own gate of two", {"gate": lambda z, r: -torch.exp(z) * r * r, "log_gate": True}, {"gate": lambda z, r: torch.exp(-torch.exp(z) * r * r)}),
]  # fmt: skip


def relative(found, wanted):
    return float((found - wanted).detach().norm() / wanted.detach().norm().clamp_min(1e-30))


def make(options, dtype=torch.float64):
    torch.manual_seed(0)
    layer = fgla.FGLA(HIDDEN, num_heads=HEADS, **options)
    # Nothing stays at zero or one, where a wrong use would not show.
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return layer.to(dtype)


def against_plain(report, name, options, how):
    """Outputs and the gradients of the input and of all parameters, in float64."""
    layer = make(options)
    x = torch.randn(2, 19, HIDDEN, dtype=torch.float64)
    cotangent = torch.randn_like(x)
    parameters = dict(layer.named_parameters())

    def gradients(function):
        input = x.clone().requires_grad_()
        output = function(input)
        return output, torch.autograd.grad(output, [input, *parameters.values()], cotangent)

    kv_heads = options.get("num_kv_heads", HEADS)
    output, found = gradients(layer)
    wanted_output, wanted = gradients(lambda input: plain.layer(parameters, input, options.get("mixer", "fgla"), HEADS, kv_heads, **how))
    report.error(f"{name}: output", relative(output, wanted_output), 1e-10)
    for parameter, a, b in zip(["x", *parameters], found, wanted):
        report.error(f"{name}: gradient of {parameter}", relative(a, b), 1e-8)


def against_the_whole(report, name, options):
    """Tokens in parts, one by one at the end, with the state between."""
    layer = make(options, torch.float32)
    x = torch.randn(2, 12, HIDDEN)
    with torch.no_grad():
        whole = layer(x)
        rows, state = [], None
        for part in x.split([5, 3, 1, 1, 2], 1):
            row, state = layer.extend(part, state)
            rows.append(row)
    report.error(f"{name}: in parts", relative(torch.cat(rows, 1), whole), 1e-5)


def against_cpp(report, name, options, folder):
    """The layer of C++: the same parameters from the same seed, and from the same parameters the same numbers, bit for bit."""
    words = {key: fgla.trace(value) if callable(value) else value for key, value in options.items() if key != "mixer"}
    torch.manual_seed(0)
    initial = fgla.FGLA(HIDDEN, num_heads=HEADS, **options).state_dict()
    layer = make(options, torch.float32)
    x = torch.randn(2, 12, HIDDEN)
    torch.save({"x": x}, folder / "x.pt")
    torch.save(dict(layer.state_dict()), folder / "state.pt")
    command = [BUILD / "bin" / "torch-layer", folder, options.get("mixer", "fgla"), *(f"{key}={value}" for key, value in words.items())]
    done = subprocess.run(command, capture_output=True, text=True)
    report.check(f"{name}: the layer of C++ runs", done.returncode == 0, done.stderr)
    if done.returncode != 0:
        return
    found = torch.load(folder / "initial.pt")
    report.check(f"{name}: names in C++", sorted(found) == sorted(initial), f"{sorted(found)} rather than {sorted(initial)}")
    for key in initial:
        report.check(f"{name}: initial {key} in C++", key in found and torch.equal(found[key], initial[key]))
    with torch.no_grad():
        rows, state = [], None
        for part in x.split([5, 6, 1], 1):
            row, state = layer.extend(part, state)
            rows.append(row)
        wanted = {"whole": layer(x), "parts": torch.cat(rows, 1)}
    outputs = torch.load(folder / "y.pt", weights_only=False)  # with types of TorchScript
    for key, tensor in wanted.items():
        report.check(f"{name}: {key} in C++", torch.equal(outputs[key], tensor), f"differs by {relative(outputs[key], tensor):.2g}")


def gates_learn(report):
    """No gate begins so far open or shut that its gradient is gone."""
    for mixer in ("scalar", "gla", "fgla"):
        torch.manual_seed(0)
        layer = fgla.FGLA(HIDDEN, mixer, num_heads=HEADS)
        x = torch.randn(4, 64, HIDDEN)
        layer(x).square().sum().backward()
        last = layer.gk_proj[1].weight
        typical = layer.k_proj.weight.grad.abs().mean()
        report.check(f"{mixer}: the gate learns", bool((last.grad.abs().amax(1) > 1e-3 * typical).all()), "the gradient of a channel is nothing")


def refuses(report):
    for options, message in [
        ({"mixer": "mamba"}, "mixer must be one of softmax, relu"),
        ({"num_heads": 3}, "expand_k must give each of 3 heads the same whole number of channels, got 32 channels"),
        ({"num_kv_heads": 3}, "num_kv_heads must divide num_heads = 4, got 3"),
        ({"gate": "tanh"}, "gate must be none, sigmoid, refined"),
        ({"mixer": "softmax", "norm": "rms"}, "mixer 'softmax' takes no feature_map, gate, norm or output gate"),
    ]:
        try:
            fgla.FGLA(**{"hidden_size": HIDDEN, "num_heads": HEADS, **options})
            report.check(f"refuses {options}", False, "made a layer")
        except ValueError as error:
            report.check(f"refuses {options}", message in str(error), str(error))
    try:
        fgla.FGLA(HIDDEN)(torch.zeros(2, HIDDEN))
        report.check("refuses an input of two dims", False)
    except ValueError as error:
        report.check("refuses an input of two dims", str(error) == "x must have shape [B, T, 32], got [2, 32]", str(error))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    parser.add_argument("--quick", action="store_true", help="every third case")
    arguments = parser.parse_args()
    report = Report()
    for name, options, how in CASES[:: 3 if arguments.quick else 1]:
        against_plain(report, name, options, how)
        against_the_whole(report, name, options)
        with tempfile.TemporaryDirectory() as folder:
            against_cpp(report, name, options, pathlib.Path(folder))
    gates_learn(report)
    refuses(report)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
