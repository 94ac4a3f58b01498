"""The layer: token mixing by gated linear attention, or by one of its relatives. frontends/torch/nn has the same in C++."""

import dataclasses
import math
from typing import Callable, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from .tracing import trace

__all__ = ["FGLA", "MIXERS", "Mixer", "State"]


@dataclasses.dataclass(frozen=True)
class Mixer:
    """What distinguishes kinds of mixing. Maps and gates: a name, or the text of a region."""

    query_map: str = "identity"
    key_map: str = "identity"
    has_map_matrix: bool = False  # a learnable matrix for each head before the map
    stabilizer: str = "none"
    gate: str = "none"
    log_gate: bool = False  # a region gives log f
    axis: str = "key"
    norm: str = "rms"
    is_softmax: bool = False


# GLA's gate, the 16th root of a sigmoid, as its logarithm.
_GLA_GATE = trace(lambda z: F.logsigmoid(z) / 16)

MIXERS = {
    "softmax": Mixer(norm="none", is_softmax=True),  # torch's scaled_dot_product_attention
    "relu": Mixer("relu", "relu"),
    "elu1": Mixer("elu1", "elu1"),
    "hedgehog": Mixer("hedgehog", "hedgehog", has_map_matrix=True),
    "scalar": Mixer(gate="sigmoid", axis="head"),  # one decay for a head, as in Mamba-2
    "gla": Mixer(gate=_GLA_GATE, log_gate=True),
    "retnet": Mixer(gate="factor", axis="constant"),  # 1 - 2^(-5 - h) for head h
    "fgla": Mixer("safe_exp", "identity", stabilizer="running", gate="refined"),
}


class State(NamedTuple):
    """What a layer carries from token to token; for a caller it is opaque."""

    memory: tuple[torch.Tensor, ...]  # (S, m); keys and values of softmax attention
    conv: tuple[torch.Tensor, ...]  # the last inputs of the short convolutions


