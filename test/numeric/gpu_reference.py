"""Inputs and expected results on a GPU: the recurrence of docs/semantics.md in float64 torch, fast enough for long sequences.

A program is said by a dict: the fields, `arguments` and `results` of benchmarks/gpu/programs.py. test_gpu_reference.py holds it against reference.py.
"""

import math

import torch

TORCH_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
F64 = torch.float64
KINDS = (
    "normal", "long", "f=0.30", "f=0.07", "every 7th", "mixed", "hard", "extreme", "jumps", "falling", "equal", "zeros", "no v", "huge", "tiny",
)  # fmt: skip
GATES = {  # mean and deviation of zg, then of zr
    "hard": (-6, 3, -4, 2),
    "long": (6, 1, 1, 1),
    "equal": (6, 1, 1, 1),
    "f=0.30": (-1, 1, 0, 1),
    "f=0.07": (-3, 1, 0, 1),
}
BOUNDED_MAPS = ("safe_exp", "logits", "softmax", "hedgehog")


# ---- Inputs ------------------------------------------------------------------------------------------------------------------------


def make_inputs(program, batch, tokens, kind="normal", seed=0, device="cuda"):
    """Tensors by argument name."""
    generator = torch.Generator(device=device).manual_seed(seed)
    inputs = {}
    for name, shape, dtype in program["arguments"]:
        shape = [{"B": batch, "T": tokens}.get(d, d) for d in shape]
        dtype = TORCH_DTYPES[dtype]
        inputs[name] = Values(program, kind, shape, generator, device, dtype).make(name).to(dtype).contiguous()
    return inputs


class Values:
    def __init__(self, program, kind, shape, generator, device, dtype):
        self.program, self.kind, self.shape, self.generator, self.device, self.dtype = program, kind, shape, generator, device, dtype
        self.has_tokens = program["op"] == "attention" and len(shape) == 4

    def normal(self, mean=0.0, scale=1.0):
        return torch.randn(self.shape, device=self.device, generator=self.generator) * scale + mean

    def hundreds(self):
        """±100 here and there."""
        choice = torch.randint(0, 4, self.shape, device=self.device, generator=self.generator)
        return torch.where(choice == 0, 100.0, torch.where(choice == 1, -100.0, self.normal()))

    def token(self):
        return torch.arange(self.shape[1], device=self.device, dtype=torch.float32)[None, :, None, None] if self.has_tokens else 0.0

    def make(self, name):
        if name == "initial_state":
            return self.normal() * 0.5
        if name == "initial_max":
            return self.normal() * 2
        if name == "w":
            return torch.rand(self.shape, device=self.device, generator=self.generator) + 0.5
        if name == "b":
            return self.normal() * 0.1
        if self.kind == "zeros" and name != "decay":
            return torch.zeros(self.shape, device=self.device)
        values = getattr(self, name)()
        if self.kind == "equal" and self.has_tokens:
            values = values[:, :1].expand(self.shape)
        return values

    def zq(self):
        if self.kind == "extreme" and self.program["query"] in BOUNDED_MAPS:
            return self.hundreds()
        return self.normal(scale=3.0 if self.kind == "mixed" else 1.0)

    def zk(self):
        kind, logits = self.kind, self.program["key"] == "logits"
        if kind == "extreme" and self.program["key"] in BOUNDED_MAPS:
            return self.hundreds()
        values = self.normal(scale=3.0 if kind == "mixed" else 1.0)
        if kind == "jumps" and logits and self.has_tokens:  # the running maximum grows by e^88 within a tile; then all is far below it
            token = self.token()
            values = values + 88.0 * (token >= 5) + 88.0 * (token >= 37) - 300.0 * (token >= 71)
        if kind == "falling" and logits:
            values = values - 0.75 * (self.token() % 100)
        return values

    def v(self):
        f16 = self.dtype == torch.float16
        factor = {"huge": 1e3 if f16 else 1e30, "tiny": 1e-4 if f16 else 1e-30, "no v": 0.0}.get(self.kind, 1.0)
        return self.normal() * factor

    def zo(self):
        return self.hundreds() if self.kind == "extreme" else self.normal()

    def gate(self, mean, scale):
        if self.kind == "extreme":
            return self.hundreds()
        values = self.normal(mean, scale)
        if self.kind in ("mixed", "every 7th"):
            strong = self.normal(-8, 4)
            values[..., ::7] = strong[..., ::7]
        if self.kind == "mixed" and self.has_tokens:
            values[:, 40:60] = self.normal(-6, 3)[:, 40:60]
        return values

    def zg(self):
        mean, scale, _, _ = GATES.get(self.kind, (2, 1, 0, 1))
        return self.gate(mean, scale)

    def zr(self):
        if self.kind in ("mixed", "every 7th"):
            return self.normal()
        _, _, mean, scale = GATES.get(self.kind, (2, 1, 0, 1))
        return self.gate(mean, scale)

    def decay(self):
        """A given factor or logarithm, as strong as the refined gate of this kind would be."""
        log = log_refined(self.zg().to(F64), self.zr().to(F64))
        return log if self.program["gate"] == "log" else torch.exp(log)


