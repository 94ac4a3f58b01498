"""What cpu_table.py times. Each method takes the seeded inputs and returns a function without arguments that computes once."""

import math
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "numeric"))

EPS = 1e-5
PYTORCH_CHUNK = 64


def make_inputs(batch, tokens, heads, dim):
    """Projections as a trained layer would give them: f is about 0.9 on average."""
    generator = np.random.default_rng(0)
    arrays = {name: generator.standard_normal((batch, tokens, heads, dim), dtype=np.float32) for name in ("q", "k", "v", "zg", "zr")}
    arrays["zg"] += 2.0
    arrays["d_y"] = generator.standard_normal((batch, tokens, heads, dim), dtype=np.float32)
    arrays["norm_weight"] = 1.0 + 0.1 * generator.standard_normal(dim, dtype=np.float32)
    return arrays


def softmax_attention(q, k, v):
    """PyTorch's scaled_dot_product_attention, causal; [B, H, T, D], as it likes it."""
    import torch

    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def pytorch_fgla(zq, zk, v, zg, zr, weight):
    """FGLA in plain PyTorch, chunk by chunk: feature maps, refined gate, running stabilizer, attention, RMS norm.

    The decays within a chunk are split into exp(b_i) and exp(-b_j), which is quick and fits f32 for decays like these, but not for strong ones.
    """
    import torch

    batch, heads, tokens, dim = zq.shape
    chunk = PYTORCH_CHUNK
    assert tokens % chunk == 0
    scale = 1.0 / (math.e * math.sqrt(dim * (math.e**2 - 1.0)))
    causal = torch.tril(torch.ones(chunk, chunk))

    def chunks(x):
        return x.reshape(batch, heads, tokens // chunk, chunk, dim)

    q = torch.exp(zq - zq.detach().amax(-1, keepdim=True)) * scale
    m = zk.detach().amax(-1).cummax(-1).values
    k = torch.exp(zk - m[..., None])
    g, r = torch.sigmoid(zg), torch.sigmoid(zr)
    a = torch.log(g * (g + 2.0 * r * (1.0 - g)))
    a[..., 1:, :] += (m[..., :-1] - m[..., 1:])[..., None]
    q, k, values = chunks(q), chunks(k), chunks(v)
    b = chunks(a).cumsum(-2)
    q_decayed = q * torch.exp(b)
    within = (q_decayed @ (k * torch.exp(-b)).transpose(-1, -2)) * causal
    o = within @ values
    total = b[..., -1:, :]
    update = (k * torch.exp(total - b)).transpose(-1, -2) @ values
    total = torch.exp(total).transpose(-1, -2)
    state = torch.zeros(batch, heads, dim, dim)
    for i in range(tokens // chunk):
        o[:, :, i] += q_decayed[:, :, i] @ state
        state = state * total[:, :, i] + update[:, :, i]
    o = o.reshape(batch, heads, tokens, dim)
    return o * torch.rsqrt(o.square().mean(-1, keepdim=True) + EPS) * weight


def pytorch(function, names, gradients=False):
    """A function of tensors [B, H, T, D]; with GRADIENTS, with those of all its inputs, given that of the output."""

    def method(inputs, threads, build):
        import torch

        torch.set_num_threads(threads)
        tensors = [torch.from_numpy(inputs[name]) for name in names]
        tensors = [x.transpose(1, 2).contiguous() if x.dim() == 4 else x for x in tensors]
        if not gradients:

            def call():
                with torch.inference_mode():
                    return {"y": function(*tensors).transpose(1, 2).numpy()}

            return call
        output_grad = torch.from_numpy(inputs["d_y"]).transpose(1, 2).contiguous()
        for x in tensors:
            x.requires_grad_()

        def call_with_gradients():
            made = torch.autograd.grad(function(*tensors), tensors, output_grad)
            return {f"d_{name}": (g.transpose(1, 2) if g.dim() == 4 else g).numpy() for name, g in zip(names, made)}

        return call_with_gradients

    return method


def compiled(lowering, gradients=False):
    """This project, called through its C ABI, one function or forward and backward. The artifact is compiled before anything is timed."""

    def method(inputs, threads, build):
        from program import ENTRY, Config, Program
        from runtime_binding import Library

        batch, tokens, heads, dim = inputs["q"].shape
        folder = build / "bench"
        folder.mkdir(exist_ok=True)
        name = f"block-{lowering}{'-gradients' if gradients else ''}"
        source, artifact = folder / f"{name}.mlir", folder / f"{name}.so"
        source.write_text(Program(Config(heads=heads, key_dim=dim, value_dim=dim, norm="rms+w", eps=EPS)).text())
        options = ["--gradient"] if gradients else []
        subprocess.run([build / "bin" / "fgla-compile", f"--lowering={lowering}", *options, source, "-o", artifact], check=True)
        library = Library(build / "lib" / "libfgla_runtime.so")
        parts = [library.load(artifact, f"{ENTRY}{part}") for part in (("_forward", "_backward") if gradients else ("",))]
        known, calls = dict(inputs), []
        for part in parts:
            # Memory that is there, not only promised.
            results = {name: np.full_like(array, np.nan) for name, array in part.allocate_results({n: known[n] for n, _, _ in part.args}).items()}
            known |= results
            calls.append(part.prepare({name: known[name] for name, _, _ in part.args}, results))

        def call():
            for part in calls:
                part()
            return results

        return call

    return method


FGLA_INPUTS = ("q", "k", "v", "zg", "zr", "norm_weight")
SOFTMAX, CHUNKED = "PyTorch softmax attention", "FGLA in PyTorch, chunked"


def methods(gradients):
    return {
        SOFTMAX: pytorch(softmax_attention, ("q", "k", "v"), gradients),
        CHUNKED: pytorch(pytorch_fgla, FGLA_INPUTS, gradients),
        "fgla, tiled": compiled("tiled", gradients),
        "fgla, reference": compiled("reference", gradients),
    }


def check(made, inputs, gradients):
    """Holds what a method has MADE against the reference in float64; returns the largest relative error."""
    import gradient_reference
    import reference
    from program import Config

    if gradients:
        dim = inputs["q"].shape[-1]
        config = Config(heads=inputs["q"].shape[2], key_dim=dim, value_dim=dim, norm="rms+w", eps=EPS)
        cotangents = {"y": inputs["d_y"]}
        expected = {f"d_{name}": g for name, g in gradient_reference.program_gradients(config, inputs, cotangents).items()}
    else:
        o, _, _ = reference.attention(
            reference.feature_map("safe_exp", inputs["q"]),
            inputs["k"],
            inputs["v"],
            log_decay=reference.log_gate("refined", inputs["zg"], inputs["zr"]),
            axis="key",
            stabilizer="running",
        )
        expected = {"y": reference.norm("rms", o, inputs["norm_weight"], eps=EPS)}
    return max(reference.relative_error(made[name], array) for name, array in expected.items())
