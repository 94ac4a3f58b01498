#!/usr/bin/env python3
"""Runs small ONNX models whose numbers are easy to get wrong through fgla-run: maps and gates that are nearly named ones, integers that wrap
around, indices out of range, conversions that round, parts without elements.

usage: onnx_cases.py [--build DIR] [--jobs N] [--only TEXT]

What is right is computed here, in float64 or exactly, or is the error that fgla-run gives. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import dataclasses
import fractions
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file, save_file

import reference
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
F32_BOUND = 1e-5
HEADS, DIM, TOKENS = 2, 16, 20
TYPES = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "bool": np.bool_,
    "int64": np.int64, "int32": np.int32, "int16": np.int16, "int8": np.int8, "uint8": np.uint8,
}  # fmt: skip


@dataclasses.dataclass
class Case:
    """A graph in ONNX's text form. `wanted` are arrays by name, or a part of the message that refuses the model or the call."""

    name: str
    arguments: str
    results: str
    body: str
    inputs: dict
    wanted: dict | str
    bound: float = 0
    opset: int = 27

    def text(self):
        nodes = "\n".join("  " + line.strip() for line in self.body.strip().split(";") if line.strip())
        ir = 13 if self.opset > 24 else 10
        return f'<ir_version: {ir}, opset_import: ["" : {self.opset}]>\ncase ({self.arguments}) => ({self.results})\n{{\n{nodes}\n}}\n'


def number(name, value, kind="float"):
    return f"{name} = Constant <value = {kind} {{{value}}}> ();"


def integers(name, *values, kind="int64"):
    return f"{name} = Constant <value = {kind}[{len(values)}] {{{', '.join(map(str, values))}}}> ();"


#
# Maps, gates and output gates that are nearly named ones
#


def sigmoid(x):
    return reference.sigmoid(np.asarray(x, np.float64))


def softplus(x):
    return np.logaddexp(0, x)


BOUNDS = number("a", -13.0) + number("b", 13.0) + number("zero", 0.0) + number("one", 1.0) + number("tiny", "1e-4") + number("scale", 1.001)
MAPS = {
    "x clipped": ("q = Clip(x, a, b)", lambda x: np.clip(x, -13, 13)),
    "x not below": ("q = Max(x, a)", lambda x: np.maximum(x, -13)),
    "x, nearly": ("q = Mul(x, scale)", lambda x: x * np.float32(1.001).astype(np.float64)),
    "x where it is small": ("c = Less(x, b); q = Where(c, x, zero)", lambda x: np.where(x < 13, x, 0)),
    "relu clipped": ("q = Clip(x, zero, b)", lambda x: np.clip(x, 0, 13)),
    "relu, not below a little": ("q = Max(x, tiny)", lambda x: np.maximum(x, np.float32(1e-4).astype(np.float64))),
    "relu, squared": ("r = Relu(x); q = Mul(r, r)", lambda x: np.maximum(x, 0) ** 2),
    "relu by where": ("c = Greater(x, zero); q = Where(c, x, zero)", lambda x: np.maximum(x, 0)),
    "exp of what is clipped": ("c = Clip(x, a, b); q = Exp(c)", lambda x: np.exp(np.clip(x, -13, 13))),
    "exp of a minimum": ("c = Min(x, b); q = Exp(c)", lambda x: np.exp(np.minimum(x, 13))),
    "exp and a little": ("c = Min(x, b); e = Exp(c); q = Add(e, tiny)", lambda x: np.exp(np.minimum(x, 13)) + np.float32(1e-4).astype(np.float64)),
    "elu + 1": ("e = Elu(x); q = Add(e, one)", lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))),
    "elu + 1.001": ("e = Elu(x); q = Add(e, scale)", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + np.float32(1.001).astype(np.float64)),
    "elu + 1 clipped": ("e = Elu(x); f = Add(e, one); q = Min(f, b)", lambda x: np.minimum(np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))), 13)),
    "x to the second": (number("n", 2.0) + "q = Pow(x, n)", lambda x: x * x),
    "silu by a condition": ("s = Sigmoid(x); y = Mul(x, s); c = LessOrEqual(x, b); q = Where(c, y, b)", lambda x: np.where(x <= 13, x * sigmoid(x), 13)),
}  # fmt: skip
GATES = {
    "log sigmoid": ("n = Neg(z); p = Softplus(n); g = Neg(p)", lambda z: -softplus(-z)),
    "log sigmoid clipped": ("n = Neg(z); p = Softplus(n); l = Neg(p); g = Clip(l, a, zero)", lambda z: np.maximum(-softplus(-z), -13)),
    "log of sigmoid and a little": ("s = Sigmoid(z); t = Add(s, tiny); g = Log(t)", lambda z: np.log(sigmoid(z) + np.float32(1e-4).astype(np.float64))),
    "log of sigmoid, not below": ("s = Sigmoid(z); t = Max(s, tiny); g = Log(t)", lambda z: np.log(np.maximum(sigmoid(z), np.float32(1e-4).astype(np.float64)))),
    "log sigmoid where it is": ("c = Less(z, a); n = Neg(z); p = Softplus(n); l = Neg(p); g = Where(c, a, l)", lambda z: np.where(z < -13, -13, -softplus(-z))),
    "log sigmoid, scaled": ("n = Neg(z); p = Softplus(n); l = Mul(p, scale); g = Neg(l)", lambda z: -softplus(-z) * np.float32(1.001).astype(np.float64)),
}  # fmt: skip