# ---- Elementwise -------------------------------------------------------------------------------------------------------------------


def softplus(x):
    return torch.logaddexp(x, torch.zeros_like(x))


def safe_exp(x):
    return torch.exp(x - x.amax(-1, keepdim=True)) if x.numel() else x


def log_sigmoid(z):
    return -softplus(-z)


def log_refined(zg, zr):
    """log of g (g + 2 r (1 - g)), with log1p(-(1 - f)) where f is near one: 1 - f = (1 - g) ((1 - g) + 2 (1 - r) g)."""
    g, not_g, not_r = torch.sigmoid(zg), torch.sigmoid(-zg), torch.sigmoid(-zr)
    complement = not_g * (not_g + 2 * not_r * g)
    small = log_sigmoid(zg) + torch.logaddexp(log_sigmoid(zg), math.log(2.0) + log_sigmoid(zr) + log_sigmoid(-zg))
    return torch.where(complement < 0.5, torch.log1p(-complement.clamp(max=0.5)), small)


FEATURE_MAPS = {
    "identity": lambda x: x,
    "logits": lambda x: x,
    "relu": torch.relu,
    "elu1": lambda x: torch.where(x > 0, 1.0 + x, torch.exp(x.clamp(max=0.0))),
    "exp": torch.exp,
    "safe_exp": safe_exp,
    "softmax": lambda x: torch.softmax(x, -1),
    "hedgehog": lambda x: torch.cat([torch.softmax(x, -1), torch.softmax(-x, -1)], -1),
    "softplus": softplus,
    "bent_square": lambda x: torch.relu(x) ** 2 + 0.01 * x * x,
    "exp_tanh": lambda x: 1 + torch.tanh(x) + torch.exp(-x.abs()),
    "gelu_square": lambda x: (x * torch.special.ndtr(x)) ** 2,
    "wave": lambda x: 1 + 0.5 * torch.sin(x),
    "rational": lambda x: (x * x + 0.1) / (x * x + 1),
}


def algebraic(z, r):
    """u(z) (1 - u(-z) u(-r)) with u(z) = (1 + z / sqrt(1 + z^2)) / 2."""

    def u(x):
        return 0.5 + 0.5 * x / torch.sqrt(1 + x * x)

    return torch.log(u(z) * (1 - u(-z) * u(-r)))


GATES_OF_REGIONS = {
    "softplus_power": lambda z, r: -softplus(-z) * softplus(r),
    "algebraic": algebraic,
    "two_tanh": lambda z, r: torch.log((2 + torch.tanh(z) + torch.tanh(r)) / 4),
    "double_exp": lambda z, r: -torch.exp(z - 1) * torch.sigmoid(r),
    "power": lambda z, r: log_sigmoid(z) / (1 + r * r),
}


def log_decay(program, x):
    """log f in float64, as the decay's axis has it, or None."""
    gate = program["gate"]
    if gate == "none":
        return None
    if gate in ("factor", "log"):
        return x["decay"].to(F64) if gate == "log" else torch.log(x["decay"].to(F64))
    z = [x[name].to(F64) for name in ("zg", "zr") if name in x]
    if gate in GATES_OF_REGIONS:
        return GATES_OF_REGIONS[gate](*z)
    return {"sigmoid": log_sigmoid, "refined": log_refined}[gate.removeprefix("log_")](*z)


# ---- The recurrence ----------------------------------------------------------------------------------------------------------------


