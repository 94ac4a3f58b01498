"""What FGLA computes, in float64 NumPy, one token after the other.

Written from docs/semantics.md alone, so that it shares nothing with the compiler. Tensors are [B, T, H, D], a state is [B, H, K, V] with its
maximum [B, H]. Every function takes arrays of any float type and works in float64.
"""

import math

import ml_dtypes
import numpy as np


def f64(x):
    return None if x is None else np.asarray(x).astype(np.float64)


# ---- Elementwise -------------------------------------------------------------------------------------------------------------------


def log_sigmoid(z):
    return -np.logaddexp(0.0, -z)


def sigmoid(z):
    return np.exp(log_sigmoid(z))


def silu(z):
    return z * sigmoid(z)


def exp_below(x, maximum):
    """exp(x - maximum), but zero for x = -inf also where that is the maximum, the one of nothing."""
    return np.exp(x - np.maximum(maximum, np.finfo(np.float64).min))


def safe_exp(x):
    return exp_below(x, x.max(axis=-1, keepdims=True))


def softmax(x):
    e = safe_exp(x)
    return e / np.maximum(e.sum(axis=-1, keepdims=True), 1.0)


FEATURE_MAPS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "elu1": lambda x: np.where(x > 0, 1.0 + x, np.exp(np.minimum(x, 0.0))),
    "exp": np.exp,
    "safe_exp": safe_exp,
    "softmax": softmax,
    "hedgehog": lambda x: np.concatenate([softmax(x), softmax(-x)], axis=-1),
}


def feature_map(kind, x, weight=None):
    """`kind` is a name or a function of an array; `weight` is [H, Din, K]."""
    x = f64(x)
    if weight is not None:
        x = np.einsum("bthi,hio->btho", x, f64(weight))
    return (FEATURE_MAPS[kind] if isinstance(kind, str) else kind)(x)


def log_gate(kind, *inputs):
    """The log decay: sigmoid g, or refined g (g + 2 r (1 - g))."""
    z = [f64(x) for x in inputs]
    if kind == "sigmoid":
        return log_sigmoid(z[0])
    zg, zr = z
    # f = (1 + y + 2x) / ((1 + y) (1 + x)^2) with x = e^-zg, y = e^-zr. Where f is near 1 that is 1 - x (x + xy + 2y) / ((1 + y) (1 + x)^2).
    log_one_x, log_one_y = np.logaddexp(0.0, -zg), np.logaddexp(0.0, -zr)
    log_f = np.logaddexp(np.logaddexp(0.0, -zr), math.log(2.0) - zg) - log_one_y - 2.0 * log_one_x
    log_tail = np.logaddexp(np.logaddexp(-zg, -zg - zr), math.log(2.0) - zr)
    log_complement = -zg + log_tail - log_one_y - 2.0 * log_one_x
    near_one = log_complement < math.log(0.5)
    return np.where(near_one, np.log1p(-np.exp(np.minimum(log_complement, math.log(0.5)))), log_f)


def gate(kind, *inputs):
    return np.exp(log_gate(kind, *inputs))


def norm(kind, x, weight=None, bias=None, eps=1e-5):
    x = f64(x)
    if kind == "layer":
        x = x - x.mean(axis=-1, keepdims=True)
    y = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    if weight is not None:
        y = y * f64(weight)
    if bias is not None:
        y = y + f64(bias)
    return y


def output_gate(x, z):
    return f64(x) * silu(f64(z))


# ---- The recurrence ----------------------------------------------------------------------------------------------------------------


def default_scale(key_dim):
    return 1.0 / (math.e * math.sqrt(key_dim * (math.e**2 - 1.0)))


def _decay_factors(decay, log_decay, axis, batch, tokens):
    """An array of factors that broadcasts over [B, T, H, K, V], or None."""
    if decay is None and log_decay is None:
        return None
    f = f64(decay) if decay is not None else np.exp(f64(log_decay))
    if axis == "constant":
        return np.broadcast_to(f[None, None, :, None, None], (batch, tokens, f.shape[0], 1, 1))
    return f[..., None, :] if axis == "value" else f[..., :, None]