def attention_cases():
    generator = np.random.default_rng(0)
    x = (generator.standard_normal((2, TOKENS, HEADS * DIM)) * 30).astype(np.float32)
    # The second token is between the bounds that a sample of small numbers would not see.
    x[:, 1] = generator.uniform(12, 20, x[:, 1].shape) * np.sign(x[:, 1])
    k, v = (generator.standard_normal(x.shape).astype(np.float32) for _ in range(2))

    def heads(array):
        return np.asarray(array, np.float64).reshape(*array.shape[:2], HEADS, -1)

    rule = f"<q_num_heads = {HEADS}, kv_num_heads = {HEADS}, update_rule"
    packed = f"[B,T,{HEADS * DIM}]"
    for name, (nodes, function) in MAPS.items():
        output = reference.attention(heads(function(x.astype(np.float64))), heads(k), heads(v), scale=DIM**-0.5)[0]
        body = BOUNDS + f'{nodes}; o, state = LinearAttention {rule} = "linear"> (q, k, v)'
        arguments = f"float{packed} x, float{packed} k, float{packed} v"
        wanted = {"o": output.reshape(x.shape)}
        yield Case(f"map: {name}", arguments, f"float{packed} o", body, {"x": x, "k": k, "v": v}, wanted, F32_BOUND)
    one = np.ones((1, 1, HEADS * DIM), np.float32)
    start = np.full((1, HEADS, DIM, DIM), 1e6, np.float32)
    for name, (nodes, function) in GATES.items():
        for z in (-40.0, -9.0, 0.5, 30.0):
            body = BOUNDS + f'{nodes}; o, state = LinearAttention {rule} = "gated"> (q, q, v, past, g)'
            arguments = f"float{packed} q, float{packed} v, float{packed} z, float[B,{HEADS},{DIM},{DIM}] past"
            inputs = {"q": one, "v": 0 * one, "z": np.float32(z) * one, "past": start}
            wanted = {"state": start * np.exp(function(np.float64(z)))}
            yield Case(f"gate: {name} of {z}", arguments, f"float[B,{HEADS},{DIM},{DIM}] state", body, inputs, wanted, F32_BOUND)
    for name, gate, function in (
        ("silu", "s = Sigmoid(z); g = Mul(z, s)", lambda z: z * sigmoid(z)),
        ("silu clipped", "s = Sigmoid(z); h = Mul(z, s); g = Clip(h, a, b)", lambda z: np.clip(z * sigmoid(z), -13, 13)),
        ("nearly silu", "t = Mul(z, scale); s = Sigmoid(t); g = Mul(z, s)", lambda z: z * sigmoid(z * np.float32(1.001).astype(np.float64))),
    ):
        body = BOUNDS + f'{gate}; o, s1 = LinearAttention {rule} = "linear"> (q, k, v); y = Mul(o, g)'
        output = reference.attention(heads(k), heads(k), heads(v), scale=DIM**-0.5)[0].reshape(x.shape)
        arguments = f"float{packed} q, float{packed} k, float{packed} v, float{packed} z"
        wanted = {"y": output * function(x.astype(np.float64))}
        yield Case(f"output gate: {name}", arguments, f"float{packed} y", body, {"q": k, "k": k, "v": v, "z": x}, wanted, F32_BOUND)
    free = {n: a for n, a in (("q", k[:1]), ("k", k[:1]), ("v", v[:1]))}
    body = f'o, s = LinearAttention {rule} = "linear"> (q, k, v)'
    arguments = ", ".join(f"float[?,?,{HEADS * DIM}] {n}" for n in "qkv")
    output = reference.attention(heads(k[:1]), heads(k[:1]), heads(v[:1]), scale=DIM**-0.5)[0].reshape(free["q"].shape)
    result = f"float[?,?,{HEADS * DIM}] o"
    yield Case("free dims without names", arguments, result, body, free, {"o": output}, F32_BOUND)
    message = "argument 'k' dim 1 must be"
    yield Case("free dims that differ", arguments, result, body, {**free, "k": k[:1, 1:]}, message)


