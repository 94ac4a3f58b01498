#!/usr/bin/env python3
"""Compiles what forward.py times of flash-linear-attention ahead, in many processes at once.

usage: fla_warm.py [--shapes 1,2,...] [--decode 1,64,256] [--jobs N] [--seconds N]

FLA tries over a hundred configurations of its kernels before it runs them, and compiles them one after the other: minutes. Here each process compiles a share of
each kernel's list (and torch.compile's map, gate and norm for a share of the shapes) into the caches of Triton and PyTorch on disk. The lists are FLA's own and stay whole:
forward.py finds them compiled, times them all and takes the fastest, as it would have done anyway. Run it before forward.py on the same machine. Prints how long each part took.
"""

import argparse
import gc
import os
import subprocess
import sys
import time

import forward

HEADS, KEYS, VALUES = 16, 128, 128  # of the decode step


def share_out(process, processes):
    """Leaves of each kernel's list the configurations that are this process's own."""
    from triton.runtime.autotuner import Autotuner

    for value in gc.get_objects():
        if issubclass(type(value), Autotuner) and value.fn.__module__.startswith("fla."):
            value.configs = value.configs[process % len(value.configs) :: processes] or value.configs[:1]


def compile_share(process, processes, shapes, batches):
    import torch
    from fla.ops.gla import chunk_gla, fused_recurrent_gla

    share_out(process, processes)
    spent = {}

    def timed(name, work):
        begin = time.monotonic()
        try:
            work()
            torch.cuda.synchronize()
        except Exception as error:  # a configuration that does not fit: forward.py leaves it out too
            print(f"process {process}, {name}: {type(error).__name__} {str(error).splitlines()[:1]}", flush=True)
        spent[name] = spent.get(name, 0) + time.monotonic() - begin

    def tensors(batch, tokens, heads, keys, values):
        dims = [keys, keys, keys, keys, values]
        return [torch.randn(batch, tokens, heads, dim, device="cuda").bfloat16() for dim in dims]

    def compose(number, shape):
        zq, zk, zg, zr, v = tensors(*shape)
        w = torch.ones(shape[-1], device="cuda")
        maps, norm = forward.fla_functions()
        timed("torch.compile of map, gate and norm", lambda: (maps(zq, zk, zg, zr), norm(v, w)))

    def core(shape):
        q, k, a, _, v = tensors(*shape)
        if shape[1] > 1:
            timed("chunk_gla", lambda: chunk_gla(q, k, v, -a.abs(), scale=1.0))
        else:
            state = torch.zeros(shape[0], *shape[2:], device="cuda")
            timed("fused_recurrent_gla", lambda: fused_recurrent_gla(q, k, v, gk=-a.abs(), initial_state=state, output_final_state=True, scale=1.0))

    everything = [forward.SHAPES[index][0] for index in shapes] + [(batch, 1, HEADS, KEYS, VALUES) for batch in batches]
    with torch.no_grad():
        for number, shape in enumerate(everything):
            if number % processes == process:
                compose(number, shape)
        for shape in everything:
            core(shape)
            torch.cuda.empty_cache()
    print(f"process {process}: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default="1,2,3,4,5")
    parser.add_argument("--decode", default="1,64,256")
    parser.add_argument("--jobs", type=int, default=max((os.cpu_count() or 2) - 2, 1))
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--process", type=int, help="do one process's share")
    arguments = parser.parse_args()
    if arguments.process is not None:
        shapes = [int(part) - 1 for part in arguments.shapes.split(",") if part]
        return compile_share(arguments.process, arguments.jobs, shapes, [int(part) for part in arguments.decode.split(",") if part])
    begin = time.monotonic()
    processes = [subprocess.Popen([sys.executable, __file__, *sys.argv[1:], f"--jobs={arguments.jobs}", f"--process={i}"]) for i in range(arguments.jobs)]
    for process in processes:
        try:
            process.wait(max(0.1, arguments.seconds - (time.monotonic() - begin)))
        except subprocess.TimeoutExpired:
            process.kill()
            print(f"process {processes.index(process)} took more than {arguments.seconds:.0f} s", flush=True)
    print(f"{time.monotonic() - begin:.0f} s")
    return None


if __name__ == "__main__":
    main()
