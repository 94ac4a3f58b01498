#!/usr/bin/env python3
"""The programs that are timed and tested on a GPU: a function of pre-activations each, written as MLIR for the compiler.

usage: programs.py [NAME]    prints the names, or the text of one program

Needs nothing but Python. What a program computes is said by its fields, which is what test/numeric/gpu_reference.py goes by.
"""

import dataclasses
import sys

ENTRY = "attention"

# Expressions that no part of the compiler knows by name, by what they take: text here, the same in torch in test/numeric/gpu_reference.py.
FEATURE_REGIONS = {
    # log(1 + e^x)
    "softplus": """
    ^bb0(%x: f32):
      %zero = arith.constant 0.0 : f32
      %size = math.absf %x : f32
      %minus = arith.negf %size : f32
      %e = math.exp %minus : f32
      %log = math.log1p %e : f32
      %positive = arith.maximumf %x, %zero : f32
      %y = arith.addf %positive, %log : f32
      fgla.yield %y : f32
    """,
    # max(x, 0)^2 + 0.01 x^2
    "bent_square": """
    ^bb0(%x: f32):
      %zero = arith.constant 0.0 : f32
      %hundredth = arith.constant 0.01 : f32
      %positive = arith.maximumf %x, %zero : f32
      %a = arith.mulf %positive, %positive : f32
      %b = arith.mulf %x, %x : f32
      %c = arith.mulf %b, %hundredth : f32
      %y = arith.addf %a, %c : f32
      fgla.yield %y : f32
    """,
    # 1 + tanh x + e^-|x|
    "exp_tanh": """
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %size = math.absf %x : f32
      %minus = arith.negf %size : f32
      %e = math.exp %minus : f32
      %tanh = math.tanh %x : f32
      %positive = arith.addf %tanh, %one : f32
      %y = arith.addf %positive, %e : f32
      fgla.yield %y : f32
    """,
    # gelu(x)^2
    "gelu_square": """
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %half = arith.constant 0.5 : f32
      %root = arith.constant 0.70710678118654752 : f32
      %scaled = arith.mulf %x, %root : f32
      %erf = math.erf %scaled : f32
      %both = arith.addf %erf, %one : f32
      %share = arith.mulf %both, %half : f32
      %gelu = arith.mulf %x, %share : f32
      %y = arith.mulf %gelu, %gelu : f32
      fgla.yield %y : f32
    """,
    # 1 + sin(x) / 2
    "wave": """
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %half = arith.constant 0.5 : f32
      %sin = math.sin %x : f32
      %part = arith.mulf %sin, %half : f32
      %y = arith.addf %part, %one : f32
      fgla.yield %y : f32
    """,
    # (x^2 + 0.1) / (x^2 + 1)
    "rational": """
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %tenth = arith.constant 0.1 : f32
      %xx = arith.mulf %x, %x : f32
      %above = arith.addf %xx, %tenth : f32
      %below = arith.addf %xx, %one : f32
      %y = arith.divf %above, %below : f32
      fgla.yield %y : f32
    """,
}
GATE_REGIONS = {
    # exp(-softplus(-z) softplus(r)): a sigmoid of z to a learnt power
    "softplus_power": """
    ^bb0(%z: f32, %r: f32):
      %zero = arith.constant 0.0 : f32
      %size = math.absf %z : f32
      %minus = arith.negf %size : f32
      %e = math.exp %minus : f32
      %log = math.log1p %e : f32
      %opposite = arith.negf %z : f32
      %positive = arith.maximumf %opposite, %zero : f32
      %rate = arith.addf %positive, %log : f32
      %size_r = math.absf %r : f32
      %minus_r = arith.negf %size_r : f32
      %e_r = math.exp %minus_r : f32
      %log_r = math.log1p %e_r : f32
      %positive_r = arith.maximumf %r, %zero : f32
      %power = arith.addf %positive_r, %log_r : f32
      %product = arith.mulf %rate, %power : f32
      %a = arith.negf %product : f32
      %f = math.exp %a : f32
      fgla.yield %f : f32
    """,
    # u(z) (1 - u(-z) u(-r)) with u(z) = (1 + z / sqrt(1 + z^2)) / 2: no exponential in it
    "algebraic": """
    ^bb0(%z: f32, %r: f32):
      %one = arith.constant 1.0 : f32
      %half = arith.constant 0.5 : f32
      %zz = arith.mulf %z, %z : f32
      %z1 = arith.addf %zz, %one : f32
      %zroot = math.sqrt %z1 : f32
      %zpart = arith.divf %z, %zroot : f32
      %zhalf = arith.mulf %zpart, %half : f32
      %u = arith.addf %half, %zhalf : f32
      %not_u = arith.subf %half, %zhalf : f32
      %rr = arith.mulf %r, %r : f32
      %r1 = arith.addf %rr, %one : f32
      %rroot = math.sqrt %r1 : f32
      %rpart = arith.divf %r, %rroot : f32
      %rhalf = arith.mulf %rpart, %half : f32
      %not_r = arith.subf %half, %rhalf : f32
      %both = arith.mulf %not_u, %not_r : f32
      %rest = arith.subf %one, %both : f32
      %f = arith.mulf %u, %rest : f32
      fgla.yield %f : f32
    """,
    # (2 + tanh z + tanh r) / 4
    "two_tanh": """
    ^bb0(%z: f32, %r: f32):
      %half = arith.constant 0.5 : f32
      %quarter = arith.constant 0.25 : f32
      %a = math.tanh %z : f32
      %b = math.tanh %r : f32
      %sum = arith.addf %a, %b : f32
      %part = arith.mulf %sum, %quarter : f32
      %f = arith.addf %part, %half : f32
      fgla.yield %f : f32
    """,
    # e^(-e^(z - 1) / (1 + e^-r)): strong
    "double_exp": """
    ^bb0(%z: f32, %r: f32):
      %one = arith.constant 1.0 : f32
      %shifted = arith.subf %z, %one : f32
      %rate = math.exp %shifted : f32
      %minus = arith.negf %r : f32
      %e = math.exp %minus : f32
      %below = arith.addf %e, %one : f32
      %share = arith.divf %rate, %below : f32
      %a = arith.negf %share : f32
      %f = math.exp %a : f32
      fgla.yield %f : f32
    """,
    # sigmoid(z)^(1 / (1 + r^2))
    "power": """
    ^bb0(%z: f32, %r: f32):
      %one = arith.constant 1.0 : f32
      %minus = arith.negf %z : f32
      %e = math.exp %minus : f32
      %below = arith.addf %e, %one : f32
      %g = arith.divf %one, %below : f32
      %rr = arith.mulf %r, %r : f32
      %r1 = arith.addf %rr, %one : f32
      %exponent = arith.divf %one, %r1 : f32
      %f = math.powf %g, %exponent : f32
      fgla.yield %f : f32
    """,
}