#
# Integers and indices
#


def integer_cases():
    least64, least32 = -(2**63), -(2**31)
    for kind, a, b, wanted in (
        ("int64", least64, -1, least64), ("int64", least64, 1, least64), ("int64", -7, 2, -3), ("int64", 7, -2, -3), ("int64", 8, -3, -2),
        ("int32", least32, -1, least32), ("int32", -7, 2, -3), ("int8", -128, -1, -128), ("int16", -32768, -1, -32768),
        ("int64", least64, 0, least64), ("int32", 7, 0, 7),
    ):  # fmt: skip
        array = {"y": np.array([wanted], TYPES[kind])}
        result = f"{kind}[1] y"
        body = integers("a", a, kind=kind) + integers("b", b, kind=kind) + "y = Div(a, b)"
        yield Case(f"{a} / {b}, {kind} constants", "", result, body, {}, array)
        inputs = {"a": np.array([a], TYPES[kind]), "b": np.array([b], TYPES[kind])}
        yield Case(f"{a} / {b}, {kind} inputs", f"{kind}[1] a, {kind}[1] b", result, "y = Div(a, b)", inputs, array)
    for op, kind, a, b in (
        ("Mul", "int32", 65536, 65537), ("Add", "int32", 2**31 - 1, 1), ("Sub", "int32", least32, 1), ("Mul", "int64", 2**62, 6),
        ("Add", "int64", 2**63 - 1, 1), ("Mul", "int8", 100, 3), ("Add", "int8", 127, 1), ("Sub", "int16", -32768, 1),
    ):  # fmt: skip
        left, right = np.array([a], TYPES[kind]), np.array([b], TYPES[kind])
        with np.errstate(over="ignore"):
            exact = {"Mul": left * right, "Add": left + right, "Sub": left - right}[op]
        body = integers("a", a, kind=kind) + integers("b", b, kind=kind) + f"c = {op}(a, b); y = Cast <to = 7> (c)"
        yield Case(f"{op} of {a} and {b}, {kind}", "", "int64[1] y", body, {}, {"y": exact.astype(np.int64)})
    codes = {"int32": 6, "int8": 3, "int16": 5, "uint8": 2}
    for value in (2**32 + 5, 300, -129, 2**31, 70000):
        for kind, code in codes.items():
            exact = np.array([value]).astype(TYPES[kind]).astype(np.int64)
            body = integers("a", value) + f"c = Cast <to = {code}> (a); y = Cast <to = 7> (c)"
            yield Case(f"{value} to {kind} and back", "", "int64[1] y", body, {}, {"y": exact})
            body = f"c = Cast <to = {code}> (a); y = Cast <to = 7> (c)"
            yield Case(f"{value} to {kind} and back, an input", "int64[1] a", "int64[1] y", body, {"a": np.array([value])}, {"y": exact})
    body = integers("a", 300) + integers("b", 44) + "c = Cast <to = 3> (a); d = Cast <to = 7> (c); e = Equal(d, b); y = Cast <to = 7> (e)"
    yield Case("int8(300) is 44", "", "int64[1] y", body, {}, {"y": np.array([1])})
    # A shape that is computed in 32 bits.
    body = integers("i0", 0) + integers("i1", 1) + "s = Shape(x); c = Cast <to = 6> (s); n = Gather(c, i0); m = Gather(c, i1); p = Mul(n, m);"
    body += "t = Cast <to = 7> (p); y = Reshape(x, t)"
    x = np.arange(6, dtype=np.float32)
    yield Case("a shape by way of int32", "float[n,3] x", "float[m] y", body, {"x": x.reshape(2, 3)}, {"y": x})
    e = np.array([0, 1, 2, 3], np.uint8)
    yield Case("powers by uint8", "float[4] x, uint8[4] e", "float[4] y", "y = Pow(x, e)", {"x": x[2:], "e": e}, {"y": x[2:] ** e}, F32_BOUND)
    high = np.array([200, 255], np.uint8)
    yield Case("powers by large uint8", "float[2] x, uint8[2] e", "float[2] y", "y = Pow(x, e)", {"x": np.float32([1.01, 0.99]), "e": high},
               {"y": np.float64(np.float32([1.01, 0.99])) ** high}, F32_BOUND)  # fmt: skip


