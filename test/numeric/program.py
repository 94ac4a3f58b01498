"""A configuration of the attention and what stands around it: as a program for the compiler, as inputs, and as expected results."""

import dataclasses
import functools

import ml_dtypes
import numpy as np

import reference

ENTRY = "attention"
NUMPY_DTYPES = {"i32": np.int32, "i64": np.int64, "f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}

# Expressions of the region forms, once for the compiler and once for the reference. A gate's may give f or log f.
CUSTOM_FEATURE = (
    """
    ^bb0(%x: f32):
      %half = arith.constant 0.5 : f32
      %absolute = math.absf %x : f32
      %scaled = arith.mulf %absolute, %half : f32
      %sine = math.sin %x : f32
      %y = arith.addf %scaled, %sine : f32
      fgla.yield %y : f32
    """,
    lambda x: np.abs(x) * 0.5 + np.sin(x),
)
CUSTOM_GATE = (
    """
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %square = arith.mulf %x, %x : f32
      %sum = arith.addf %square, %one : f32
      %f = arith.divf %square, %sum : f32
      fgla.yield %f : f32
    """,
    lambda x: np.log(x * x / (x * x + 1.0)),
)
CUSTOM_LOG_GATE = (
    """
    ^bb0(%x: f32):
      %rate = arith.constant -0.0625 : f32
      %absolute = math.absf %x : f32
      %a = arith.mulf %absolute, %rate : f32
      fgla.yield %a : f32
    """,
    lambda x: -0.0625 * np.abs(x),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """One compiled function. Every field is a factor of the matrix (matrix.py).

    query: NAME of a feature map, `custom`, or `NAME*W` with a learnable matrix in front.
    key: the same, or `logits:STABILIZER`, or `logits*W:STABILIZER`.
    gate: `none`, or KIND.AXIS with KIND one of factor, log (given by the caller), sigmoid, refined, custom (ops), and log_sigmoid, log_refined,
        log_custom (ops that give a log decay), and AXIS one of key, value, head, constant.
    norm: `none`, `rms` or `layer`, then `+w` with a weight, `+wb` with a bias too, `+hw` with a weight for each head.
    state: `none`, `in`, `out` or `inout`; narrow_state: of the arrays' type, not f32.
    sequences: how many of the tokens each of the packed sequences has, as weights; offset_type: of the array that says where they begin.
    """

    dtype: str = "f32"
    key_dim: int = 64
    value_dim: int = 64
    heads: int = 2
    group: int = 1
    query: str = "safe_exp"
    key: str = "logits:running"
    gate: str = "refined.key"
    rule: str = "gated"
    beta: str = "head"
    norm: str = "none"
    output_gate: bool = False
    state: str = "none"
    narrow_state: bool = False
    op: str = "attention"
    sequences: tuple = ()
    offset_type: str = "i32"
    scale: float | None = None
    eps: float = 1e-5

    def __str__(self):
        defaults = Config()
        fields = (f for f in dataclasses.fields(self) if getattr(self, f.name) != getattr(defaults, f.name))
        return " ".join(f"{f.name}={getattr(self, f.name)}" for f in fields) or "default"

    @property
    def stabilizer(self):
        return self.key.split(":")[1] if ":" in self.key else "none"

    @property
    def key_map(self):
        return "identity" if ":" in self.key else self.key.removesuffix("*W")

    @property
    def has_key_weight(self):
        return "*W" in self.key

    @property
    def gate_kind(self):
        return self.gate.partition(".")[0]

    @property
    def axis(self):
        return self.gate.partition(".")[2] or None

    @property
    def tracks_maximum(self):
        return self.stabilizer in ("running", "sequence")

    @property
    def decay_dim(self):
        return {"key": self.key_dim, "value": self.value_dim, "head": 1}[self.axis]

    def is_valid(self):
        delta = self.rule != "gated"
        return not (
            (delta and self.tracks_maximum)
            or (self.rule == "delta" and self.gate != "none")
            or (self.rule == "gated_delta" and self.gate == "none")
            or (self.axis == "constant" and self.gate_kind not in ("factor", "log"))
            or (self.gate_kind != "none" and self.axis is None)
            or (self.op == "step" and (self.stabilizer == "sequence" or self.state != "inout"))
            or (self.sequences and self.op == "step")
            or (self.op == "step" and (self.norm, self.output_gate, self.query, self.key_map) != ("none", False, "identity", "identity"))
        )


def packed_configs():
    """Sequences packed into one row of tokens: every axis, rule and stabilizer, empty ones and ones that a tile holds several of."""
    small = {"key_dim": 16, "value_dim": 16}
    weights = (0, 30, 1, 0, 90, 3, 0)
    return [
        Config(sequences=weights, state="inout", norm="rms+w", output_gate=True, **small),
        Config(sequences=weights, state="out", gate="log.head", key="logits:sequence", group=2, offset_type="i64", **small),
        Config(sequences=weights, state="in", gate="factor.value", key="logits:token", query="elu1", **small),
        Config(sequences=(5,), gate="log.constant", key="elu1", query="elu1", heads=1, **small),
        Config(sequences=weights, gate="none", key="softmax", dtype="bf16", state="inout", narrow_state=True, **small),
        Config(sequences=weights, gate="log.key", rule="gated_delta", query="identity", key="identity", state="inout", **small),
    ]


def input_dim(feature, key_dim):
    """The last dim of what goes into a feature map that gives KEY_DIM channels. A matrix takes other than it gives."""
    if "*W" in feature:
        return 24
    return key_dim // 2 if feature == "hedgehog" else key_dim


class Program:
    """The text of the program, and the shape and dtype of its arguments, in order."""

    def __init__(self, config):
        self.config = config
        self.arguments = {}  # name: (shape with None for B and "T" for T, dtype)
        self.lines, self.results = [], []
        self.token = ["T"] if config.op != "step" else []
        self._build()

    # ---- Text ----------------------------------------------------------------------------------------------------------------------

    @staticmethod
    def type(shape, dtype):
        return "tensor<" + "".join("?x" if isinstance(d, str) else f"{d}x" for d in shape) + dtype + ">"

    def argument(self, name, shape, dtype=None):
        dtype = dtype or self.config.dtype
        self.arguments[name] = (shape, dtype)
        return "%" + name, self.type(shape, dtype)

    def tokens(self, *rest):
        return [1 if self.config.sequences else "B", *self.token, *rest]

    def feature_map(self, kind, name, heads, weighted):
        """Emits a feature map on an argument NAME and returns (value, type)."""
        c = self.config
        kind = kind.removesuffix("*W")
        value, value_type = self.argument(name, self.tokens(heads, input_dim(kind + "*W" * weighted, c.key_dim)))
        if kind == "identity" and not weighted:
            return value, value_type
        weight = ""
        if weighted:
            inner = c.key_dim // 2 if kind == "hedgehog" else c.key_dim
            w, weight_type = self.argument(name + "_weight", [heads, 24, inner])
            weight = f" weight({w} : {weight_type})"
        result_type = self.type(self.tokens(heads, c.key_dim), c.dtype)
        region = " {" + CUSTOM_FEATURE[0] + "}" if kind == "custom" else ""
        self.lines.append(f"{value}_features = fgla.feature_map {kind} {value}{weight} : {value_type} -> {result_type}{region}")
        return value + "_features", result_type

    def decay(self):
        """Emits the gate and returns (operand of the attention, type), or None."""
        c = self.config
        if c.gate_kind == "none":
            return None
        shape = [c.heads] if c.axis == "constant" else self.tokens(c.heads, c.decay_dim)
        if c.gate_kind in ("factor", "log"):
            value, value_type = self.argument("decay", shape, "f32" if c.axis == "constant" else None)
            return f"{'log_' * (c.gate_kind == 'log')}decay({value})", value_type
        log = c.gate_kind.startswith("log_")
        kind = c.gate_kind.removeprefix("log_")
        inputs = [self.argument("zg", shape)]
        if kind == "refined":
            inputs.append(self.argument("zr", shape))
        region = ""
        if kind == "custom":
            region = " {" + (CUSTOM_LOG_GATE if log else CUSTOM_GATE)[0] + "}"
        names, value_type = ", ".join(value for value, _ in inputs), inputs[0][1]
        self.lines.append(f"%f = fgla.gate {'log ' * log}{kind}({names}) : {value_type}{region}")
        return f"{'log_' * log}decay(%f)", value_type

    def attention(self):
        c = self.config
        query = self.feature_map(c.query, "q", c.heads * c.group, "*W" in c.query)
        key = self.feature_map(c.key_map, "k", c.heads, c.has_key_weight)
        value = self.argument("v", self.tokens(c.heads, c.value_dim))
        clauses, types = [], [query[1], key[1], value[1]]

        def operand(text, value_type):
            clauses.append(text)
            types.append(value_type)

        if decay := self.decay():
            operand(*decay)
            clauses.append(f"axis({c.axis})")
        if c.rule != "gated":
            beta, beta_type = self.argument("beta", self.tokens(c.heads if c.beta == "head" else 1))
            operand(f"beta({beta})", beta_type)
        states = "N" if c.sequences else "B"
        state_shape, maximum_shape = [states, c.heads, c.key_dim, c.value_dim], [states, c.heads]
        state_dtype = c.dtype if c.narrow_state else "f32"
        if "in" in c.state:
            state, state_type = self.argument("initial_state", state_shape, state_dtype)
            operand(f"state({state})", state_type)
            if c.tracks_maximum:
                maximum, maximum_type = self.argument("initial_max", maximum_shape, "f32")
                operand(f"max({maximum})", maximum_type)
        if c.sequences:
            offsets, offsets_type = self.argument("offsets", ["N+1"], c.offset_type)
            operand(f"sequences({offsets})", offsets_type)
        if c.rule != "gated":
            clauses.append(f"rule({c.rule})")
        if c.stabilizer != "none":
            clauses.append(f"stabilizer({c.stabilizer})")
        if c.scale is not None:
            clauses.append(f"scale({c.scale:.17e})")
        output_type = self.type(self.tokens(c.heads * c.group, c.value_dim), c.dtype)
        results = [("o", output_type)]
        if "out" in c.state:
            results.append(("final_state", self.type(state_shape, state_dtype)))
            if c.tracks_maximum:
                results.append(("final_max", self.type(maximum_shape, "f32")))
        names = ", ".join("%" + name for name, _ in results)
        result_types = ", ".join(result_type for _, result_type in results)
        self.lines.append(
            f"{names} = fgla.{c.op} {query[0]}, {key[0]}, {value[0]} {' '.join(clauses)} : ({', '.join(types)}) -> ({result_types})"
        )
        return results

    def _build(self):
        c = self.config
        (output, output_type), *states = self.attention()
        if c.norm != "none":
            kind, _, parameters = c.norm.partition("+")
            shape = [c.heads * c.group, c.value_dim] if "h" in parameters else [c.value_dim]
            clauses = ""
            for letter, name in (("w", "weight"), ("b", "bias")):
                if letter in parameters:
                    value, value_type = self.argument(f"norm_{name}", shape)
                    clauses += f" {name}({value} : {value_type})"
            self.lines.append(f"%n = fgla.norm {kind} %{output}{clauses} eps({c.eps:.17e}) : {output_type}")
            output = "n"
        if c.output_gate:
            gate, _ = self.argument("zo", self.tokens(c.heads * c.group, c.value_dim))
            self.lines.append(f"%y = fgla.output_gate %{output}, {gate} : {output_type}")
            output = "y"
        self.results = [("y", output, output_type)] + [(name, name, value_type) for name, value_type in states]

    def text(self):
        arguments = ", ".join(
            f'%{name}: {self.type(shape, dtype)} {{fgla.name = "{name}"}}' for name, (shape, dtype) in self.arguments.items()
        )
        results = ", ".join(f'{value_type} {{fgla.name = "{name}"}}' for name, _, value_type in self.results)
        body = "\n  ".join(self.lines)
        values = ", ".join("%" + value for _, value, _ in self.results)
        types = ", ".join(value_type for _, _, value_type in self.results)
        return f"func.func @{ENTRY}({arguments}) -> ({results}) {{\n  {body}\n  return {values} : {types}\n}}\n"


def expected(config, x):
    """What reference.py computes for the inputs X (by name), by result name."""
    c = config

    def features(kind, name, weighted):
        kind = CUSTOM_FEATURE[1] if kind == "custom" else kind
        return reference.feature_map(kind, x[name], x[name + "_weight"] if weighted else None)

    query = features(c.query.removesuffix("*W"), "q", "*W" in c.query)
    key = features(c.key_map, "k", c.has_key_weight)
    decay = {}
    if c.gate_kind == "factor":
        decay = {"decay": x["decay"]}
    elif c.gate_kind == "log":
        decay = {"log_decay": x["decay"]}
    elif c.gate_kind in ("custom", "log_custom"):
        decay = {"log_decay": (CUSTOM_GATE if c.gate_kind == "custom" else CUSTOM_LOG_GATE)[1](reference.f64(x["zg"]))}
    elif c.gate_kind != "none":
        decay = {"log_decay": reference.log_gate(c.gate_kind.removeprefix("log_"), *(x[name] for name in ("zg", "zr") if name in x))}
    operation = reference.step if c.op == "step" else reference.attention
    if c.sequences:
        operation = functools.partial(reference.packed_attention, x["offsets"])
    output, state, maximum = operation(
        query,
        key,
        x["v"],
        axis=c.axis,
        beta=x.get("beta"),
        initial_state=x.get("initial_state"),
        initial_max=x.get("initial_max"),
        rule="gated" if c.rule == "gated" else "gated_delta",
        stabilizer=c.stabilizer,
        scale=c.scale,
        **decay,
    )
    if c.norm != "none":
        output = reference.norm(c.norm.partition("+")[0], output, x.get("norm_weight"), x.get("norm_bias"), c.eps)
    if c.output_gate:
        output = reference.output_gate(output, x["zo"])
    return {"y": output, "final_state": state, "final_max": maximum}