class _Affine(nn.Module):
    """The parameters of a norm, which the operator applies."""

    def __init__(self, size, has_bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if has_bias else None


class FGLA(nn.Module):
    """Hidden states [B, T, hidden_size] to hidden states.

    mixer             one of MIXERS, whose choices the options below replace
    num_heads         heads of queries; num_kv_heads, which divides them, of keys, values and gates
    expand_k, _v      channels of all heads together, as parts of hidden_size
    feature_map       of queries and keys: a name, a Python function of a scalar, or MLIR text (see fgla.trace)
    gate              "none", "sigmoid", "refined", a function of any number of scalars, or MLIR text; it gives f, or log f with log_gate
    axis              what one decay multiplies: "key", "value" or "head"
    norm              "rms", "layer" or "none", over a head's values
    use_output_gate   y * silu(x W)
    use_short_conv    a causal convolution of conv_size tokens over queries, keys and values, and silu
    gate_low_rank_dim   inner size of the gates' projections; 0: one full matrix

    Parameters are named as in flash-linear-attention's GatedLinearAttention where they mean the same.
    """

    def __init__(
        self,
        hidden_size: int,
        mixer: str = "fgla",
        num_heads: int = 4,
        num_kv_heads: int | None = None,
        expand_k: float = 1.0,
        expand_v: float = 1.0,
        feature_map: str | Callable | None = None,
        gate: str | Callable | None = None,
        log_gate: bool | None = None,
        axis: str | None = None,
        norm: str | None = None,
        norm_eps: float = 1e-5,
        use_output_gate: bool | None = None,
        use_short_conv: bool = False,
        conv_size: int = 4,
        conv_bias: bool = False,
        gate_low_rank_dim: int = 16,
    ):
        super().__init__()
        if mixer not in MIXERS:
            raise ValueError(f"mixer must be one of {', '.join(MIXERS)}, got '{mixer}'")
        mix = MIXERS[mixer]
        if mix.is_softmax and not (feature_map is gate is norm is None and not use_output_gate):
            raise ValueError("mixer 'softmax' takes no feature_map, gate, norm or output gate")
        if feature_map is not None:
            text = _region_or_name(feature_map)
            mix = dataclasses.replace(mix, query_map=text, key_map=text, stabilizer="none")
        if gate is not None:
            mix = dataclasses.replace(mix, gate=_region_or_name(gate), log_gate=False, axis="key" if mix.axis == "constant" else mix.axis)
        given = {"log_gate": log_gate, "axis": axis, "norm": norm}
        mix = dataclasses.replace(mix, **{name: value for name, value in given.items() if value is not None})
        self.mix, self.norm_eps, self.conv_size = mix, norm_eps, conv_size
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads or num_heads
        self.head_k_dim = _divide("expand_k", hidden_size * expand_k, num_heads)
        self.head_v_dim = _divide("expand_v", hidden_size * expand_v, num_heads)
        if num_heads % self.num_kv_heads:
            raise ValueError(f"num_kv_heads must divide num_heads = {num_heads}, got {num_kv_heads}")

        kv_heads, value_dim = self.num_kv_heads, num_heads * self.head_v_dim
        sizes = {"q": num_heads * self.head_k_dim, "k": kv_heads * self.head_k_dim, "v": kv_heads * self.head_v_dim}
        for name, size in sizes.items():
            self.add_module(f"{name}_proj", nn.Linear(hidden_size, size, bias=False))
        self.g_proj = None
        if use_output_gate or (use_output_gate is None and not mix.is_softmax):
            self.g_proj = nn.Linear(hidden_size, value_dim, bias=False)
        self.conv_names = [f"{name}_conv1d" for name in sizes] if use_short_conv else []
        for name, size in zip(self.conv_names, sizes.values()):
            self.add_module(name, nn.Conv1d(size, size, conv_size, groups=size, bias=conv_bias))
        if mix.has_map_matrix:
            self.q_map = nn.Parameter(torch.eye(self.head_k_dim).repeat(num_heads, 1, 1))
            self.k_map = nn.Parameter(torch.eye(self.head_k_dim).repeat(kv_heads, 1, 1))
        self._add_gates(hidden_size, gate_low_rank_dim)
        self.o_proj = nn.Linear(value_dim, hidden_size, bias=False)
        if mix.norm != "none":
            self.norm_name = "g_norm" if self.g_proj is None else "g_norm_swish_gate"
            self.add_module(self.norm_name, _Affine(self.head_v_dim, mix.norm == "layer"))

    def _add_gates(self, hidden_size, rank):
        mix = self.mix
        features = 2 * self.head_k_dim if mix.key_map == "hedgehog" else self.head_k_dim
        channels = {"key": features, "value": self.head_v_dim, "head": 1}.get(mix.axis, 0)
        self.gate_names = [["gk_proj", "gr_proj"][i] if i < 2 else f"g{i}_proj" for i in range(_count_gates(mix.gate))]
        for name in self.gate_names:
            last = nn.Linear(rank or hidden_size, self.num_kv_heads * channels)
            self.add_module(name, nn.Sequential(nn.Linear(hidden_size, rank, bias=False), last) if rank else last)
            if mix.gate not in ("sigmoid", "refined"):
                continue
            # Memories of 4 to 128 tokens, spread over channels (or heads): no gate begins where it no longer learns.
            spread = channels if channels > 1 else self.num_kv_heads
            lengths = torch.logspace(math.log10(4), math.log10(128), spread)
            bias = torch.log(lengths - 1).repeat(self.num_kv_heads * channels // spread)
            with torch.no_grad():
                last.bias.copy_(bias if name == "gk_proj" else torch.zeros_like(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x, None, False)[0]

    def extend(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """The same of the tokens that follow those that STATE (None: no tokens yet) has seen, and the state after them."""
        return self._run(x, state, True)

    def _run(self, x, state, wants_state):
        if x.dim() != 3 or x.size(2) != self.q_proj.in_features:
            raise ValueError(f"x must have shape [B, T, {self.q_proj.in_features}], got {list(x.shape)}")
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        conv = ()
        if self.conv_names:
            past = state.conv if state else (None, None, None)
            convolved = [self._convolve(name, z, old) for name, z, old in zip(self.conv_names, (q, k, v), past)]
            q, k, v = (y for y, _ in convolved)
            conv = tuple(last for _, last in convolved)
        q, k, v = q.unflatten(2, (self.num_heads, -1)), k.unflatten(2, (self.num_kv_heads, -1)), v.unflatten(2, (self.num_kv_heads, -1))
        mix = self._softmax if self.mix.is_softmax else self._attention
        y, memory = mix(x, q, k, v, state.memory if state else (), wants_state)
        return self.o_proj(y.flatten(2)), State(memory, conv)

    def _convolve(self, name, z, past):
        """Each channel by itself, over the last tokens; and the inputs that the next token sees."""
        conv = self.get_submodule(name)
        tokens = z.size(1)
        if past is None:
            past = z.new_zeros(z.size(0), self.conv_size - 1, z.size(2))
        z = torch.cat([past.to(z.dtype), z], 1)
        y = sum(z[:, i : i + tokens] * conv.weight[:, 0, i] for i in range(self.conv_size))
        if conv.bias is not None:
            y = y + conv.bias
        return F.silu(y).to(z.dtype), z[:, tokens:]

    def _softmax(self, x, q, k, v, memory, wants_state):
        q, k, v = (z.transpose(1, 2) for z in (q, k, v))
        mask = None
        if memory:
            k, v = torch.cat([memory[0], k], 2), torch.cat([memory[1], v], 2)
            mask = torch.ones(q.size(2), k.size(2), dtype=torch.bool, device=x.device).tril(k.size(2) - q.size(2))
        shared = self.num_heads != self.num_kv_heads
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=shared)
        return y.transpose(1, 2), (k, v)

    def _attention(self, x, q, k, v, memory, wants_state):
        mix = self.mix
        is_step = bool(memory) and x.size(1) == 1  # an operator of its own, without the axis of tokens
        shape = (lambda z: z.squeeze(1)) if is_step else (lambda z: z)
        if mix.axis == "constant":
            dtype = torch.promote_types(x.dtype, torch.float32)
            gate = [1 - torch.exp2(-5 - torch.arange(self.num_kv_heads, dtype=dtype, device=x.device))]
        else:
            gate = [shape(self.get_submodule(name)(x).unflatten(2, (self.num_kv_heads, -1))) for name in self.gate_names]
        norm = self.get_submodule(self.norm_name) if mix.norm != "none" else None
        arguments = {
            "output_gate": shape(self.g_proj(x).unflatten(2, (self.num_heads, -1))) if self.g_proj is not None else None,
            "query_weight": self.q_map if mix.has_map_matrix else None,
            "key_weight": self.k_map if mix.has_map_matrix else None,
            "norm_weight": norm.weight if norm is not None else None,
            "norm_bias": norm.bias if norm is not None else None,
            "query_map": mix.query_map,
            "key_map": mix.key_map,
            "gate_kind": mix.gate,
            "log_gate": mix.log_gate,
            "axis": mix.axis,
            "stabilizer": mix.stabilizer,
            "norm": mix.norm,
            "eps": self.norm_eps,
            "scale": None if mix.query_map == "safe_exp" else self.head_k_dim**-0.5,  # whose factor is the default
        }
        if is_step:
            op = torch.ops.fgla.step
            arguments |= {"state": memory[0], "max": memory[1]}
        else:
            op = torch.ops.fgla.fgla
            arguments |= {"final_state": wants_state}
            if memory:
                arguments |= {"initial_state": memory[0], "initial_max": memory[1]}
        y, state, maximum = op(shape(q), shape(k), shape(v), gate, **arguments)
        has_max = mix.stabilizer in ("running", "sequence")
        return y.unsqueeze(1) if is_step else y, (state, maximum if has_max else None)


def _region_or_name(option):
    return option if isinstance(option, str) and not option.startswith("^") else trace(option)


def _count_gates(gate):
    if gate.startswith("^"):
        return gate[: gate.index(")")].count("%")
    counts = {"none": 0, "factor": 0, "sigmoid": 1, "refined": 2}
    if gate not in counts:
        raise ValueError(f"gate must be none, sigmoid, refined, a function of scalars or MLIR text, got '{gate}'")
    return counts[gate]


def _divide(name, size, heads):
    if size != int(size) or int(size) % heads or size <= 0:
        raise ValueError(f"{name} must give each of {heads} heads the same whole number of channels, got {size:g} channels")
    return int(size) // heads