@dataclasses.dataclass(frozen=True)
class Program:
    """query, key: a named map or one of FEATURE_REGIONS; key also `logits`, with a stabilizer.
    gate: none, factor, log (given by the caller), sigmoid, refined, log_sigmoid, log_refined or one of GATE_REGIONS. axis: key, value, head, constant.
    norm: none, rms, layer. state: none, in, out, inout. op: attention, or step: one token."""

    name: str
    dtype: str = "bf16"
    heads: int = 2
    keys: int = 128
    values: int = 128
    group: int = 1
    query: str = "safe_exp"
    key: str = "logits"
    stabilizer: str = "running"
    gate: str = "refined"
    axis: str = "key"
    norm: str = "rms"
    output_gate: bool = False
    state: str = "none"
    op: str = "attention"
    eps: float = 1e-5
    options: tuple = ()  # of fgla-compile

    @property
    def tracks_maximum(self):
        return self.stabilizer in ("running", "sequence")

    @property
    def decay_dim(self):
        return {"key": self.keys, "value": self.values, "head": 1}[self.axis]

    def arguments(self):
        """(name, shape with B and T by name, dtype), in order."""
        token = ["T"] if self.op == "attention" else []
        query_heads, heads = self.heads * self.group, self.heads
        key_in = self.keys // 2 if self.key == "hedgehog" else self.keys
        query_in = self.keys // 2 if self.query == "hedgehog" else self.keys
        found = [
            ("zq", ["B", *token, query_heads, query_in], self.dtype),
            ("zk", ["B", *token, heads, key_in], self.dtype),
            ("v", ["B", *token, heads, self.values], self.dtype),
        ]
        if self.gate in ("factor", "log"):
            constant = self.axis == "constant"
            found.append(("decay", [heads] if constant else ["B", *token, heads, self.decay_dim], "f32" if constant else self.dtype))
        elif self.gate != "none":
            found.append(("zg", ["B", *token, heads, self.decay_dim], self.dtype))
            if self.gate.removeprefix("log_") == "refined" or self.gate in GATE_REGIONS:
                found.append(("zr", ["B", *token, heads, self.decay_dim], self.dtype))
        if "in" in self.state.removesuffix("out"):
            found.append(("initial_state", ["B", heads, self.keys, self.values], "f32"))
            if self.tracks_maximum:
                found.append(("initial_max", ["B", heads], "f32"))
        if self.norm != "none":
            found.append(("w", [self.values], "f32"))
        if self.norm == "layer":
            found.append(("b", [self.values], "f32"))
        if self.output_gate:
            found.append(("zo", ["B", *token, query_heads, self.values], self.dtype))
        return found

    def results(self):
        token = ["T"] if self.op == "attention" else []
        found = [("y", ["B", *token, self.heads * self.group, self.values], self.dtype)]
        if "out" in self.state:
            found.append(("state", ["B", self.heads, self.keys, self.values], "f32"))
            if self.tracks_maximum:
                found.append(("max", ["B", self.heads], "f32"))
        return found

    def describe(self):
        """For JSON."""
        return dict(dataclasses.asdict(self), arguments=self.arguments(), results=self.results())

    def text(self):
        return Writer(self).text()


