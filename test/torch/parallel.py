#!/usr/bin/env python3
"""Several processes (gloo) against one: a sequence in slices, and data parallel training.

usage: parallel.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing
from package import BUILD, fgla

from reporting import Report

HEADS, KEY, VALUE = 2, 8, 6

# Options of the op; gates by name and shape.
CASES = [
    {},
    {"stabilizer": "sequence"},
    {"stabilizer": "token", "gate_kind": "sigmoid", "axis": "value"},
    {"query_map": "elu1", "key_map": "relu", "stabilizer": "none", "gate_kind": "sigmoid", "axis": "head", "norm": "layer"},
    {"query_map": "identity", "stabilizer": "none", "gate_kind": "log", "norm": "none"},
    {"query_map": "identity", "stabilizer": "none", "gate_kind": "factor", "axis": "constant"},
    {"query_map": "relu", "key_map": "relu", "stabilizer": "none", "gate_kind": "none"},
]


def relative(found, wanted):
    return float((found - wanted).norm() / wanted.norm().clamp_min(1e-30))


def make_inputs(options, tokens):
    """Of the whole sequence, by name; and the cotangents of the output and of the final state."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    x = {"query": rand(2, tokens, HEADS, KEY), "key": 3 * rand(2, tokens, HEADS, KEY), "value": rand(2, tokens, HEADS, VALUE)}
    kind = options.get("gate_kind", "refined")
    channels = {"key": KEY, "value": VALUE, "head": 1}.get(options.get("axis", "key"))
    if kind == "factor":
        x["gate0"] = torch.tensor([0.9, 0.98], dtype=torch.float64)
    elif kind == "log":
        x["gate0"] = -torch.exp(rand(2, tokens, HEADS, channels))
    else:
        for i in range({"refined": 2, "sigmoid": 1, "none": 0}[kind]):
            x[f"gate{i}"] = 2 * rand(2, tokens, HEADS, channels)
    x["initial_state"] = rand(2, HEADS, KEY, VALUE)
    if options.get("stabilizer", "running") in ("running", "sequence"):
        x["initial_max"] = rand(2, HEADS)
    x["output_gate"] = rand(2, tokens, HEADS, VALUE)
    if options.get("norm", "rms") != "none":
        x["norm_weight"] = rand(VALUE)
    return x, rand(2, tokens, HEADS, VALUE), rand(2, HEADS, KEY, VALUE)


def call(op, x, options, *more, **named):
    gate = [x[name] for name in ("gate0", "gate1") if name in x]
    rest = {name: tensor for name, tensor in x.items() if name not in ("query", "key", "value", "gate0", "gate1")}
    return op(x["query"], x["key"], x["value"], gate, *more, **rest, **options, final_state=True, **named)


def is_sliced(name, x):
    return x[name].dim() == 4 and name != "initial_state"


def differentiate(results, x, d_output, d_state):
    wanted = [name for name in x if name != "initial_max"]
    outputs = [(results[0], d_output), (results[1], d_state)]
    gradients = torch.autograd.grad([o for o, _ in outputs], [x[name] for name in wanted], [d for _, d in outputs])
    return dict(zip(wanted, gradients))


def sequence(rank, ranks, options, results):
    whole, d_output, d_state = make_inputs(options, 21)
    # Slices of different lengths.
    ends = [21 * (i + 1) ** 2 // ranks**2 for i in range(ranks)]
    mine = slice(ends[rank - 1] if rank else 0, ends[rank])
    x = {name: tensor[:, mine].clone() if is_sliced(name, whole) else tensor.clone() for name, tensor in whole.items()}
    for name in x:
        x[name].requires_grad_(name != "initial_max")
    outputs = call(fgla.sequence_parallel, x, options)
    # All ranks have the final state; its cotangent is given once.
    gradients = differentiate(outputs, x, d_output[:, mine], d_state if rank == 0 else torch.zeros_like(d_state))
    results.put((rank, [o.detach().numpy() for o in outputs], {name: g.numpy() for name, g in gradients.items()}))


def data(rank, ranks, options, results):
    """One step of DDP, each rank with a part of the batch."""
    torch.manual_seed(0)
    layer = fgla.FGLA(16, num_heads=HEADS, **options).double()
    x = torch.randn(4, 9, 16, dtype=torch.float64)
    model = torch.nn.parallel.DistributedDataParallel(layer)
    model(x.chunk(ranks)[rank]).square().mean().backward()
    results.put((rank, [], {name: p.grad.numpy() for name, p in layer.named_parameters()}))


def work(rank, ranks, function, options, store, results, done):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    function(rank, ranks, options, results)
    done.wait()  # what is in the queue is lost with its process
    dist.destroy_process_group()


def spread(ranks, function, options):
    """What each of RANKS processes gives, in their order."""
    context = torch.multiprocessing.get_context("spawn")
    results, done = context.Queue(), context.Event()
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "store"
        arguments = (ranks, function, options, store, results, done)
        processes = [context.Process(target=work, args=(rank, *arguments), daemon=True) for rank in range(ranks)]
        for process in processes:
            process.start()
        try:
            return sorted((results.get(timeout=300) for _ in processes), key=lambda result: result[0])
        finally:
            done.set()
            for process in processes:
                process.join(30)


def check_sequence(report, ranks, options):
    name = f"{ranks} ranks, {options}"
    x, d_output, d_state = make_inputs(options, 21)
    for key in x:
        x[key].requires_grad_(key != "initial_max")
    wanted = call(torch.ops.fgla.fgla, x, options)
    gradients = differentiate(wanted, x, d_output, d_state)
    parts = spread(ranks, sequence, options)
    found = torch.cat([torch.from_numpy(outputs[0]) for _, outputs, _ in parts], 1)
    report.error(f"{name}: output", relative(found, wanted[0].detach()), 1e-10)
    for rank, outputs, _ in parts:
        for which, array in zip(("final state", "final max"), outputs[1:]):
            one = wanted[1 if which == "final state" else 2].detach()
            report.check(f"{name}: {which} of rank {rank} has a shape", array.shape == tuple(one.shape))
            report.error(f"{name}: {which} of rank {rank}", relative(torch.from_numpy(array), one), 1e-10)
    for key, gradient in gradients.items():
        shares = [torch.from_numpy(share[key]) for _, _, share in parts]
        together = torch.cat(shares, 1) if is_sliced(key, x) else sum(shares)
        report.error(f"{name}: gradient of {key}", relative(together, gradient), 1e-9)


def check_data(report, ranks, options):
    torch.manual_seed(0)
    layer = fgla.FGLA(16, num_heads=HEADS, **options).double()
    layer(torch.randn(4, 9, 16, dtype=torch.float64)).square().mean().backward()
    for rank, _, gradients in spread(ranks, data, options):
        for name, parameter in layer.named_parameters():
            report.error(f"DDP, {options}: rank {rank}'s gradient of {name}", relative(torch.from_numpy(gradients[name]), parameter.grad), 1e-10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    parser.add_argument("--quick", action="store_true", help="two cases")
    quick = parser.parse_args().quick
    report = Report()
    for i, options in enumerate(CASES[:2] if quick else CASES):
        for ranks in (2,) if quick or i > 1 else (2, 4):
            check_sequence(report, ranks, options)
    for options in ({"mixer": "fgla"},) if quick else ({"mixer": "fgla"}, {"mixer": "hedgehog", "use_short_conv": True}):
        check_data(report, 2, options)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
