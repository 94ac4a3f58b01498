"""The layer's formulas in plain torch, token after token, from the parameters by their names: what layer.py is tested against."""

import math

import torch
import torch.nn.functional as F

MAPS = {
    "identity": lambda z: z,
    "relu": F.relu,
    "elu1": lambda z: 1 + F.elu(z),
    "hedgehog": lambda z: torch.cat([z.softmax(-1), (-z).softmax(-1)], -1),
    "safe_exp": lambda z: torch.exp(z - z.amax(-1, keepdim=True).detach()),
}


def refined(zg, zr):
    g, r = torch.sigmoid(zg), torch.sigmoid(zr)
    return (1 - r) * g**2 + r * (1 - (1 - g) ** 2)


# mixer: (map of queries, map of keys or None for stabilized exponents, gate or None, axis)
MIXERS = {
    "relu": ("relu", "relu", None, None),
    "elu1": ("elu1", "elu1", None, None),
    "hedgehog": ("hedgehog", "hedgehog", None, None),
    "scalar": ("identity", "identity", torch.sigmoid, "head"),
    "gla": ("identity", "identity", lambda z: torch.sigmoid(z) ** (1 / 16), "key"),
    "retnet": ("identity", "identity", None, "constant"),
    "fgla": ("safe_exp", None, refined, "key"),
}


def attend(q, k, v, f, scale, is_stabilized):
    """q, k and v are [B, T, H, D]; f is a factor of the state, [B, T, H, K or 1, V or 1]: [B, T, H, V]."""
    state = k.new_zeros(k.size(0), k.size(2), k.size(3), v.size(3))
    most = k.new_full((k.size(0), k.size(2), 1), -math.inf)
    rows = []
    for t in range(k.size(1)):
        features = k[:, t]
        if is_stabilized:
            now = torch.maximum(most, features.amax(-1, keepdim=True)).detach()
            state = state * torch.exp(most - now).unsqueeze(-1)
            features, most = torch.exp(features - now), now
        state = f[:, t] * state + features.unsqueeze(-1) * v[:, t].unsqueeze(-2)
        rows.append(scale * torch.einsum("bhk,bhkv->bhv", q[:, t], state))
    return torch.stack(rows, 1)


def convolve(z, p, name):
    weight = p[f"{name}.weight"]
    padded = F.pad(z.transpose(1, 2), (weight.size(2) - 1, 0))
    return F.silu(F.conv1d(padded, weight, p.get(f"{name}.bias"), groups=z.size(2))).transpose(1, 2)


def layer(p, x, mixer, heads, kv_heads, eps=1e-5, maps=None, gate=None, axis=None):
    """The layer with parameters P on x. MAPS, GATE, AXIS: those of the user in place of the mixer's."""

    def project(name):
        if f"{name}.weight" in p:
            return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))
        return F.linear(F.linear(x, p[f"{name}.0.weight"]), p[f"{name}.1.weight"], p[f"{name}.1.bias"])

    rows = [project(f"{name}_proj") for name in "qkv"]
    if "q_conv1d.weight" in p:
        rows = [convolve(z, p, f"{name}_conv1d") for z, name in zip(rows, "qkv")]
    q, k, v = (z.unflatten(2, (h, -1)) for z, h in zip(rows, (heads, kv_heads, kv_heads)))
    group, dim = heads // kv_heads, q.size(3)
    if mixer == "softmax":
        k, v = (z.repeat_interleave(group, 2) for z in (k, v))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(dim)
        scores = scores + torch.full(scores.shape[2:], -math.inf, dtype=x.dtype).triu(1)
        o = torch.einsum("bhts,bshv->bthv", scores.softmax(-1), v)
        return F.linear(o.flatten(2), p["o_proj.weight"])

    query_map, key_map, own_gate, own_axis = MIXERS[mixer]
    gate, axis = gate or own_gate, axis or own_axis
    if "q_map" in p:
        q, k = torch.einsum("bthd,hde->bthe", q, p["q_map"]), torch.einsum("bthd,hde->bthe", k, p["k_map"])
    is_stabilized = key_map is None and maps is None
    scale = 1 / (math.e * math.sqrt(dim * (math.e**2 - 1))) if is_stabilized else dim**-0.5
    q = (maps or MAPS[query_map])(q)
    k = k if is_stabilized else (maps or MAPS[key_map])(k)
    if axis == "constant":
        f = (1 - 2.0 ** (-5 - torch.arange(kv_heads, dtype=x.dtype))).view(1, 1, -1, 1).expand(*k.shape[:3], 1)
    elif gate is None:
        f = torch.ones_like(k[..., :1])
    else:
        names = [name for name in ("gk_proj", "gr_proj") if any(key.startswith(name) for key in p)]
        f = gate(*(project(name).unflatten(2, (kv_heads, -1)) for name in names))
    k, v, f = (z.repeat_interleave(group, 2) for z in (k, v, f))
    o = attend(q, k, v, f.unsqueeze(-2 if axis == "value" else -1), scale, is_stabilized)
    norm = "g_norm_swish_gate" if "g_proj.weight" in p else "g_norm"
    if f"{norm}.bias" in p:
        o = F.layer_norm(o, o.shape[-1:], p[f"{norm}.weight"], p[f"{norm}.bias"], eps)
    elif f"{norm}.weight" in p:
        o = o / torch.sqrt((o**2).mean(-1, keepdim=True) + eps) * p[f"{norm}.weight"]
    if "g_proj.weight" in p:
        o = o * F.silu(project("g_proj").unflatten(2, (heads, -1)))
    return F.linear(o.flatten(2), p["o_proj.weight"])
