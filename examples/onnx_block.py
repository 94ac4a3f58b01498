#!/usr/bin/env python3
"""Makes a whole FGLA block as an ONNX model of standard operators (opset 27, LinearAttention in its middle).

usage: onnx_block.py DIRECTORY [--stabilizer token|sequence|running] [--hidden M] [--heads H] [--key K] [--value V] [--output-gate]
                     [--batch B] [--tokens T] [--seed N]

DIRECTORY gets block.onnx, inputs.safetensors, weights.safetensors, and in expected.safetensors what ONNX's reference evaluator computes.
"""

import argparse
import math
import pathlib

import numpy as np
import onnx
import onnx.reference
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

OPSET = 27
IR_VERSION = 13


def make_weights(hidden, heads, key, value, output_gate=False, seed=0):
    """Random parameters by the names of fgla.block's operands: projections [M, H, D], biases [H, K], norm [V], output [H, V, M]."""
    generator = np.random.default_rng(seed)

    def normal(*shape, fan_in=1):
        return (generator.standard_normal(shape) / math.sqrt(fan_in)).astype(np.float32)

    weights = {name: normal(hidden, heads, key, fan_in=hidden) for name in ("query", "key", "gate", "refine")}
    weights["value"] = normal(hidden, heads, value, fan_in=hidden)
    # A gate that remembers: f is about 0.9 where the input is zero.
    weights["gate_bias"] = 2.0 + normal(heads, key)
    weights["refine_bias"] = normal(heads, key)
    weights["norm"] = 1.0 + 0.1 * normal(value)
    if output_gate:
        weights["output_gate"] = normal(hidden, heads, value, fan_in=hidden)
    weights["output"] = normal(heads, value, hidden, fan_in=heads * value)
    return weights


class Graph:
    """Collects nodes and weights; every method returns the name of a tensor."""

    def __init__(self):
        self.nodes, self.initializers, self.names = [], [], set()

    def name(self, wish):
        name, count = wish, 1
        while name in self.names:
            name, count = f"{wish}_{count}", count + 1
        self.names.add(name)
        return name

    def op(self, kind, *inputs, name=None, **attributes):
        output = self.name(name or kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name, array):
        name = self.name(name)
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def integers(self, name, *values):
        return self.constant(name, np.array(values, dtype=np.int64))


def running_maximum(graph, maxima, heads):
    """[B, T, H] -> the maximum over the tokens so far. ONNX has no such operator: a Scan along the tokens that carries [B, H]."""
    maxima = graph.op("Transpose", maxima, perm=[1, 0, 2], name="token_major_maxima")
    first = graph.op("Gather", maxima, graph.constant("zero", np.int64(0)), axis=0, name="first_maximum")
    body = helper.make_graph(
        [helper.make_node("Max", ["carried", "next"], ["larger"]), helper.make_node("Identity", ["larger"], ["seen"])],
        "running_maximum",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", heads]) for name in ("carried", "next")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", heads]) for name in ("larger", "seen")],
    )
    last, seen = graph.name("last_maximum"), graph.name("running_maxima")
    graph.nodes.append(helper.make_node("Scan", [first, maxima], [last, seen], name=seen, body=body, num_scan_inputs=1))
    return graph.op("Transpose", seen, perm=[1, 0, 2], name="running_maximum")


def stabilized_keys(graph, zk, heads, stabilizer):
    """zk [B, T, H, K] -> (exp(zk - m), what the log decay gets for the growth of m, or None)."""
    last_axis = graph.integers("key_axes", *((1, 3) if stabilizer == "sequence" else (3,)))
    m = graph.op("ReduceMax", zk, last_axis, keepdims=1, name="key_maximum")
    growth = None
    if stabilizer == "running":
        channel = graph.integers("channel_axis", 3)
        m = running_maximum(graph, graph.op("Squeeze", m, channel), heads)
        m = graph.op("Unsqueeze", m, channel, name="key_stabilizer")
        start, one, end, time = (graph.integers(f"time_{n}", v) for n, v in (("start", 0), ("one", 1), ("end", -1), ("axis", 1)))
        before = graph.op("Slice", m, start, end, time, name="stabilizer_before")
        before = graph.op("Concat", graph.op("Slice", m, start, one, time), before, axis=1)
        growth = graph.op("Sub", before, m, name="stabilizer_growth")
    return graph.op("Exp", graph.op("Sub", zk, m), name="key_features"), growth


