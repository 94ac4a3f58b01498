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
    arrays["norm_weight"] = 1.0 + 0.1 * generator.standard_normal(dim, dtype=np.float32)
    return arrays


def softmax_attention(inputs, threads, build):
    """PyTorch's scaled_dot_product_attention, causal; [B, H, T, D], as it likes it."""
    import torch

    torch.set_num_threads(threads)
    q, k, v = (torch.from_numpy(inputs[name]).transpose(1, 2).contiguous() for name in ("q", "k", "v"))

    def call():
        with torch.inference_mode():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    return call


def pytorch_fgla(inputs, threads, build):
    """FGLA in plain PyTorch, chunk by chunk: feature maps, refined gate, running stabilizer, attention, RMS norm.

    The decays within a chunk are split into exp(b_i) and exp(-b_j), which is quick and fits f32 for decays like these, but not for strong ones.
    """
    import torch

    torch.set_num_threads(threads)
    zq, zk, v, zg, zr = (torch.from_numpy(inputs[name]).transpose(1, 2).contiguous() for name in ("q", "k", "v", "zg", "zr"))
    weight = torch.from_numpy(inputs["norm_weight"])
    batch, heads, tokens, dim = zq.shape
    chunk = PYTORCH_CHUNK
    assert tokens % chunk == 0
    scale = 1.0 / (math.e * math.sqrt(dim * (math.e**2 - 1.0)))
    causal = torch.tril(torch.ones(chunk, chunk))

    def chunks(x):
        return x.reshape(batch, heads, tokens // chunk, chunk, dim)

    def call():
        with torch.inference_mode():
            q = torch.exp(zq - zq.amax(-1, keepdim=True)) * scale
            m = zk.amax(-1).cummax(-1).values
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

    return call


def compiled(lowering):
    """This project, called through its C ABI. The artifact is compiled before anything is timed."""

    def method(inputs, threads, build):
        from program import ENTRY, Config, Program
        from runtime_binding import Library, Tensor

        batch, tokens, heads, dim = inputs["q"].shape
        folder = build / "bench"
        folder.mkdir(exist_ok=True)
        source, artifact = folder / "block.mlir", folder / f"block-{lowering}.so"
        source.write_text(Program(Config(heads=heads, key_dim=dim, value_dim=dim, norm="rms+w", eps=EPS)).text())
        subprocess.run([build / "bin" / "fgla-compile", f"--lowering={lowering}", source, "-o", artifact], check=True)
        library = Library(build / "lib" / "libfgla_runtime.so")
        function = library.load(artifact, ENTRY)
        output = np.full_like(inputs["v"], np.nan)  # memory that is there, not only promised
        args = (Tensor * len(function.args))(*(Tensor.of(inputs[name]) for name, _, _ in function.args))
        results = (Tensor * 1)(Tensor.of(output))

        def call():
            library.check(library.fgla_call(function.handle, args, len(args), results, 1))
            return output

        return call

    return method


METHODS = {
    "PyTorch softmax attention": softmax_attention,
    "FGLA in PyTorch, chunked": pytorch_fgla,
    "fgla, tiled": compiled("tiled"),
    "fgla, reference": compiled("reference"),
}
FGLA_METHODS = [name for name in METHODS if name != "PyTorch softmax attention"]


def check(name, call, inputs):
    """Holds a method against reference.py; returns the relative error of its output."""
    import reference

    o, _, _ = reference.attention(
        reference.feature_map("safe_exp", inputs["q"]),
        inputs["k"],
        inputs["v"],
        log_decay=reference.log_gate("refined", inputs["zg"], inputs["zr"]),
        axis="key",
        stabilizer="running",
    )
    expected = reference.norm("rms", o, inputs["norm_weight"], eps=EPS)
    result = np.asarray(call())
    if "PyTorch" in name:
        result = result.swapaxes(1, 2)
    return reference.relative_error(result, expected)