def index_cases():
    x = np.arange(20, dtype=np.float32).reshape(5, 4)
    outside = "an index is out of range"
    for kind in ("int64", "int32"):
        for rows, columns in (("n", "4"), ("5", "4"), ("n", "m")):
            arguments, result = f"float[{rows},{columns}] x, {kind}[k] i", f"float[k,{columns}] y"
            for index in ((-5, 4), (), (0, 3, -1, 2)):
                i = np.array(index, TYPES[kind])
                yield Case(f"rows {index}, [{rows}, {columns}], {kind}", arguments, result, "y = Gather(x, i)", {"x": x, "i": i}, {"y": x[i]})
            for index in (5, -6, 2**31 - 1, -(2**31), *([2**40, 2**63 - 1, -(2**63)] if kind == "int64" else [])):
                i = np.array([1, index], TYPES[kind])
                yield Case(f"row {index}, [{rows}, {columns}], {kind}", arguments, result, "y = Gather(x, i)", {"x": x, "i": i}, outside)
            if rows == "n":
                i = np.array([1, 0], TYPES[kind])
                yield Case(f"rows of nothing, [{rows}, {columns}], {kind}", arguments, result, "y = Gather(x, i)", {"x": x[:0], "i": i}, outside)
    i = np.array([[3, -4], [0, 1]])
    last = "y = Gather <axis = 1> (x, i)"
    yield Case("columns", "float[n,4] x, int64[2,k] i", "float[n,2,k] y", last, {"x": x, "i": i}, {"y": x[:, i]})
    yield Case("a column too many", "float[n,4] x, int64[2,k] i", "float[n,2,k] y", last, {"x": x, "i": i + 1}, outside)
    body = integers("i", 5) + "y = Gather(x, i)"
    yield Case("a constant row that is not there", "float[5,4] x", "float[1,4] y", body, {"x": x}, "index 5 is out of range")
    yield Case("a constant row that may not be there", "float[n,4] x", "float[1,4] y", body, {"x": x}, outside)
    for step in (2, 7, 2**31, 2**40, 2**63 - 1):
        for length in (0, 1, 5):
            body = integers("s", 0) + integers("e", 2**63 - 1) + integers("a", 0) + integers("t", step) + "y = Slice(x, s, e, a, t)"
            rows = x[:length]
            yield Case(f"each {step}th of {length} rows", "float[n,4] x", "float[m,4] y", body, {"x": rows}, {"y": rows[::step]})
        yield Case(f"each {step}th of five rows", "float[5,4] x", "float[m,4] y", body, {"x": x}, {"y": x[::step]})


