#!/usr/bin/env python3
"""Softmax attention in the forms that exporters give it: each is found, is what it is said to be, and computes the same when it is raised.

usage: onnx_attention.py [--build DIR] [--jobs N] [--only TEXT]

Each model is built here, listed by `fgla-linearize --inspect --json`, compiled by fgla-run and compared with ONNX's evaluator. Ends with
`N passed, N failed`.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file, save_file

import reference
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH, TOKENS, HEADS, DIM = 2, 6, 4, 8
HIDDEN = HEADS * DIM
BOUND = 1e-5
LOWEST = float(np.finfo(np.float32).min)


class Graph:
    """Builds a model node by node. Values are names; weights are random."""

    def __init__(self, opset=18):
        self.opset = opset
        self.nodes, self.weights, self.inputs, self.outputs, self.feeds = [], [], [], [], {}
        self.generator = np.random.default_rng(7)
        self.count = 0

    def op(self, kind, *inputs, outputs=1, **attributes):
        self.count += 1
        names = [f"{kind.lower()}_{self.count}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}_{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, dtype=None):
        self.count += 1
        array = np.asarray(value, dtype)
        name = f"c_{self.count}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def number(self, value, dtype=np.float32):
        return self.constant(value, dtype)

    def weight(self, *shape):
        return self.constant(self.generator.standard_normal(shape) / np.sqrt(shape[0]), np.float32)

    def input(self, name, shape, array):
        """`shape` has names for free dims."""
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self.feeds[name] = array
        return name

    def hidden(self, name="x", tokens="T", count=TOKENS, channels=HIDDEN):
        return self.input(name, ["B", tokens, channels], self.generator.standard_normal((BATCH, count, channels)).astype(np.float32))

    def output(self, name, rank, kind=TensorProto.FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, kind, [None] * rank))

    def model(self):
        graph = helper.make_graph(self.nodes, "model", self.inputs, self.outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10 if self.opset < 24 else 13)

    # ---- Parts that many models have ----

    def project(self, x, channels=HIDDEN, bias=True):
        y = self.op("MatMul", x, self.weight(HIDDEN, channels))
        return self.op("Add", self.weight(channels), y) if bias else y

    def heads(self, x, count=HEADS, dim=DIM):
        """[B, H, T, D]"""
        return self.op("Transpose", self.op("Reshape", x, self.ints(0, 0, count, dim)), perm=[0, 2, 1, 3])

    def transposed(self, k):
        return self.op("Transpose", k, perm=[0, 1, 3, 2])

    def merge(self, y, channels=HIDDEN):
        return self.op("Reshape", self.op("Transpose", y, perm=[0, 2, 1, 3]), self.ints(0, 0, channels))

    def finish(self, context):
        self.nodes.append(helper.make_node("MatMul", [self.merge(context), self.weight(HIDDEN, HIDDEN)], ["y"], name="out"))
        self.output("y", 3)

    def size(self, x, axis):
        return self.op("Gather", self.op("Shape", x), self.ints(axis), axis=0)

    def causal(self, x, fill=-np.inf, queries=1, keys=1):
        """[T, S] of zeros and `fill`: a lower triangle, by Trilu."""
        shape = self.op("Concat", self.size(x, queries), self.size(x, keys), axis=0)
        ones = self.op("ConstantOfShape", shape, value=helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]))
        lower = self.op("Trilu", ones, upper=0)
        return self.op("Where", self.op("Equal", lower, self.number(0.0)), self.number(fill), self.number(0.0))

    def before(self, x):
        """[T, S] of booleans: a key is not after its query, by Range."""
        end = self.op("Squeeze", self.size(x, 1), self.ints(0))
        places = self.op("Range", self.number(0, np.int64), end, self.number(1, np.int64))
        rows, columns = self.op("Unsqueeze", places, self.ints(1)), self.op("Unsqueeze", places, self.ints(0))
        return self.op("LessOrEqual", columns, rows), rows, columns

    def padding(self, width=TOKENS):
        array = np.ones((BATCH, width), np.int64)
        array[1, -2:] = 0
        return self.input("attention_mask", ["B", "T"], array)


def scaled(g, q, kt, how="div"):
    if how == "div":
        return g.op("Div", g.op("MatMul", q, kt), g.number(np.sqrt(DIM)))
    if how == "mul":
        return g.op("Mul", g.op("MatMul", q, kt), g.number(DIM**-0.5))
    if how == "both":
        root = g.number(DIM**-0.25)
        return g.op("MatMul", g.op("Mul", q, root), g.op("Mul", kt, root))
    if how == "query":
        return g.op("MatMul", g.op("Mul", q, g.number(DIM**-0.5)), kt)
    raise ValueError(how)


def operands(g, x, **options):
    q, k, v = (g.heads(g.project(x, **options)) for _ in range(3))
    return q, g.transposed(k), v


CASES = []


def case(name, **wanted):
    """A model, and what its listing must say of each of its attentions. One with operators that have no conversion (Range) is only listed."""

    def add(build):
        CASES.append((name, build, wanted))
        return build

    return add


CAUSAL = dict(mask="causal", convertible=True, query_heads=HEADS, heads=HEADS, key_dim=DIM, scale=DIM**-0.5)


@case("scores divided, a causal mask added", **CAUSAL)
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, kt), g.causal(x)), axis=-1), v))


@case("a guard against rows without keys", **CAUSAL)
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    p = g.op("Softmax", g.op("Add", scaled(g, q, kt), g.causal(x)), axis=-1)
    p = g.op("Where", g.op("IsNaN", p), g.number(0.0), p)
    g.finish(g.op("MatMul", p, v))


@case("roots of a scale from a shape on both sides", **CAUSAL)
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    dim = g.op("CastLike", g.size(q, 3), g.number(0.0))
    root = g.op("Sqrt", g.op("Div", g.number([1.0]), g.op("Sqrt", dim)))
    s = g.op("MatMul", g.op("Mul", q, root), g.op("Mul", kt, root))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v))


@case("a scale on queries alone, before heads", **CAUSAL)
def _(g):
    x = g.hidden()
    q = g.heads(g.op("Mul", g.project(x), g.number(DIM**-0.5)))
    kt, v = g.transposed(g.heads(g.project(x))), g.heads(g.project(x))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", g.op("MatMul", q, kt), g.causal(x)), axis=-1), v))


@case("keys transposed from their projection at once", **CAUSAL)
def _(g):
    x = g.hidden()
    q, v = g.heads(g.project(x)), g.heads(g.project(x))
    kt = g.op("Transpose", g.op("Reshape", g.project(x), g.ints(0, 0, HEADS, DIM)), perm=[0, 2, 3, 1])
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, kt, "mul"), g.causal(x)), axis=-1), v))


@case("keys transposed in three dims", **CAUSAL)
def _(g):
    x = g.hidden()
    q, k, v = (g.heads(g.project(x)) for _ in range(3))
    shape = g.op("Shape", k)
    tokens, dim = g.op("Slice", shape, g.ints(-2), g.ints(-1)), g.op("Slice", shape, g.ints(-1), g.ints(2**31))
    flat = g.op("Reshape", k, g.op("Concat", g.ints(-1), tokens, dim, axis=0))
    flat = g.op("Transpose", flat, perm=[0, 2, 1])
    batch = g.op("Slice", shape, g.ints(0), g.ints(-2))
    kt = g.op("Reshape", flat, g.op("Concat", batch, dim, tokens, axis=0))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, kt, "both"), g.causal(x)), axis=-1), v))


def rms(g, x):
    square = g.op("ReduceMean", g.op("Mul", x, x), g.ints(-1), keepdims=1)
    root = g.op("Sqrt", g.op("Add", square, g.number(1e-6)))
    return g.op("Mul", g.op("Div", x, root), g.weight(DIM))


@case("norms of queries and keys after heads", qk_norm=True, **CAUSAL)
def _(g):
    x = g.hidden()
    q, k, v = (g.heads(g.project(x, bias=False)) for _ in range(3))
    s = scaled(g, rms(g, q), g.transposed(rms(g, k)))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v))


@case("norms of queries and keys before heads are in front", qk_norm=True, **CAUSAL)
def _(g):
    x = g.hidden()
    q, k = (g.op("Transpose", rms(g, g.op("Reshape", g.project(x), g.ints(0, 0, HEADS, DIM))), perm=[0, 2, 1, 3]) for _ in range(2))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), g.heads(g.project(x))))


@case("a cache in front of keys and values", cache=True, **CAUSAL)
def _(g):
    x = g.hidden()
    q, k, v = (g.heads(g.project(x)) for _ in range(3))
    past = [g.input(f"past_{n}", ["B", HEADS, "P", DIM], g.generator.standard_normal((BATCH, HEADS, 3, DIM)).astype(np.float32)) for n in "kv"]
    k, v = g.op("Concat", past[0], k, axis=2), g.op("Concat", past[1], v, axis=-2)
    total, new = g.op("Squeeze", g.size(k, 2), g.ints(0)), g.op("Squeeze", g.size(x, 1), g.ints(0))
    columns = g.op("Unsqueeze", g.op("Range", g.number(0, np.int64), total, g.number(1, np.int64)), g.ints(0))
    rows = g.op("Unsqueeze", g.op("Range", g.op("Sub", total, new), total, g.number(1, np.int64)), g.ints(1))
    s = g.op("Where", g.op("LessOrEqual", columns, rows), scaled(g, q, g.transposed(k)), g.number(LOWEST))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))
    g.output(k, 4), g.output(v, 4)


@case("a causal mask of position ids", **CAUSAL)
def _(g):
    x = g.hidden()
    places = g.input("position_ids", ["B", "T"], np.tile(np.arange(TOKENS, dtype=np.int64), (BATCH, 1)))
    q, kt, v = operands(g, x)
    rows, columns = g.op("Unsqueeze", places, g.ints(1, 3)), g.op("Unsqueeze", places, g.ints(1, 2))
    s = g.op("Where", g.op("GreaterOrEqual", rows, columns), scaled(g, q, kt), g.number(-np.inf))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("an encoder with shared keys", convertible=False, code="bidirectional", mask="none", heads=2)
def _(g):
    x = g.hidden()
    q = g.heads(g.project(x))
    k, v = (repeated(g, g.heads(g.project(x, 2 * DIM), 2)) for _ in range(2))
    g.finish(g.op("MatMul", g.op("Softmax", scaled(g, q, g.transposed(k)), axis=-1), v))


def repeated(g, k):
    """[B, 2, S, D] as [B, H, S, D]"""
    wide = g.op("Unsqueeze", k, g.ints(2))
    shape = g.op("Concat", g.size(k, 0), g.ints(2, HEADS // 2), g.size(k, 2), g.ints(DIM), axis=0)
    folded = g.op("Concat", g.size(k, 0), g.ints(HEADS), g.size(k, 2), g.ints(DIM), axis=0)
    return g.op("Reshape", g.op("Expand", wide, shape), folded)


@case("an encoder with padding", convertible=False, code="bidirectional", mask="none+padding")
def _(g):
    x = g.hidden()
    pad = g.op("Cast", g.op("Unsqueeze", g.padding(), g.ints(1, 2)), to=TensorProto.FLOAT)
    added = g.op("Mul", g.op("Sub", g.number(1.0), pad), g.number(LOWEST))
    q, kt, v = operands(g, x)
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, kt), added), axis=-1), v))


@case("shared keys and a causal mask", mask="causal", convertible=True, query_heads=HEADS, heads=2)
def _(g):
    x = g.hidden()
    q = g.heads(g.project(x))
    k, v = (repeated(g, g.heads(g.project(x, 2 * DIM), 2)) for _ in range(2))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("shared keys by broadcasting in five dims", mask="causal", convertible=True, query_heads=HEADS, heads=2)
def _(g):
    x = g.hidden()
    q = g.op("Reshape", g.heads(g.project(x)), g.op("Concat", g.size(x, 0), g.ints(2, HEADS // 2), g.size(x, 1), g.ints(DIM), axis=0))
    k, v = (g.op("Unsqueeze", g.heads(g.project(x, 2 * DIM), 2), g.ints(2)) for _ in range(2))
    s = g.op("MatMul", g.op("Mul", q, g.number(DIM**-0.5)), g.op("Transpose", k, perm=[0, 1, 2, 4, 3]))
    y = g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v)
    g.finish(g.op("Reshape", y, g.op("Concat", g.size(x, 0), g.ints(HEADS), g.size(x, 1), g.ints(DIM), axis=0)))


@case("softmax in another type", bound=3e-3, **CAUSAL)
def _(g):
    x = g.op("Cast", g.hidden(), to=TensorProto.FLOAT16)
    q, k, v = (g.op("Cast", g.heads(g.project(g.op("Cast", x, to=TensorProto.FLOAT))), to=TensorProto.FLOAT16) for _ in range(3))
    s = g.op("Cast", scaled16(g, q, g.transposed(k)), to=TensorProto.FLOAT)
    p = g.op("Cast", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), to=TensorProto.FLOAT16)
    g.finish(g.op("Cast", g.op("MatMul", p, v), to=TensorProto.FLOAT))


def scaled16(g, q, kt):
    return g.op("Mul", g.op("MatMul", q, kt), g.number(DIM**-0.5, np.float16))


@case("causal and padding from token ids", compiles=False, mask="causal+padding", convertible=True)
def _(g):
    x = g.hidden()
    ids = g.generator.integers(1, 9, (BATCH, TOKENS))
    ids[1, -2:] = 0
    ids = g.input("input_ids", ["B", "T"], ids)
    there = g.op("Unsqueeze", g.op("Not", g.op("Equal", ids, g.number(0, np.int64))), g.ints(1, 2))
    causal, _, _ = g.before(x)
    q, kt, v = operands(g, x)
    s = g.op("Where", g.op("And", causal, there), scaled(g, q, kt), g.number(LOWEST))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("a buffer of ones sliced by lengths", **CAUSAL)
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    buffer = g.constant(np.tril(np.ones((1, 1, 32, 32), np.uint8)))
    end = g.size(x, 1)
    part = g.op("Slice", g.op("Slice", buffer, g.ints(0), end, g.ints(2)), g.ints(0), end, g.ints(3))
    s = g.op("Where", g.op("Cast", part, to=TensorProto.BOOL), scaled(g, q, kt), g.number(-1e4))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("contractions written as sums", **CAUSAL)
def _(g):
    x = g.hidden()
    q, k, v = (g.op("Reshape", g.project(x), g.ints(0, 0, HEADS, DIM)) for _ in range(3))
    s = g.op("Mul", g.op("Einsum", q, k, equation="bqhd,bkhd->bhqk"), g.number(DIM**-0.5))
    y = g.op("Einsum", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v, equation="bhqk,bkhd->bqhd")
    y = g.op("Reshape", y, g.ints(0, 0, HIDDEN))
    g.nodes.append(helper.make_node("MatMul", [y, g.weight(HIDDEN, HIDDEN)], ["y"]))
    g.output("y", 3)


@case("heads folded into the batch", **CAUSAL)
def _(g):
    x = g.hidden()

    def fold(y):
        shape = g.op("Concat", g.ints(-1), g.size(x, 1), g.ints(DIM), axis=0)
        return g.op("Reshape", g.heads(y), shape)

    q, k, v = (fold(g.project(x)) for _ in range(3))
    s = scaled(g, q, g.op("Transpose", k, perm=[0, 2, 1]))
    y = g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v)
    shape = g.op("Concat", g.size(x, 0), g.ints(HEADS), g.size(x, 1), g.ints(DIM), axis=0)
    g.finish(g.op("Reshape", y, shape))


@case("tokens first and their number in the graph", mask="causal", convertible=True, heads=HEADS)
def _(g):
    x = g.input("x", [BATCH, TOKENS, HIDDEN], g.generator.standard_normal((BATCH, TOKENS, HIDDEN)).astype(np.float32))
    t = g.op("Transpose", x, perm=[1, 0, 2])
    packed = g.project(t, 3 * HIDDEN)
    parts = g.op("Reshape", packed, g.ints(TOKENS, BATCH, 3, HIDDEN))
    parts = g.op("Squeeze", g.op("Transpose", g.op("Unsqueeze", parts, g.ints(0)), perm=[3, 1, 2, 0, 4]), g.ints(3))
    q, k, v = (g.op("Gather", parts, g.number(i, np.int64), axis=0) for i in range(3))
    q, k, v = (g.op("Transpose", g.op("Reshape", y, g.ints(TOKENS, BATCH * HEADS, DIM)), perm=[1, 0, 2]) for y in (q, k, v))
    q, k, v = (g.op("Reshape", y, g.ints(BATCH, HEADS, TOKENS, DIM)) for y in (q, k, v))
    mask = g.constant(np.where(np.tril(np.ones((TOKENS, TOKENS))) == 0, -np.inf, 0), np.float32)
    y = g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k), "both"), mask), axis=-1), v)
    y = g.op("Reshape", g.op("Transpose", y, perm=[2, 0, 1, 3]), g.ints(TOKENS * BATCH, HIDDEN))
    y = g.op("Gemm", y, g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN), transB=1)
    g.nodes.append(helper.make_node("Reshape", [y, g.ints(TOKENS, BATCH, HIDDEN)], ["y"]))
    g.output("y", 3)


@case("keys of another layer", mask="causal", convertible=True)
def _(g):
    x = g.hidden()
    z = g.op("Relu", g.project(x))
    q = g.heads(g.project(z))
    k, v = g.heads(g.project(x)), g.heads(g.project(x))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("other sizes of values, keys of two parts", mask="causal", convertible=True, key_dim=2 * DIM, value_dim=DIM)
def _(g):
    x = g.hidden()
    q = g.op("Concat", g.heads(g.project(x)), g.heads(g.project(x)), axis=-1)
    k = g.op("Concat", g.heads(g.project(x)), g.heads(g.project(x)), axis=-1)
    s = g.op("Mul", g.op("MatMul", q, g.transposed(k)), g.number((2 * DIM) ** -0.5))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), g.heads(g.project(x))))


@case("cross attention", convertible=False, code="cross", mask="none")
def _(g):
    x, z = g.hidden(), g.hidden("z", "S", TOKENS + 3)
    q, k, v = g.heads(g.project(x)), g.heads(g.project(z)), g.heads(g.project(z))
    g.finish(g.op("MatMul", g.op("Softmax", scaled(g, q, g.transposed(k)), axis=-1), v))


@case("a window", mask="window", window=3, convertible=True, dropped=["window"])
def _(g):
    x = g.hidden()
    causal, rows, columns = g.before(x)
    near = g.op("Greater", columns, g.op("Sub", rows, g.number(3, np.int64)))
    q, kt, v = operands(g, x)
    s = g.op("Where", g.op("And", causal, near), scaled(g, q, kt), g.number(-np.inf))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("a window wider than the samples", mask="window", window=40, convertible=True)
def _(g):
    x = g.hidden()
    causal, rows, columns = g.before(x)
    near = g.op("Greater", columns, g.op("Sub", rows, g.number(40, np.int64)))
    q, kt, v = operands(g, x)
    s = g.op("Where", g.op("And", causal, near), scaled(g, q, kt), g.number(-np.inf))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("a prefix that all see", compiles=False, mask="prefix", convertible=False, code="prefix")
def _(g):
    x = g.hidden()
    causal, _, columns = g.before(x)
    q, kt, v = operands(g, x)
    s = g.op("Where", g.op("Or", causal, g.op("Less", columns, g.number(2, np.int64))), scaled(g, q, kt), g.number(-np.inf))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("a slope for each head", compiles=False, mask="bias", convertible=False, code="bias")
def _(g):
    x = g.hidden()
    _, rows, columns = g.before(x)
    distance = g.op("Cast", g.op("Sub", columns, rows), to=TensorProto.FLOAT)
    slopes = g.constant(2.0 ** -np.arange(1, HEADS + 1).reshape(HEADS, 1, 1), np.float32)
    q, kt, v = operands(g, x)
    s = g.op("Add", g.op("Add", scaled(g, q, kt), g.op("Mul", slopes, distance)), g.causal(x))
    g.finish(g.op("MatMul", g.op("Softmax", s, axis=-1), v))


@case("capped scores", softcap=30.0, convertible=True, mask="causal", dropped=["softcap"], scale=DIM**-0.5)
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    s = g.op("Mul", g.op("Tanh", g.op("Div", scaled(g, q, kt), g.number(30.0))), g.number(30.0))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v))


def rotated(g, x, tokens):
    """x cos + turned(x) sin"""
    low, high = g.op("Slice", x, g.ints(0), g.ints(DIM // 2), g.ints(3)), g.op("Slice", x, g.ints(DIM // 2), g.ints(2**62), g.ints(3))
    turned = g.op("Concat", g.op("Neg", high), low, axis=-1)
    end = g.op("Squeeze", g.size(tokens, 1), g.ints(0))
    places = g.op("Unsqueeze", g.op("Cast", g.op("Range", g.number(0, np.int64), end, g.number(1, np.int64)), to=TensorProto.FLOAT), g.ints(1))
    angles = g.op("Mul", places, g.constant(100.0 ** -np.arange(0, 1, 2 / DIM), np.float32))
    angles = g.op("Concat", angles, angles, axis=-1)
    return g.op("Add", g.op("Mul", x, g.op("Cos", angles)), g.op("Mul", turned, g.op("Sin", angles)))


@case("rotated queries and keys", compiles=False, rope=True, **CAUSAL)
def _(g):
    x = g.hidden()
    q, k, v = (g.heads(g.project(x)) for _ in range(3))
    s = scaled(g, rotated(g, q, x), g.transposed(rotated(g, k, x)))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", s, g.causal(x)), axis=-1), v))


@case("packed and split in three", **CAUSAL)
def _(g):
    x = g.hidden()
    parts = g.op("Split", g.project(x, 3 * HIDDEN), outputs=3, axis=2, num_outputs=3)
    q, k, v = map(g.heads, parts)
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("packed by heads", **CAUSAL)
def _(g):
    x = g.hidden()
    packed = g.op("Reshape", g.project(x, 3 * HIDDEN), g.ints(0, 0, HEADS, 3 * DIM))
    ends = [DIM, 2 * DIM, 2**63 - 1]
    parts = [g.op("Slice", packed, g.ints(i * DIM), g.ints(ends[i]), g.ints(3)) for i in range(3)]
    q, k, v = (g.op("Transpose", part, perm=[0, 2, 1, 3]) for part in parts)
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("packed in five dims", **CAUSAL)
def _(g):
    x = g.hidden()
    packed = g.op("Transpose", g.op("Reshape", g.project(x, 3 * HIDDEN), g.ints(0, 0, 3, HEADS, DIM)), perm=[2, 0, 3, 1, 4])
    q, k, v = (g.op("Gather", packed, g.number(i, np.int64), axis=0) for i in range(3))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("rows of all tokens projected at once", **CAUSAL)
def _(g):
    x = g.hidden()

    def conv1d(y):
        flat = g.op("Gemm", g.op("Reshape", y, g.ints(-1, HIDDEN)), g.weight(HIDDEN, HIDDEN), g.weight(HIDDEN))
        return g.op("Reshape", flat, g.op("Concat", g.size(x, 0), g.size(x, 1), g.ints(HIDDEN), axis=0))

    q, k, v = (g.heads(conv1d(x)) for _ in range(3))
    g.finish(g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, g.transposed(k)), g.causal(x)), axis=-1), v))


@case("weights that are a result", convertible=False, code="scores-used")
def _(g):
    x = g.hidden()
    q, kt, v = operands(g, x)
    p = g.op("Softmax", scaled(g, q, kt), axis=-1)
    g.finish(g.op("MatMul", p, v))
    g.output(p, 4)


@case("two layers", count=2, **CAUSAL)
def _(g):
    x = g.hidden()
    for _ in range(2):
        q, kt, v = operands(g, x)
        y = g.op("MatMul", g.op("Softmax", g.op("Add", scaled(g, q, kt), g.causal(x)), axis=-1), v)
        x = g.op("Add", x, g.project(g.merge(y)))
    g.nodes.append(helper.make_node("Identity", [x], ["y"]))
    g.output("y", 3)


@case("no attention", count=0)
def _(g):
    x = g.hidden()
    y = g.op("Softmax", g.project(x), axis=-1)
    g.nodes.append(helper.make_node("MatMul", [y, g.weight(HIDDEN, HIDDEN)], ["y"]))
    g.output("y", 3)


def run_tool(command, folder):
    environment = {**os.environ, "FGLA_CACHE_DIR": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)


def check_listing(path, build, folder, wanted, count):
    done = run_tool([build / "bin" / "fgla-linearize", "--inspect", "--json", path], folder)
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr[:300]}"
    attentions = json.loads(done.stdout)["attentions"]
    if len(attentions) != count:
        return f"{len(attentions)} attentions, not {count}"
    for attention in attentions:
        for key, value in wanted.items():
            got = attention.get(key)
            same = abs(got - value) <= 1e-3 * abs(value) if isinstance(value, float) and got is not None else got == value
            if not same:
                return f"{key} is {got!r}, not {value!r} ({attention.get('code')}: {attention.get('reason')})"
    return None


def check_numbers(path, graph, build, folder, bound):
    wanted = dict(zip([value.name for value in graph.outputs], ReferenceEvaluator(str(path)).run(None, graph.feeds)))
    save_file({name: np.ascontiguousarray(array) for name, array in graph.feeds.items()}, folder / "in.safetensors")
    done = run_tool([build / "bin" / "fgla-run", path, f"--inputs={folder}/in.safetensors", f"--outputs={folder}/out.safetensors"], folder)
    if done.returncode != 0:
        return f"fgla-run: {done.stderr.strip()[:400]}"
    for name, array in load_file(folder / "out.safetensors").items():
        if not (error := reference.relative_error(array, wanted[name])) <= bound:
            return f"'{name}': error {error:.3g}, allowed {bound:g}"
    return None


def run(name, build_graph, wanted, build, folder):
    folder.mkdir()
    graph = Graph()
    build_graph(graph)
    wanted = dict(wanted)
    count, bound, compiles = wanted.pop("count", 1), wanted.pop("bound", BOUND), wanted.pop("compiles", True)
    path = folder / "model.onnx"
    onnx.checker.check_model(graph.model())
    onnx.save(graph.model(), path)
    problem = check_listing(path, build, folder, wanted, count)
    if not problem and compiles:
        problem = check_numbers(path, graph, build, folder, bound)
    return not problem, problem or ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.only in case[0]]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="fgla_attention_") as scratch, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        folders = [pathlib.Path(scratch) / str(i) for i in range(len(cases))]
        build = arguments.build.resolve()
        for case_, (good, detail) in zip(cases, pool.map(lambda pair: run(*pair[0], build, pair[1]), zip(cases, folders))):
            report.check(case_[0], good, detail)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