def tensor(shape, dtype):
    return "tensor<" + "".join("?x" if isinstance(d, str) else f"{d}x" for d in shape) + dtype + ">"


class Writer:
    """Maps, gates and norms are on [B, T, H, D]; a step's tensors have no T, so a 1 is put there and taken away."""

    def __init__(self, program):
        self.p, self.lines = program, []
        self.types = {name: tensor(shape, dtype) for name, shape, dtype in program.arguments()}

    def emit(self, line):
        self.lines.append("  " + line)

    def expand(self, value, heads, dim):
        if self.p.op != "step":
            return value, tensor(["B", "T", heads, dim], self.p.dtype)
        flat, full = tensor(["B", heads, dim], self.p.dtype), f"tensor<?x1x{heads}x{dim}x{self.p.dtype}>"
        size = f"%batch_{value.strip('%')}"
        self.emit(f"{size} = tensor.dim {value}, %zero : {flat}")
        self.emit(f"{value}_4d = tensor.expand_shape {value} [[0, 1], [2], [3]] output_shape [{size}, 1, {heads}, {dim}] : {flat} into {full}")
        return f"{value}_4d", full

    def collapse(self, value, heads, dim):
        if self.p.op != "step":
            return value, tensor(["B", "T", heads, dim], self.p.dtype)
        flat, full = tensor(["B", heads, dim], self.p.dtype), f"tensor<?x1x{heads}x{dim}x{self.p.dtype}>"
        self.emit(f"{value}_3d = tensor.collapse_shape {value} [[0, 1], [2], [3]] : {full} into {flat}")
        return f"{value}_3d", flat

    def feature(self, kind, name, heads):
        p = self.p
        if kind in ("identity", "logits"):
            return "%" + name, self.types[name]
        value, value_type = self.expand("%" + name, heads, p.keys // 2 if kind == "hedgehog" else p.keys)
        result_type = value_type.replace(f"x{p.keys // 2}x{p.dtype}", f"x{p.keys}x{p.dtype}") if kind == "hedgehog" else value_type
        region = " {" + FEATURE_REGIONS[kind] + "}" if kind in FEATURE_REGIONS else ""
        kind = "custom" if region else kind
        self.emit(f"%{name}_map = fgla.feature_map {kind} {value} : {value_type} -> {result_type}{region}")
        return self.collapse(f"%{name}_map", heads, p.keys)

    def decay(self):
        """(clause, type) of the attention, or None."""
        p = self.p
        if p.gate == "none":
            return None
        if p.gate in ("factor", "log"):
            return f"{'log_' * (p.gate == 'log')}decay(%decay) axis({p.axis})", self.types["decay"]
        log, kind = p.gate.startswith("log_"), p.gate.removeprefix("log_")
        inputs = [self.expand("%" + name, p.heads, p.decay_dim) for name in ("zg", "zr") if name in self.types]
        region = " {" + GATE_REGIONS[kind] + "}" if kind in GATE_REGIONS else ""
        kind = "custom" if region else kind
        values = ", ".join(value for value, _ in inputs)
        self.emit(f"%f = fgla.gate {'log ' * log}{kind}({values}) : {inputs[0][1]}{region}")
        value, value_type = self.collapse("%f", p.heads, p.decay_dim)
        return f"{'log_' * log}decay({value}) axis({p.axis})", value_type

    def text(self):
        p = self.p
        if p.op == "step":
            self.emit("%zero = arith.constant 0 : index")
        query, key = self.feature(p.query, "zq", p.heads * p.group), self.feature(p.key, "zk", p.heads)
        clauses, types = [], [query[1], key[1], self.types["v"]]
        if decay := self.decay():
            clauses.append(decay[0])
            types.append(decay[1])
        for name, clause in (("initial_state", "state"), ("initial_max", "max")):
            if name in self.types:
                clauses.append(f"{clause}(%{name})")
                types.append(self.types[name])
        if p.stabilizer != "none":
            clauses.append(f"stabilizer({p.stabilizer})")
        results = p.results()
        result_types = ", ".join(tensor(shape, dtype) for _, shape, dtype in results)
        names = ", ".join("%" + {"y": "o"}.get(name, name) for name, _, _ in results)
        self.emit(f"{names} = fgla.{p.op} {query[0]}, {key[0]}, %v {' '.join(clauses)} : ({', '.join(types)}) -> ({result_types})")
        output = self.tail("%o")
        returned = ", ".join([output] + ["%" + name for name, _, _ in results[1:]])
        self.emit(f"return {returned} : {result_types}")
        arguments = ",\n    ".join(f'%{name}: {self.types[name]} {{fgla.name = "{name}"}}' for name in self.types)
        declared = ",\n        ".join(f'{tensor(shape, dtype)} {{fgla.name = "{name}"}}' for name, shape, dtype in results)
        return f"func.func @{ENTRY}(\n    {arguments})\n    -> ({declared}) {{\n" + "\n".join(self.lines) + "\n}\n"

    def tail(self, output):
        """Norm and output gate."""
        p = self.p
        heads = p.heads * p.group
        if p.norm == "none" and not p.output_gate:
            return output
        value, value_type = self.expand(output, heads, p.values)
        if p.norm != "none":
            bias = f" bias(%b : {self.types['b']})" if p.norm == "layer" else ""
            self.emit(f"%n = fgla.norm {p.norm} {value} weight(%w : {self.types['w']}){bias} eps({p.eps:.17e}) : {value_type}")
            value = "%n"
        if p.output_gate:
            gate, _ = self.expand("%zo", heads, p.values)
            self.emit(f"%g = fgla.output_gate {value}, {gate} : {value_type}")
            value = "%g"
        return self.collapse(value, heads, p.values)[0]


# ---- The list ----------------------------------------------------------------------------------------------------------------------

SOFTPLUS = {"query": "softplus", "key": "softplus", "stabilizer": "none", "gate": "softplus_power"}
ALGEBRAIC = {"query": "bent_square", "key": "bent_square", "stabilizer": "none", "gate": "algebraic"}
PLAIN = {"query": "identity", "key": "identity", "stabilizer": "none"}
TF32 = ("--precision=tf32",)
STEP = {"op": "step", "heads": 16, "state": "inout"}

# Timed (forward.py).
TIMED = [
    Program("fgla_h16_k128", heads=16),
    Program("fgla_h8_k128", heads=8),
    Program("fgla_h12_k64", heads=12, keys=64, values=64),
    Program("fgla_h4_k256_v512", heads=4, keys=256, values=512),
    Program("softplus_h16_k128", heads=16, **SOFTPLUS),
    Program("algebraic_h16_k128", heads=16, **ALGEBRAIC),
    Program("step_h16_k128", **STEP),
    Program("step_core_h16_k128", **STEP | PLAIN, norm="none", gate="log"),
]

def unbounded(kind, gate, **others):
    return {"heads": 16, "query": kind, "key": kind, "stabilizer": "none", "gate": gate} | others


# Each differs from fgla_h16_k128 in one thing (options.py).
OPTIONS = [
    Program("option_output_gate", heads=16, output_gate=True),
    Program("option_layer", heads=16, norm="layer"),
    Program("option_layer_gate", heads=16, norm="layer", output_gate=True),
    Program("option_softmax", heads=16, query="softmax", key="softmax", stabilizer="none"),
    Program("option_hedgehog", heads=16, query="hedgehog", key="hedgehog", stabilizer="none"),
    Program("option_value", heads=16, axis="value"),
    Program("option_f16", heads=16, dtype="f16"),
    Program("option_k96", heads=16, keys=96, values=96),
    Program("option_group4", heads=4, group=4),
    Program("option_plain", heads=16, gate="log", axis="head", norm="none", **PLAIN),
    Program("option_exp_tanh", **unbounded("exp_tanh", "refined")),
    Program("option_two_tanh", heads=16, gate="two_tanh"),
    Program("option_gelu", **unbounded("gelu_square", "double_exp", norm="layer", output_gate=True)),
    Program("option_wave", **unbounded("wave", "power")),
    Program("option_rational", **unbounded("rational", "double_exp", norm="layer")),
]

# Tested (test/numeric/gpu_matrix.py): the whole matrix on these, a part of it on the others.
MATRIX = [
    Program("fgla_h1", heads=1, state="out"),
    Program("fgla_h1_f16", heads=1, dtype="f16", state="out"),
    Program("fgla_h1_f32", heads=1, dtype="f32", state="out"),
    Program("fgla_h16", heads=16, state="out"),
    Program("fgla_inout", state="inout"),
    Program("fgla_f16", dtype="f16", state="inout"),
    Program("fgla_f32", dtype="f32", state="inout"),
]
KINDS = [
    Program("k64", keys=64, values=64, state="inout"),
    Program("k64_f32", keys=64, values=64, dtype="f32", state="out"),
    Program("k32_v64", keys=32, values=64),
    Program("k16", keys=16, values=16),
    Program("k16_v128_value", keys=16, gate="refined", axis="value", state="inout"),  # warps hold copies of queries and keys
    Program("k256_v16_f32", keys=256, values=16, dtype="f32", state="inout"),
    Program("k64_v128", keys=64, values=128),
    Program("k256_v512", keys=256, values=512, state="out"),
    Program("fgla_tf32", dtype="f32", state="inout", options=TF32),
    Program("k64_tf32", keys=64, values=64, dtype="f32", state="out", options=TF32),
    Program("k7_v33_tf32", keys=7, values=33, dtype="f32", state="inout", options=TF32),
    Program("plain_gla_tf32", gate="log_sigmoid", norm="none", dtype="f32", state="inout", options=TF32, **PLAIN),
    Program("k256_v128_f32", keys=256, values=128, dtype="f32", state="inout"),
    Program("k128_v256_group4", values=256, group=4, state="inout", norm="layer", output_gate=True, dtype="f16"),
    Program("k64_v512_value", keys=64, values=512, gate="refined", axis="value", norm="none", state="inout"),
    Program("k512_v64", keys=512, values=64, gate="log", axis="head", state="out"),
    Program("k96_v160", keys=96, values=160),
    Program("k100_v130", keys=100, values=130),
    Program("k7_v33_f32", keys=7, values=33, dtype="f32", state="inout"),
    Program("k24_v7_group2", keys=24, values=7, group=2, state="inout", query="softmax", key="softmax", stabilizer="none", output_gate=True),
    Program("k50_v100_value", keys=50, values=100, gate="refined", axis="value", norm="layer", state="inout"),
    Program("k200_v96_f16", keys=200, values=96, dtype="f16", state="inout", gate="log_sigmoid"),
    Program("step_k100_v130", op="step", keys=100, values=130, state="inout"),
    Program("step_k256_v512", op="step", keys=256, values=512, state="inout"),
    Program("layer", norm="layer"),
    Program("no_norm", norm="none", state="inout"),
    Program("output_gate", output_gate=True),
    Program("layer_output_gate", norm="layer", output_gate=True, keys=64, values=64),
    Program("group4", group=4, state="out"),
    Program("token", stabilizer="token"),
    Program("sequence", stabilizer="sequence", state="inout"),
    Program("log_refined", gate="log_refined"),
    Program("sigmoid", gate="sigmoid"),
    Program("log_sigmoid_value", gate="log_sigmoid", axis="value"),
    Program("refined_value", gate="refined", axis="value", state="inout"),
    Program("refined_value_f32", gate="refined", axis="value", dtype="f32", state="inout"),
    Program("factor_value_f32", gate="factor", axis="value", dtype="f32", keys=64, values=64, state="inout"),
    Program("refined_head", gate="refined", axis="head", state="inout"),
    Program("log_key", gate="log"),
    Program("log_head", gate="log", axis="head", state="inout"),
    Program("log_constant", gate="log", axis="constant"),
    Program("factor_key", gate="factor"),
    Program("factor_value", gate="factor", axis="value"),
    Program("factor_constant", gate="factor", axis="constant"),
    Program("ungated", gate="none", state="inout"),
    Program("plain_gla", gate="log_sigmoid", norm="none", **PLAIN),
    Program("plain_gla_f32", gate="log_sigmoid", norm="none", dtype="f32", state="inout", **PLAIN),
    Program("plain_gla_f32_y", gate="log_sigmoid", norm="none", dtype="f32", **PLAIN),  # no last state: no masks
    Program("fgla_f32_y", dtype="f32"),
    Program("mamba_like", gate="log", axis="head", norm="none", state="inout", keys=64, values=64, **PLAIN),
    Program("retnet_like", gate="factor", axis="constant", norm="none", **PLAIN),
    Program("linear", gate="none", query="elu1", key="elu1", stabilizer="none", norm="none"),
    Program("relu", query="relu", key="relu", stabilizer="none"),
    Program("softmax", query="softmax", key="softmax", stabilizer="none"),
    Program("hedgehog", query="hedgehog", key="hedgehog", stabilizer="none"),
    Program("hedgehog_k256", keys=256, query="hedgehog", key="hedgehog", stabilizer="none"),
    Program("softplus", state="inout", **SOFTPLUS),
    Program("softplus_f32", state="inout", dtype="f32", **SOFTPLUS),
    Program("algebraic", state="out", **ALGEBRAIC),
    Program("step", **STEP | {"heads": 2}),
    Program("step_gated", **STEP | {"heads": 2}, group=2, output_gate=True),
    Program("step_core", **STEP | PLAIN | {"heads": 2}, norm="none", gate="log"),
    Program("step_f32", **STEP | {"heads": 2, "dtype": "f32"}),
]
PROGRAMS = {program.name: program for program in TIMED + OPTIONS + MATRIX + KINDS}

# Also compiled for older GPUs, whose PTX a newer one runs.
OLDER = ["fgla_h16_k128", "fgla_h16", "fgla_inout", "fgla_f32", "k64", "softplus", "log_head", "step"]
OLDER_TARGETS = ["sm_80", "sm_86"]


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1] not in PROGRAMS):
        sys.exit(__doc__)
    print(PROGRAMS[sys.argv[1]].text() if len(sys.argv) == 2 else "\n".join(PROGRAMS), end="" if len(sys.argv) == 2 else "\n")


if __name__ == "__main__":
    main()