#
# Rounding
#


def rounding_cases():
    # Each is half way between two narrow numbers but for what f32 does not hold.
    half16, half_bf16 = 1 + 2.0**-11, 1 + 2.0**-8
    values = [0.1, -2.5, 65504, 65519.999999, 65520, 1e-7, 3e-8, 2.0**-25, 2.0**-25 * (1 + 1e-12), 0.4999, 1e300, -1e300, 1e-300, np.inf, -np.inf, 0.0]
    for half in (half16, half_bf16):
        values += [sign * half * (1 + side * 2.0**-40) for sign in (1, -1) for side in (-1, 0, 1)]
    x = np.array(values, np.float64)
    with np.errstate(over="ignore"):
        f16, f32 = x.astype(np.float16), x.astype(np.float32)
    for kind, code, wanted in (("float16", 10, f16), ("bfloat16", 16, round_to_bf16(x)), ("float", 1, f32)):
        yield Case(f"f64 to {kind}", "double[n] x", f"{kind}[n] y", f"y = Cast <to = {code}> (x)", {"x": x}, {"y": wanted})
    i = np.array([0, 1, -1, 257, 2**24 + 1, 2**31 - 1, 2**60 + 2**52 + 1, 2**60 + 2**52, -(2**60 + 2**52 + 1), 2**63 - 1, -(2**63)], np.int64)
    wanted = round_to_bf16(i)
    yield Case("int64 to bfloat16", "int64[n] x", "bfloat16[n] y", "y = Cast <to = 16> (x)", {"x": i}, {"y": wanted})
    small = i[:6].astype(np.int32)
    yield Case("int32 to bfloat16", "int32[n] x", "bfloat16[n] y", "y = Cast <to = 16> (x)", {"x": small}, {"y": round_to_bf16(small)})
    a, c = np.full((2, 4), 200, np.float16), np.full((2, 2), -60000, np.float16)
    arguments, result = "float16[2,4] a, float16[4,2] b", "float16[2,2] y"
    inputs = {"a": a, "b": a.T.copy()}
    yield Case("Gemm, alpha", arguments, result, "y = Gemm <alpha = 0.1> (a, b)", inputs, {"y": np.full((2, 2), 16000, np.float16)}, 1e-3)
    inputs = {"a": a * np.float16(0.875), "b": a.T / np.float16(2), "c": c}
    wanted = {"y": np.full((2, 2), 10000, np.float16)}
    yield Case("Gemm, C", arguments + ", float16[2,2] c", result, "y = Gemm(a, b, c)", inputs, wanted, 1e-3)
    wanted = {"y": np.full((2, 2), 0.5 * 70000 - 30000, np.float16)}
    yield Case("Gemm, all", arguments + ", float16[2,2] c", result, "y = Gemm <alpha = 0.5, beta = 0.5> (a, b, c)", inputs, wanted, 1e-3)
    yield Case("MatMul, rounded once", arguments, result, "y = MatMul(a, b)", {"a": a / np.float16(4), "b": a.T / np.float16(4)}, {"y": np.full((2, 2), 10000, np.float16)}, 1e-3)
    many = np.full((1, 4096), 30, np.float16)
    yield Case("a mean whose sum f16 does not hold", "float16[1,n] x", "float16[1,1] y", integers("a", 1) + "y = ReduceMean(x, a)", {"x": many}, {"y": np.float16([[30]])})


def round_to_bf16(values):
    """To the nearest, ties to even, in exact arithmetic."""
    results = []
    for value in values.tolist():
        if value == 0 or not math.isfinite(value):
            results.append(value)
            continue
        exact = fractions.Fraction(value)
        exponent = abs(exact.numerator).bit_length() - exact.denominator.bit_length()
        exponent -= abs(exact) < fractions.Fraction(2) ** exponent
        unit = fractions.Fraction(2) ** (max(exponent, -126) - 7)
        rounded = round(exact / unit) * unit  # Python rounds ties to even
        results.append(float(rounded) if abs(rounded) < 2**128 else math.copysign(math.inf, value))
    return np.array(results, np.float32).astype(ml_dtypes.bfloat16)