def stabilize(stabilizer, k, initial_max):
    """(keys, growth [B, T, H] to multiply the state with before a token, factor of the initial state or None, final maximum or None)."""
    growth = torch.ones(k.shape[:3], dtype=F64, device=k.device)
    if stabilizer == "none":
        return k, growth, None, None
    if stabilizer == "token":
        return safe_exp(k), growth, None, None
    batch, tokens, heads, _ = k.shape
    before = torch.full((batch, heads), -math.inf, dtype=F64, device=k.device) if initial_max is None else initial_max.to(F64)
    if tokens == 0:
        return k, growth, None, before
    if stabilizer == "sequence":
        last = torch.maximum(before, k.amax((1, 3)))
        return torch.exp(k - last[:, None, :, None]), growth, torch.exp(before - last), last
    maximum = torch.maximum(torch.cummax(k.amax(-1), 1)[0], before[:, None])
    previous = torch.cat([before[:, None], maximum[:, :-1]], 1)
    return torch.exp(k - maximum[..., None]), torch.exp(previous - maximum), None, maximum[:, -1]


def recurrence(q, k, v, f, axis, state, length=16, budget=1 << 27):
    """(outputs [N, T, V], state [N, K, V]) for q, k [N, T, K], v [N, T, V] and factors f [N, T, K, V or 1], all ≤ 1 in float64.

    Exact as one token after the other is: within LENGTH tokens each pair's decay is the product of the factors between them, so that nothing is
    divided; between such chunks the state is carried. BUDGET elements of pairs or of states are made at a time.
    """
    rows, tokens, keys = q.shape
    values, chunks = v.shape[-1], -(-tokens // length)
    extra = chunks * length - tokens
    if extra:
        q, k, v = (torch.nn.functional.pad(t, (0, 0, 0, extra)) for t in (q, k, v))
        f = torch.nn.functional.pad(f, (0, 0, 0, extra), value=1.0)
    q, k, v, f = (t.reshape(rows, chunks, length, t.shape[-1]) for t in (q, k, v, f))
    largest = max(length * length * (keys if axis == "key" else f.shape[-1]), keys * values)
    together = max(1, min(chunks, budget // max(1, rows * largest)))
    outputs = torch.empty(rows, chunks, length, values, dtype=F64, device=q.device)
    for begin in range(0, chunks, together):
        part = slice(begin, min(chunks, begin + together))
        outputs[:, part], state = chunk_range(q[:, part], k[:, part], v[:, part], f[:, part], axis, state)
    return outputs.reshape(rows, chunks * length, values)[:, :tokens], state


def chunk_range(q, k, v, f, axis, state):
    length = q.shape[2]
    between = torch.zeros(*f.shape[:2], length, length, f.shape[-1], dtype=F64, device=q.device)  # [i, j]: product over j < s <= i
    for i in range(length):
        if i > 0:
            between[:, :, i, :i] = between[:, :, i - 1, :i] * f[:, :, i, None]
        between[:, :, i, i] = 1.0
    from_start = between[:, :, :, 0] * f[:, :, None, 0]
    to_end = between[:, :, length - 1]
    if axis == "value":
        inner = torch.zeros_like(v)
        scores = torch.tril(q @ k.transpose(-1, -2))
        for j in range(length):
            inner += scores[..., j, None] * between[:, :, :, j] * v[:, :, None, j]
        entering = q
        added = k.transpose(-1, -2) @ (v * to_end)
        total = from_start[:, :, -1, None, :]
    else:
        if f.shape[-1] == 1:
            scores = (q @ k.transpose(-1, -2)) * between[..., 0]
        else:
            scores = torch.stack([((q * between[:, :, :, j]) @ k[:, :, j, :, None])[..., 0] for j in range(length)], -1)
        inner = scores @ v
        entering = q * from_start
        added = (k * to_end).transpose(-1, -2) @ v
        total = from_start[:, :, -1, :, None]
    states = torch.empty_like(added)
    for chunk in range(q.shape[1]):
        states[:, chunk] = state
        state = torch.addcmul(added[:, chunk], total[:, chunk], state)
    outer = entering @ states
    return inner + (outer * from_start if axis == "value" else outer), state


def one_by_one(q, k, v, f, axis, state):
    """The same, as it is defined."""
    outputs = []
    for t in range(q.shape[1]):
        factor = f[:, t, None, :] if axis == "value" else f[:, t, :, None]
        state = factor * state + k[:, t, :, None] * v[:, t, None, :]
        outputs.append((q[:, t, None, :] @ state)[:, 0])
    return torch.stack(outputs, 1), state


def expected(program, x, rule=recurrence):
    """Results by name, in float64."""
    step = program["op"] == "step"
    x = {name: t[:, None] if step and name in ("zq", "zk", "v", "zg", "zr", "zo", "decay") and t.dim() == 3 else t for name, t in x.items()}
    q = FEATURE_MAPS[program["query"]](x["zq"].to(F64))
    k = FEATURE_MAPS[program["key"]](x["zk"].to(F64))
    v = x["v"].to(F64)
    batch, tokens, heads, keys = k.shape
    values, group = v.shape[-1], q.shape[2] // heads
    k, growth, state_factor, maximum = stabilize(program["stabilizer"], k, x.get("initial_max"))
    axis, log = program["axis"], log_decay(program, x)
    f = growth[..., None]
    if log is not None:
        f = f * torch.exp(log[None, None, :, None] if axis == "constant" else log)
    state = x["initial_state"].to(F64) if "initial_state" in x else torch.zeros(batch, heads, keys, values, dtype=F64, device=v.device)
    if state_factor is not None:
        state = state * state_factor[..., None, None]

    def rows(t):  # [B, T, H, D] -> [B * H, T, D]
        return t.permute(0, 2, 1, 3).reshape(batch * t.shape[2], tokens, t.shape[3])

    if tokens == 0 or batch == 0:
        o, final = torch.zeros(batch, tokens, heads * group, values, dtype=F64, device=v.device), state
    else:
        # Each query head of a group sees its own copy of the state.
        wide = [t.repeat_interleave(group, 2) if group > 1 else t for t in (k, v, f)]
        o, final = rule(rows(q), *(rows(t) for t in wide), axis, state.repeat_interleave(group, 1).reshape(-1, keys, values))
        o = o.reshape(batch, heads * group, tokens, values).permute(0, 2, 1, 3)
        final = final.reshape(batch, heads, group, keys, values)[:, :, 0]
    y = o / (math.e * math.sqrt(keys * (math.e**2 - 1)))
    if program["norm"] == "layer":
        y = y - y.mean(-1, keepdim=True)
    if program["norm"] != "none":
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + program["eps"]) * x["w"].to(F64)
    if program["norm"] == "layer":
        y = y + x["b"].to(F64)
    if program["output_gate"]:
        z = x["zo"].to(F64)
        y = y * z * torch.sigmoid(z)
    return {"y": y[:, 0] if step else y, "state": final, "max": maximum}


# ---- Errors ------------------------------------------------------------------------------------------------------------------------


def relative_error(result, wanted):
    """‖result − wanted‖ / ‖wanted‖ as in reference.py: infinity where a result is not finite though it should be."""
    if result.shape != wanted.shape:
        return math.inf
    if not wanted.numel():
        return 0.0
    smallest = torch.finfo(result.dtype).tiny
    value = result.to(F64)
    same = (value == wanted) & ~torch.isfinite(wanted)
    wanted = torch.where(same, 0.0, wanted)
    error = (torch.where(same, 0.0, value) - wanted).norm().item()
    if not math.isfinite(error):
        return math.inf
    return error / max(wanted.norm().item(), smallest * math.sqrt(wanted.numel())) if error else 0.0


def worst_block(result, wanted, length=64):
    """The largest relative error of LENGTH tokens of one head, so that a wrong tile does not drown in a long sequence, and where it is.

    Blocks whose values are far below the others' count as if they were a hundredth of them.
    """
    if result.dim() != 4 or not result.numel():
        return 0.0, None
    error, size = (result.to(F64) - wanted).square().sum(-1), wanted.square().sum(-1)
    extra = -error.shape[1] % length
    error, size = (torch.nn.functional.pad(t, (0, 0, 0, extra)).unflatten(1, (-1, length)).sum(2).sqrt() for t in (error, size))
    floor = 0.01 * size.square().mean().sqrt().item()
    ratio = error / size.clamp(min=max(floor, torch.finfo(result.dtype).tiny * length))
    ratio = torch.where(torch.isfinite(ratio), ratio, math.inf)
    at = int(ratio.argmax())
    batch, rest = divmod(at, ratio.shape[1] * ratio.shape[2])
    block, head = divmod(rest, ratio.shape[2])
    return ratio.max().item(), f"batch {batch} head {head} tokens {block * length}..{min((block + 1) * length, wanted.shape[1]) - 1}"
