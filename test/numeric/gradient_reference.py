"""Gradients of what reference.py computes, in float64 NumPy, written down by hand: nothing is shared with the compiler, which derives them.

`test_gradient_reference.py` holds them against differences. Maxima that stabilize count as constants.
"""

import functools

import numpy as np

import reference
from program import CUSTOM_FEATURE, CUSTOM_GATE, CUSTOM_LOG_GATE
from reference import f64, log_sigmoid, sigmoid, softmax

# ---- Maps, gates, norms ------------------------------------------------------------------------------------------------------------


def _softmax_gradient(x, dy):
    y = softmax(x)
    return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


def _hedgehog_gradient(x, dy):
    half = x.shape[-1]
    return _softmax_gradient(x, dy[..., :half]) - _softmax_gradient(-x, dy[..., half:])


FEATURE_GRADIENTS = {
    "identity": lambda x, dy: dy,
    "relu": lambda x, dy: dy * (x > 0),
    "elu1": lambda x, dy: dy * np.exp(np.minimum(x, 0.0)),
    "exp": lambda x, dy: dy * np.exp(x),
    "safe_exp": lambda x, dy: dy * np.exp(x - x.max(axis=-1, keepdims=True)),
    "softmax": _softmax_gradient,
    "hedgehog": _hedgehog_gradient,
    "custom": lambda x, dy: dy * (0.5 * np.where(x >= 0, 1.0, -1.0) + np.cos(x)),
}


def feature_map_gradient(kind, x, weight, dy):
    """(dx, dweight or None)"""
    x, weight = f64(x), f64(weight)
    if weight is None:
        return FEATURE_GRADIENTS[kind](x, dy), None
    dz = FEATURE_GRADIENTS[kind](np.einsum("bthi,hio->btho", x, weight), dy)
    return np.einsum("btho,hio->bthi", dz, weight), np.einsum("bthi,btho->hio", x, dz)


def log_gate_slopes(kind, z):
    """d log f / dz for each pre-activation."""
    if kind == "sigmoid":
        return [sigmoid(-z[0])]
    # log f = log w - log t - 2 log u with x = e^-zg, y = e^-zr, u = 1 + x, t = 1 + y, w = t + 2x.
    zg, zr = z
    log_x, log_y, log_2 = -zg, -zr, np.log(2.0)
    log_u, log_t = np.logaddexp(0.0, log_x), np.logaddexp(0.0, log_y)
    log_w = np.logaddexp(log_t, log_2 + log_x)
    # 2x (x + y) / (u w) and 2xy / (t w)
    return [np.exp(log_2 + log_x + np.logaddexp(log_x, log_y) - log_u - log_w), np.exp(log_2 + log_x + log_y - log_t - log_w)]


def gate_gradient(kind, z, is_log, da):
    """The gradients of pre-activations, DA that of f or, with IS_LOG, of log f."""
    z = [f64(x) for x in z]
    if kind == "custom":
        if is_log:
            return [da * -0.0625 * np.where(z[0] >= 0, 1.0, -1.0)]
        return [da * 2.0 * z[0] / (z[0] ** 2 + 1.0) ** 2]
    factor = 1.0 if is_log else np.exp(reference.log_gate(kind, *z))
    return [da * factor * slope for slope in log_gate_slopes(kind, z)]


def norm_gradient(kind, x, weight, bias, eps, dy):
    """(dx, dweight, dbias), None for what is not there."""
    x, weight = f64(x), f64(weight)
    centered = x - x.mean(axis=-1, keepdims=True) if kind == "layer" else x
    inverse = 1.0 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps)
    y = centered * inverse
    dz = dy if weight is None else dy * weight
    dx = inverse * (dz - y * (dz * y).mean(axis=-1, keepdims=True))
    if kind == "layer":
        dx = dx - dx.mean(axis=-1, keepdims=True)

    def total(array, parameter):
        return None if parameter is None else array.sum(axis=(0, 1) if np.ndim(parameter) == 2 else (0, 1, 2))

    return dx, total(dy * y, weight), total(dy, bias)


def output_gate_gradient(x, z, dy):
    x, z = f64(x), f64(z)
    s = sigmoid(z)
    return dy * z * s, dy * x * s * (1.0 + z * (1.0 - s))


# ---- The recurrence ----------------------------------------------------------------------------------------------------------------