def make_model(weights, stabilizer="token", eps=1e-5, scale=None):
    hidden, heads, key = weights["query"].shape
    value = weights["value"].shape[2]
    scale = 1.0 / (math.e * math.sqrt(key * (math.e**2 - 1.0))) if scale is None else scale
    graph = Graph()
    split = {size: graph.integers(f"heads_of_{size}", 0, 0, heads, size) for size in {key, value}}
    merge = {size: graph.integers(f"flat_{size}", 0, 0, heads * size) for size in {key, value}}

    def project(name, bias=None):
        """x W (+ b), as [B, T, H, D]."""
        weight = weights[name]
        flat = graph.op("MatMul", "x", graph.constant(f"{name}_weight", weight.reshape(hidden, -1)), name=f"{name}_flat")
        if bias is not None:
            flat = graph.op("Add", flat, graph.constant(bias, weights[bias].reshape(-1)), name=f"{name}_biased")
        return graph.op("Reshape", flat, split[weight.shape[2]], name=name)

    zq, zk, v = project("query"), project("key"), project("value")
    zg, zr = project("gate", "gate_bias"), project("refine", "refine_bias")

    q = graph.op("Exp", graph.op("Sub", zq, graph.op("ReduceMax", zq, graph.integers("query_axes", -1), keepdims=1)), name="query_features")
    k, growth = stabilized_keys(graph, zk, heads, stabilizer)

    # f = g (g + 2 r (1 - g)), so log f = log g + log(g + 2 r (1 - g)), and log g = -softplus(-zg).
    g, r = graph.op("Sigmoid", zg, name="g"), graph.op("Sigmoid", zr, name="r")
    rest = graph.op("Mul", r, graph.op("Sub", graph.constant("one", np.float32(1)), g))
    second = graph.op("Add", g, graph.op("Mul", graph.constant("two", np.float32(2)), rest))
    log_g = graph.op("Neg", graph.op("Softplus", graph.op("Neg", zg)), name="log_g")
    log_f = graph.op("Add", log_g, graph.op("Log", second), name="log_f")
    if growth is not None:
        log_f = graph.op("Add", log_f, growth, name="decay")

    packed = [graph.op("Reshape", x, merge[size]) for x, size in ((q, key), (k, key), (v, value))]
    packed += ["", graph.op("Reshape", log_f, merge[key])]
    attributes = {"q_num_heads": heads, "kv_num_heads": heads, "update_rule": "gated", "scale": scale}
    o, state = graph.name("attention"), graph.name("present_state")
    graph.nodes.append(helper.make_node("LinearAttention", packed, [o, state], name="attention", **attributes))

    o = graph.op("Reshape", o, split[value], name="per_head")
    y = graph.op("RMSNormalization", o, graph.constant("norm_weight", weights["norm"]), axis=-1, epsilon=eps, name="normalized")
    if "output_gate" in weights:
        zo = project("output_gate")
        y = graph.op("Mul", y, graph.op("Mul", zo, graph.op("Sigmoid", zo)), name="gated")
    y = graph.op("Reshape", y, merge[value], name="merged")
    out = graph.op("MatMul", y, graph.constant("output_weight", weights["output"].reshape(heads * value, hidden)), name="y")

    def tensor(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    outputs = [tensor(out, "B", "T", hidden), tensor(state, "B", heads, key, value)]
    proto = helper.make_graph(graph.nodes, "fgla_block", [tensor("x", "B", "T", hidden)], outputs, graph.initializers)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="fgla example")
    onnx.checker.check_model(model, full_check=True)
    return model


def evaluate(model, x):
    """What ONNX's own reference evaluator computes: (y, present_state)."""
    return onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})


def write(directory, weights, model, x, results):
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(model, directory / "block.onnx")
    save_file({"x": x}, directory / "inputs.safetensors")
    # The weights by name too, for a program that takes them as arguments (fgla_block.mlir).
    save_file(weights, directory / "weights.safetensors")
    names = [output.name for output in model.graph.output]
    save_file(dict(zip(names, results)), directory / "expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--stabilizer", choices=["token", "sequence", "running"], default="token")
    parser.add_argument("--output-gate", action="store_true")
    defaults = {"hidden": 128, "heads": 4, "key": 32, "value": 32, "batch": 2, "tokens": 100, "seed": 0}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    a = parser.parse_args()
    weights = make_weights(a.hidden, a.heads, a.key, a.value, a.output_gate, a.seed)
    model = make_model(weights, a.stabilizer)
    x = np.random.default_rng(a.seed + 1).standard_normal((a.batch, a.tokens, a.hidden)).astype(np.float32)
    write(a.directory, weights, model, x, evaluate(model, x))


if __name__ == "__main__":
    main()