#
# Shapes
#


def shape_cases():
    generator = np.random.default_rng(1)
    x = np.arange(1, 7, dtype=np.float32)
    v = generator.standard_normal(4).astype(np.float32)
    for name, arguments, body, given, wanted in (
        ("Reshape to a scalar", "float[1] x", "s = Constant <value = int64[0] {}> (); y = Reshape(x, s)", {"x": x[:1]}, x[0]),
        ("Squeeze to a scalar", "float[1,1] x", "y = Squeeze(x)", {"x": x[:1].reshape(1, 1)}, x[0]),
        ("Neg, then Squeeze", "float[1] x", integers("a", 0) + "h = Neg(x); y = Squeeze(h, a)", {"x": x[:1]}, -x[0]),
        ("one element", "float[5] x", number("i", -1, "int64") + "y = Gather(x, i)", {"x": x[:5]}, x[4]),
        ("one element by an input", "float[n] x, int64 i", "y = Gather(x, i)", {"x": x, "i": np.array(-2)}, x[4]),
        ("vectors", "float[4] x, float[4] w", "y = MatMul(x, w)", {"x": v, "w": v}, np.dot(v.astype(np.float64), v)),
        ("a sum, then Squeeze", "float[2,3] x", "h = ReduceSum(x); y = Squeeze(h)", {"x": x.reshape(2, 3)}, x.sum()),
        ("a scalar twice", "float[1] x", "h = Squeeze(x); z = Neg(h); y = Identity(z)", {"x": x[:1]}, -x[0]),
    ):
        yield Case(f"scalars: {name}", arguments, "float y", body, given, {"y": np.asarray(wanted)}, F32_BOUND)
    matrix = generator.standard_normal((4, 3)).astype(np.float32)
    yield Case("a vector times a matrix", "float[4] x, float[4,3] w", "float[3] y", "y = MatMul(x, w)", {"x": v, "w": matrix}, {"y": v.astype(np.float64) @ matrix}, F32_BOUND)
    yield Case("a matrix times a vector", "float[3,4] w, float[4] x", "float[3] y", "y = MatMul(w, x)", {"x": v, "w": matrix.T.copy()}, {"y": matrix.T.astype(np.float64) @ v}, F32_BOUND)
    for name, shapes, axis in (
        ("an empty end", ([3], [0]), 0), ("an empty column", ([2, 3], [2, 0]), 1), ("an empty start", ([0], [3]), 0),
        ("an empty middle", ([2, 2], [2, 0], [2, 1]), 1), ("nothing at all", ([0, 2], [0, 2]), 0), ("only empty", ([3, 0], [3, 0]), 0),
    ):  # fmt: skip
        parts = {f"x{i}": generator.standard_normal(shape).astype(np.float32) for i, shape in enumerate(shapes)}
        arguments = ", ".join(f"float{shape} {n}" for n, shape in zip(parts, shapes))
        whole = np.concatenate(list(parts.values()), axis)
        yield Case(f"Concat: {name}", arguments, f"float{list(whole.shape)} y", f"y = Concat <axis = {axis}> ({', '.join(parts)})", parts, {"y": whole})
    body = integers("s", 3) + integers("e", 2**63 - 1) + integers("a", 1) + "h = Slice(x, s, e, a); y = Concat <axis = -1> (x, h)"
    yield Case("Concat: what is behind the end", "float[2,3] x", "float[2,3] y", body, {"x": x.reshape(2, 3)}, {"y": x.reshape(2, 3)})
    yield Case("two names of one value", "float[6] x", "float[6] y, float[6] z", "y = Neg(x); z = Identity(y)", {"x": x}, {"y": -x, "z": -x})
    yield Case("an argument as a result", "float[6] x", "float[6] y, float[6] z", "y = Identity(x); z = Identity(x)", {"x": x}, {"y": x, "z": x})
    yield Case("one output twice", "float[6] x", "float[6] y, float[6] y", "y = Neg(x)", {"x": x}, "output 'y' is listed twice")


