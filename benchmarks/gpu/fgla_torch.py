"""FGLA in plain torch: inputs, and the sequential recurrence in float64 that kernels are held against (docs/semantics.md)."""

import math

import torch


def make_inputs(batch, tokens, heads, keys, values, kind="normal", seed=0, dtype=torch.bfloat16, device="cuda"):
    """Pre-activations (zq, zk, zg, zr) [B, T, H, K] and v [B, T, H, V]. Kinds differ in how strong the decays are."""
    generator = torch.Generator(device=device).manual_seed(seed)

    def normal(mean, scale, dim):
        return (torch.randn(batch, tokens, heads, dim, device=device, generator=generator) * scale + mean).to(dtype)

    zq, zk, v = normal(0, 1, keys), normal(0, 1, keys), normal(0, 1, values)
    gates = {"normal": (2, 1, 0, 1), "hard": (-6, 3, -4, 2), "long": (6, 1, 1, 1), "f=0.30": (-1, 1, 0, 1), "f=0.07": (-3, 1, 0, 1)}
    mean_g, scale_g, mean_r, scale_r = gates.get(kind, gates["normal"])
    zg, zr = normal(mean_g, scale_g, keys), normal(mean_r, scale_r, keys)
    if kind in ("mixed", "every 7th"):
        zg[..., ::7] = normal(-8, 4, keys)[..., ::7]
    if kind == "mixed":
        zg[:, 40:60] = normal(-6, 3, keys)[:, 40:60]
        zq, zk = (zq.float() * 3).to(dtype), (zk.float() * 3).to(dtype)
    if kind == "extreme":
        zg, zr, zk, zq = normal(0, 60, keys), normal(0, 60, keys), normal(0, 40, keys), normal(0, 40, keys)
    return zq, zk, zg, zr, v


def reference(zq, zk, zg, zr, v, weight, eps=1e-5):
    """(y, state, max) of FGLA with running stabilizer and RMS norm, in float64."""
    f64 = torch.float64
    q, k, v = zq.to(f64), zk.to(f64), v.to(f64)
    g, r = torch.sigmoid(zg.to(f64)), torch.sigmoid(zr.to(f64))
    decay = g * (g + 2 * r * (1 - g))
    q = torch.exp(q - q.amax(-1, keepdim=True))
    maximum = torch.cummax(k.amax(-1), 1)[0]
    growth = torch.ones_like(maximum)
    growth[:, 1:] = torch.exp(maximum[:, :-1] - maximum[:, 1:])
    k = torch.exp(k - maximum[..., None])
    decay = decay * growth[..., None]
    batch, tokens, heads, keys = q.shape
    scale = 1 / (math.e * math.sqrt(keys * (math.e**2 - 1)))
    state = torch.zeros(batch, heads, keys, v.shape[-1], device=q.device, dtype=f64)
    out = torch.empty_like(v)
    for t in range(tokens):
        state.mul_(decay[:, t, :, :, None]).add_(k[:, t, :, :, None] * v[:, t, :, None, :])
        out[:, t] = (q[:, t, :, None, :] @ state)[:, :, 0]
    out *= scale
    return out * torch.rsqrt(out.square().mean(-1, keepdim=True) + eps) * weight.to(f64), state, maximum[:, -1]


def relative_error(value, expected):
    return ((value.double() - expected).norm() / expected.norm()).item()


def time_ms(functions, repeats=40):
    """Median and minimum milliseconds of a call. FUNCTIONS are called in turn: the same work on other memory, so that no cache helps."""
    for function in functions:
        function()
        function()
    events = []
    for i in range(repeats):
        torch.cuda._sleep(150000)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        functions[i % len(functions)]()
        end.record()
        events.append((begin, end))
    torch.cuda.synchronize()
    times = sorted(begin.elapsed_time(end) for begin, end in events)
    return times[len(times) // 2], times[0]