def attention(
    query,
    key,
    value,
    decay=None,
    log_decay=None,
    axis=None,
    beta=None,
    initial_state=None,
    initial_max=None,
    rule="gated",
    stabilizer="none",
    scale=None,
):
    """Returns (output [B, T, Hq, V], final state [B, H, K, V], final maximum [B, H] or None)."""
    q, k, v, beta = f64(query), f64(key), f64(value), f64(beta)
    batch, tokens, heads, key_dim = k.shape
    value_dim, query_heads = v.shape[-1], q.shape[2]
    scale = default_scale(key_dim) if scale is None else scale
    q = q.reshape(batch, tokens, heads, query_heads // heads, key_dim)
    factors = _decay_factors(decay, log_decay, axis, batch, tokens)
    if beta is not None:
        beta = np.broadcast_to(beta, (batch, tokens, heads))

    state = np.zeros((batch, heads, key_dim, value_dim)) if initial_state is None else f64(initial_state).copy()
    maximum = None
    if stabilizer in ("running", "sequence"):
        maximum = np.full((batch, heads), -np.inf) if initial_max is None else f64(initial_max).copy()
    if stabilizer == "sequence" and tokens > 0:
        of_tokens = k.max(axis=3)
        new = np.maximum(maximum, np.where(of_tokens < np.inf, of_tokens, -np.inf).max(axis=1))
        state *= exp_below(maximum, new)[..., None, None]
        maximum = new

    output = np.zeros((batch, tokens, heads, query_heads // heads, value_dim))
    for t in range(tokens):
        kt, vt = k[:, t], v[:, t]
        if stabilizer == "running":
            new = np.maximum(maximum, kt.max(axis=-1))
            if (new != maximum).any():
                state *= exp_below(maximum, new)[..., None, None]
                maximum = new
        if stabilizer in ("running", "sequence"):
            kt = exp_below(kt, maximum[..., None])
        elif stabilizer == "token":
            kt = safe_exp(kt)
        if factors is not None:
            state *= factors[:, t]
        if rule != "gated":
            vt = beta[:, t, :, None] * (vt - np.matmul(kt[..., None, :], state)[..., 0, :])
        state += kt[..., :, None] * vt[..., None, :]
        output[:, t] = np.matmul(q[:, t], state)
    return scale * output.reshape(batch, tokens, query_heads, value_dim), state, maximum


def packed_attention(offsets, query, key, value, decay=None, log_decay=None, axis=None, beta=None, initial_state=None, initial_max=None, **options):
    """`attention` on each of the sequences [offsets[n], offsets[n + 1]) of one row of tokens; states are [N, H, K, V]."""

    def tokens(x, n):
        return x if x is None or np.ndim(x) == 1 else x[:, offsets[n] : offsets[n + 1]]

    def state(x, n):
        return None if x is None else x[n : n + 1]

    parts = [
        attention(
            *(tokens(x, n) for x in (query, key, value, decay, log_decay)),
            axis,
            tokens(beta, n),
            state(initial_state, n),
            state(initial_max, n),
            **options,
        )
        for n in range(len(offsets) - 1)
    ]
    outputs, states, maxima = zip(*parts)
    return np.concatenate(outputs, axis=1), np.concatenate(states), None if maxima[0] is None else np.concatenate(maxima)


def step(query, key, value, decay=None, log_decay=None, axis=None, beta=None, **options):
    """`attention` on one token, without the token axis."""

    def token(x):
        return None if x is None else f64(x)[:, None]

    constant = axis == "constant"
    output, state, maximum = attention(
        token(query),
        token(key),
        token(value),
        decay=f64(decay) if constant else token(decay),
        log_decay=f64(log_decay) if constant else token(log_decay),
        axis=axis,
        beta=token(beta),
        **options,
    )
    return output[:, 0], state, maximum


def block(
    x,
    weights,
    norm_kind="rms",
    eps=1e-5,
    stabilizer="running",
    scale=None,
    initial_state=None,
    initial_max=None,
):
    """`weights` by name: query, key, value, gate, gate_bias, refine, refine_bias, norm, output and, optionally, output_gate.

    Projections are [M, H, D], `output` is [H, V, M].
    """
    x = f64(x)
    w = {name: f64(value) for name, value in weights.items()}

    def project(name):
        return np.einsum("btm,mhd->bthd", x, w[name])

    log_decay = log_gate("refined", project("gate") + w["gate_bias"], project("refine") + w["refine_bias"])
    o, state, maximum = attention(
        feature_map("safe_exp", project("query")),
        project("key"),
        project("value"),
        log_decay=log_decay,
        axis="key",
        stabilizer=stabilizer,
        scale=scale,
        initial_state=initial_state,
        initial_max=initial_max,
    )
    y = norm(norm_kind, o, w["norm"], eps=eps)
    if "output_gate" in w:
        y = output_gate(y, project("output_gate"))
    return np.einsum("bthv,hvm->btm", y, w["output"]), state, maximum


def relative_error(result, expected):
    """‖result − expected‖ / ‖expected‖, infinity where a result is not finite though it should be.

    Numbers below the smallest normal one of the result's type can't be relatively exact: the denominator is at least that of each element.
    """
    if result.shape != np.shape(expected):
        return math.inf
    smallest = float(ml_dtypes.finfo(result.dtype).smallest_normal)
    result, expected = f64(result), f64(expected)
    same = (result == expected) & ~np.isfinite(expected)  # the maximum of no keys, -inf on both sides
    expected = np.where(same, 0.0, expected)
    error = float(np.linalg.norm(np.where(same, 0.0, result) - expected))
    if not math.isfinite(error):
        return math.inf
    return error / max(float(np.linalg.norm(expected)), smallest * math.sqrt(expected.size)) if error else 0.0