def stabilize(key, stabilizer, initial_max):
    """Features [B, T, H, K], and for each token the growth of the maximum as a factor of the state, [B, T, H]."""
    batch, tokens, heads, _ = key.shape
    ones = np.ones((batch, tokens, heads))
    if stabilizer == "none":
        return key, ones
    if tokens == 0:
        return key, ones
    if stabilizer == "token":
        return np.exp(key - key.max(axis=-1, keepdims=True)), ones
    start = np.full((batch, heads), -np.inf) if initial_max is None else f64(initial_max)
    tops = key.max(axis=-1)
    if stabilizer == "sequence":
        maxima = np.broadcast_to(np.maximum(start, tops.max(axis=1))[:, None], tops.shape)
    else:
        maxima = np.maximum(np.maximum.accumulate(tops, axis=1), start[:, None])
    before = np.concatenate([start[:, None], maxima[:, :-1]], axis=1)
    return np.exp(key - maxima[..., None]), np.where(np.isneginf(before), 0.0, np.exp(np.where(np.isneginf(before), 0.0, before) - maxima))


def attention_gradient(q, k, v, decay, is_log, axis, beta, initial_state, initial_max, rule, stabilizer, scale, d_output, d_state):
    """Gradients by name: query, key, value, decay, beta, initial_state."""
    q, k, v, beta = f64(q), f64(k), f64(v), f64(beta)
    batch, tokens, heads, key_dim = k.shape
    value_dim, group = v.shape[-1], q.shape[2] // heads
    scale = reference.default_scale(key_dim) if scale is None else scale
    q = q.reshape(batch, tokens, heads, group, key_dim)
    d_output = np.zeros((batch, tokens, heads, group, value_dim)) if d_output is None else d_output.reshape(batch, tokens, heads, group, value_dim)
    features, growth = stabilize(k, stabilizer, initial_max)
    shape = (batch, tokens, heads, key_dim, value_dim)
    if decay is None:
        f = np.ones((batch, tokens, heads, 1, 1))
    else:
        f = np.exp(f64(decay)) if is_log else f64(decay)
        if axis == "constant":
            f = np.broadcast_to(f[None, None, :, None, None], (batch, tokens, heads, 1, 1))
        else:
            f = f[..., None, :] if axis == "value" else f[..., :, None]
    rates = None if beta is None else np.broadcast_to(beta, (batch, tokens, heads))[..., None]

    state = np.zeros((batch, heads, key_dim, value_dim)) if initial_state is None else f64(initial_state)
    before, decayed, after, errors = np.empty(shape), np.empty(shape), np.empty(shape), np.empty((batch, tokens, heads, value_dim))
    for t in range(tokens):
        before[:, t] = growth[:, t, :, None, None] * state
        decayed[:, t] = f[:, t] * before[:, t]
        entering = v[:, t]
        if rates is not None:
            errors[:, t] = v[:, t] - np.einsum("bhk,bhkv->bhv", features[:, t], decayed[:, t])
            entering = rates[:, t] * errors[:, t]
        state = decayed[:, t] + features[:, t, :, :, None] * entering[..., None, :]
        after[:, t] = state

    dq, d_features, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    df, d_rates = np.zeros((batch, tokens, heads, *f.shape[3:])), np.zeros((batch, tokens, heads))
    ds = np.zeros(state.shape) if d_state is None else np.array(d_state, np.float64)
    for t in reversed(range(tokens)):
        do = scale * d_output[:, t]
        dq[:, t] = np.einsum("bhkv,bhgv->bhgk", after[:, t], do)
        ds = ds + np.einsum("bhgk,bhgv->bhkv", q[:, t], do)
        entering = v[:, t] if rates is None else rates[:, t] * errors[:, t]
        d_features[:, t] = np.einsum("bhkv,bhv->bhk", ds, entering)
        d_entering = np.einsum("bhkv,bhk->bhv", ds, features[:, t])
        d_decayed = ds
        if rates is None:
            dv[:, t] = d_entering
        else:
            d_rates[:, t] = (d_entering * errors[:, t]).sum(axis=-1)
            d_error = rates[:, t] * d_entering
            dv[:, t] = d_error
            d_features[:, t] -= np.einsum("bhkv,bhv->bhk", decayed[:, t], d_error)
            d_decayed = ds - features[:, t, :, :, None] * d_error[..., None, :]
        product = d_decayed * before[:, t]
        for dim in (2, 3):
            if f.shape[1 + dim] == 1:
                product = product.sum(axis=dim, keepdims=True)
        df[:, t] = product
        ds = growth[:, t, :, None, None] * f[:, t] * d_decayed
    if is_log:
        df = df * f
    result = {"query": dq.reshape(batch, tokens, heads * group, key_dim), "value": dv, "initial_state": ds}
    result["key"] = d_features if stabilizer == "none" else d_features * features
    if decay is not None:
        result["decay"] = df.sum(axis=(0, 1, 3, 4)) if axis == "constant" else df.reshape(np.shape(decay))
    if beta is not None:
        result["beta"] = d_rates.sum(axis=-1, keepdims=True) if beta.shape[-1] == 1 != heads else d_rates
    return result