def version_cases():
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    for op, wanted in (("And", a & b), ("Or", a | b), ("Xor", a ^ b)):
        yield Case(f"{op} of version 7", "bool[4] a, bool[4] b", "bool[4] y", f"y = {op}(a, b)", {"a": a, "b": b}, {"y": wanted}, opset=7)
    yield Case("Not of version 1", "bool[4] a", "bool[4] y", "y = Not(a)", {"a": a}, {"y": ~a}, opset=7)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    yield Case("axes as attributes", "float[2,3] x", "float[2] y", "h = ReduceSum <axes = [1], keepdims = 1> (x); y = Squeeze <axes = [1]> (h)", {"x": x}, {"y": x.sum(1)}, F32_BOUND, 11)
    yield Case("parts as an attribute", "float[2,3] x", "float[2,1] y, float[2,2] z", "y, z = Split <axis = 1, split = [1, 2]> (x)", {"x": x}, {"y": x[:, :1], "z": x[:, 1:]}, opset=11)
    yield Case("a softmax of old", "float[2,3] x", "float[2,3] y", "y = Softmax(x)", {"x": x}, "version 11 of the standard operators is not supported (at least 13", opset=11)
    for axis in (0, 1, -1):
        body = number("a", axis, "int32") + "y = CumSum(x, a)"
        yield Case(f"CumSum along {axis}", "float[2,3] x", "float[2,3] y", body, {"x": x}, {"y": np.cumsum(x, axis)}, F32_BOUND, 14)
    for shape, axis in (([3, 0], 0), ([0, 3], 0), ([2, 0, 3], 2)):
        body = number("a", axis, "int64") + "y = CumSum <reverse = 1> (x, a)"
        nothing = np.zeros(shape, np.float32)
        yield Case(f"CumSum of nothing, {shape} along {axis}", f"float{shape} x", f"float{shape} y", body, {"x": nothing}, {"y": nothing})


def run(case, build, folder):
    folder.mkdir()
    (folder / "case.onnxtxt").write_text(case.text())
    command = [build / "bin" / "fgla-run", folder / "case.onnxtxt", f"--outputs={folder}/out.safetensors"]
    if case.inputs:
        save_file({n: np.ascontiguousarray(a) if a.ndim else a for n, a in case.inputs.items()}, folder / "in.safetensors")
        command.append(f"--inputs={folder}/in.safetensors")
    environment = {**os.environ, "FGLA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, env=environment)
    said = (done.stdout + done.stderr).strip()
    if isinstance(case.wanted, str):
        return done.returncode == 1 and case.wanted in said, f"exit code {done.returncode}: {said[:500]}"
    if done.returncode != 0:
        return False, f"exit code {done.returncode}: {said[:500]}"
    got = load_file(folder / "out.safetensors")
    for name, wanted in case.wanted.items():
        array, wanted = got[name], np.asarray(wanted)
        if array.shape != wanted.shape:
            return False, f"'{name}' has shape {array.shape}, not {wanted.shape}"
        if case.bound == 0:
            if array.dtype != wanted.dtype or array.tobytes() != np.ascontiguousarray(wanted).tobytes():
                return False, f"'{name}' is {array.ravel()[:24]} ({array.dtype}), not {wanted.ravel()[:24]} ({wanted.dtype})"
        elif not (error := reference.relative_error(array, wanted)) <= case.bound:
            return False, f"'{name}': error {error:.3g}, allowed {case.bound:g}"
    return True, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    arguments = parser.parse_args()
    makers = (attention_cases, integer_cases, index_cases, rounding_cases, shape_cases, version_cases)
    cases = [case for maker in makers for case in maker() if arguments.only in case.name]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="fgla_onnx_") as scratch, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        folders = (pathlib.Path(scratch) / str(i) for i in range(len(cases)))
        for case, (good, detail) in zip(cases, pool.map(lambda pair: run(pair[0], arguments.build.resolve(), pair[1]), zip(cases, folders))):
            report.check(case.name, good, detail)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