def packed_attention_gradient(offsets, q, k, v, decay, is_log, axis, beta, initial_state, initial_max, rule, stabilizer, scale, d_output, d_state):
    """`attention_gradient` of reference.packed_attention."""
    parts = []
    for n in range(len(offsets) - 1):
        tokens, states = slice(offsets[n], offsets[n + 1]), slice(n, n + 1)
        own_q, own_k, own_v, own_decay, own_beta, own_do = (
            x if x is None or np.ndim(x) == 1 else x[:, tokens] for x in (q, k, v, decay, beta, d_output)
        )
        own_state, own_max, own_ds = (None if x is None else x[states] for x in (initial_state, initial_max, d_state))
        parts.append(
            attention_gradient(own_q, own_k, own_v, own_decay, is_log, axis, own_beta, own_state, own_max, rule, stabilizer, scale, own_do, own_ds)
        )
    made = {name: [part[name] for part in parts] for name in parts[0]}
    result = {name: np.concatenate(arrays, axis=0 if name == "initial_state" else 1) for name, arrays in made.items() if arrays[0].ndim > 1}
    return result | {name: sum(arrays) for name, arrays in made.items() if arrays[0].ndim == 1}


# ---- A whole program (program.py) --------------------------------------------------------------------------------------------------


def program_gradients(config, x, cotangents):
    """The gradients of the inputs X of a program of CONFIG by name, given those of its results."""
    c = config

    def features(kind, name, weighted):
        kind = CUSTOM_FEATURE[1] if kind == "custom" else kind
        return reference.feature_map(kind, x[name], x[name + "_weight"] if weighted else None)

    query_kind, query_weighted = c.query.removesuffix("*W"), "*W" in c.query
    query, key = features(query_kind, "q", query_weighted), features(c.key_map, "k", c.has_key_weight)
    kind, is_log, decay, z = c.gate_kind.removeprefix("log_"), c.gate_kind.startswith("log"), x.get("decay"), []
    if c.gate_kind not in ("none", "factor", "log"):
        z = [x[name] for name in ("zg", "zr") if name in x]
        if kind == "custom":
            log = (CUSTOM_LOG_GATE if is_log else CUSTOM_GATE)[1](f64(z[0]))
        else:
            log = reference.log_gate(kind, *z)
        decay = log if is_log else np.exp(log)
    rule = "gated" if c.rule == "gated" else "gated_delta"
    attend, differentiate = reference.attention, attention_gradient
    if c.sequences:
        attend, differentiate = (functools.partial(f, x["offsets"]) for f in (reference.packed_attention, packed_attention_gradient))
    output, _, _ = attend(
        query, key, x["v"], **({"log_decay" if is_log else "decay": decay} if decay is not None else {}), axis=c.axis, beta=x.get("beta"),
        initial_state=x.get("initial_state"), initial_max=x.get("initial_max"), rule=rule, stabilizer=c.stabilizer, scale=c.scale,
    )  # fmt: skip
    gradients, dy = {}, f64(cotangents["y"])
    normed = output
    if c.norm != "none":
        normed = reference.norm(c.norm.partition("+")[0], output, x.get("norm_weight"), x.get("norm_bias"), c.eps)
    if c.output_gate:
        dy, gradients["zo"] = output_gate_gradient(normed, x["zo"], dy)
    if c.norm != "none":
        parameters = x.get("norm_weight"), x.get("norm_bias")
        dy, gradients["norm_weight"], gradients["norm_bias"] = norm_gradient(c.norm.partition("+")[0], output, *parameters, c.eps, dy)
    made = differentiate(
        query, key, x["v"], decay, is_log, c.axis, x.get("beta"), x.get("initial_state"), x.get("initial_max"), rule, c.stabilizer, c.scale,
        dy, cotangents.get("final_state"),
    )  # fmt: skip
    gradients["q"], gradients["q_weight"] = feature_map_gradient(query_kind, x["q"], x.get("q_weight"), made["query"])
    gradients["k"], gradients["k_weight"] = feature_map_gradient(c.key_map, x["k"], x.get("k_weight"), made["key"])
    gradients["v"], gradients["beta"], gradients["initial_state"] = made["value"], made.get("beta"), made["initial_state"]
    if z:
        gradients.update(zip(("zg", "zr"), gate_gradient(kind, z, is_log, made["decay"])))
    elif decay is not None:
        gradients["decay"] = made["decay"]
    return {name: gradient for name, gradient in gradients.items() if gradient is not None and name in x}
