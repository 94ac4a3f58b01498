#!/usr/bin/env python3
"""Tests reference.py, which the other numeric tests trust, against numbers that nobody here produced.

usage: test_reference.py [--quick]

- ONNX's official node tests of LinearAttention (data files of the onnx package);
- ONNX's reference evaluator on LinearAttention with random shapes and options;
- ONNX's reference evaluator on a whole block of standard operators (examples/onnx_block.py), for each stabilizer;
- the formulas of maps, gates and norms in 120-digit decimal arithmetic, also where they underflow or cancel.

Ends with `N passed, N failed`.
"""

import decimal
import itertools
import pathlib
import sys

import numpy as np
import onnx
import onnx.backend.test
import onnx.reference
from onnx import helper, numpy_helper

import reference
from reporting import Report

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import onnx_block

ONNX_NODE_TESTS = pathlib.Path(onnx.backend.test.__file__).parent / "data" / "node"
# ONNX's evaluator computes in f32, and rounds the results of its bf16 and f16 tests.
F32_BOUND, HALF_BOUND = 2e-6, 5e-3


def linear_attention(query, key, value, past_state, decay, beta, q_num_heads, kv_num_heads, update_rule="gated_delta", scale=0.0, **_):
    """ONNX's LinearAttention by way of reference.py."""

    def split(x, heads):
        return None if x is None else np.asarray(x).reshape(*x.shape[:2], heads, -1)

    q, k, v = split(query, q_num_heads), split(key, kv_num_heads), split(value, kv_num_heads)
    log_decay = split(decay, kv_num_heads)
    axis = None if log_decay is None else "head" if log_decay.shape[-1] == 1 and k.shape[-1] > 1 else "key"
    output, state, _ = reference.attention(
        q,
        k,
        v,
        log_decay=log_decay,
        axis=axis,
        beta=beta,
        initial_state=past_state,
        rule="gated_delta" if "delta" in update_rule else "gated",
        scale=scale or 1.0 / np.sqrt(k.shape[-1]),
    )
    return output.reshape(*output.shape[:2], -1), state


def node_attributes(node):
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def compare(report, name, results, expected):
    """Compares each result with ONNX's, which is of lower precision."""
    for index, (mine, theirs) in enumerate(zip(results, expected, strict=True)):
        bound = F32_BOUND if theirs.dtype == np.float32 else HALF_BOUND
        report.error(f"{name}, result {index}", reference.relative_error(mine, theirs), bound)


def test_node_data(report):
    folders = sorted(f for f in ONNX_NODE_TESTS.glob("test_linear_attention_*") if not f.name.endswith("_expanded"))
    report.check("the onnx package has 14 node tests of LinearAttention", len(folders) == 14, f"found {len(folders)}")
    for folder in folders:
        node = onnx.load(folder / "model.onnx").graph.node[0]

        def read(kind, count):
            files = [folder / "test_data_set_0" / f"{kind}_{i}.pb" for i in range(count)]
            return [numpy_helper.to_array(onnx.TensorProto.FromString(f.read_bytes())) for f in files]

        given = iter(read("input", sum(name != "" for name in node.input)))
        inputs = [next(given) if name else None for name in node.input]
        inputs += [None] * (6 - len(inputs))
        outputs = read("output", len(node.output))
        compare(report, folder.name, linear_attention(*inputs, **node_attributes(node))[: len(outputs)], outputs)


def test_evaluator(report, quick):
    """Every rule and decay form, with and without a state, grouped heads, K unlike V."""
    generator = np.random.default_rng(0)
    rules = [("linear", None), ("gated", "key"), ("gated", "head"), ("delta", None), ("gated_delta", "key"), ("gated_delta", "head")]
    for (rule, axis), with_state, group in itertools.product(rules, (False, True), (1, 3)):
        if quick and group == 3:
            continue
        batch, tokens, heads, key_dim, value_dim = 2, 33, 2, 8, 5

        def normal(*shape):
            return generator.standard_normal(shape).astype(np.float32)

        query = normal(batch, tokens, heads * group * key_dim)
        key = normal(batch, tokens, heads * key_dim)
        if "delta" in rule:  # keys of length one, as the delta rule wants them
            per_head = key.reshape(batch, tokens, heads, key_dim)
            key = (per_head / np.linalg.norm(per_head, axis=-1, keepdims=True)).reshape(key.shape)
        value = normal(batch, tokens, heads * value_dim)
        state = normal(batch, heads, key_dim, value_dim) if with_state else None
        decay = -np.abs(normal(batch, tokens, heads * (key_dim if axis == "key" else 1))) if axis else None
        beta = reference.sigmoid(normal(batch, tokens, heads)).astype(np.float32) if "delta" in rule else None
        attributes = {"q_num_heads": heads * group, "kv_num_heads": heads, "update_rule": rule, "scale": 0.3}
        names = ["query", "key", "value", "past_state", "decay", "beta"]
        arrays = dict(zip(names, (query, key, value, state, decay, beta)))
        node = helper.make_node("LinearAttention", [n if arrays[n] is not None else "" for n in names], ["output", "state"], **attributes)
        infos = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, a.shape) for n, a in arrays.items() if a is not None]
        outputs = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in ("output", "state")]
        model = helper.make_model(helper.make_graph([node], "g", infos, outputs), opset_imports=[helper.make_opsetid("", 27)])
        theirs = onnx.reference.ReferenceEvaluator(model).run(None, {n: a for n, a in arrays.items() if a is not None})
        name = f"evaluator: {rule}, decay {axis}, state {with_state}, group {group}"
        compare(report, name, linear_attention(query, key, value, state, decay, beta, **attributes), theirs)


def test_block(report):
    for stabilizer, output_gate in itertools.product(("token", "sequence", "running"), (False, True)):
        weights = onnx_block.make_weights(96, 3, 32, 16, output_gate)
        x = np.random.default_rng(1).standard_normal((2, 70, 96)).astype(np.float32)
        theirs = onnx_block.evaluate(onnx_block.make_model(weights, stabilizer), x)
        mine = reference.block(x, weights, stabilizer=stabilizer)[:2]
        compare(report, f"block: {stabilizer}, output gate {output_gate}", mine, theirs)


def exact(x):
    return decimal.Decimal(float(x))


def test_formulas(report):
    """Against decimal arithmetic, for |z| up to 100."""
    z = [-100.0, -88.5, -20.0, -3.0, -0.25, 0.0, 1e-3, 0.5, 4.0, 17.0, 40.0, 100.0]
    pairs = np.array(list(itertools.product(z, z)))
    with decimal.localcontext(prec=120):
        sigmoids = {x: 1 / (1 + (-exact(x)).exp()) for x in z}

        def refined(zg, zr):
            g, r = sigmoids[zg], sigmoids[zr]
            return (1 - r) * g * g + r * (1 - (1 - g) ** 2)

        f = [refined(*pair) for pair in pairs]
        log_f = np.array([float(value.ln()) for value in f])
        f = np.array([float(value) for value in f])
        report.error("gate refined", np.max(np.abs(reference.gate("refined", *pairs.T) / f - 1)), 1e-13)
        report.error("log gate refined", np.max(np.abs(reference.log_gate("refined", *pairs.T) / log_f - 1)), 1e-13)
        log_g = np.array([float(sigmoids[x].ln()) for x in z])
        report.error("log gate sigmoid", np.max(np.abs(reference.log_gate("sigmoid", np.array(z)) / log_g - 1)), 1e-13)

        rows = np.random.default_rng(2).standard_normal((4, 7)) * np.array([[1.0], [10.0], [40.0], [100.0]])
        exps = [[exact(x).exp() for x in row] for row in rows]
        negative = [[(-exact(x)).exp() for x in row] for row in rows]
        tops = [max(row) for row in exps]
        expected = {
            "exp": exps,
            "safe_exp": [[x / top for x in row] for row, top in zip(exps, tops)],
            "softmax": [[x / sum(row) for x in row] for row in exps],
            "hedgehog": [[x / sum(p) for x in p] + [x / sum(n) for x in n] for p, n in zip(exps, negative)],
            "elu1": [[1 + exact(x) if x > 0 else e for x, e in zip(row, es)] for row, es in zip(rows, exps)],
            "relu": [[max(exact(x), exact(0)) for x in row] for row in rows],
            "identity": [[exact(x) for x in row] for row in rows],
        }
        report.check("every feature map has an exact formula here", set(expected) == set(reference.FEATURE_MAPS))
        for kind, values in expected.items():
            values = np.array([[float(x) for x in row] for row in values])
            result = reference.feature_map(kind, rows[:, None, None])[:, 0, 0]
            report.error(f"feature map {kind}", reference.relative_error(result, values), 1e-13)

        eps = exact(1e-5)
        for kind in ("rms", "layer"):
            values = []
            for row in rows:
                row = [exact(x) for x in row]
                mean = sum(row) / len(row) if kind == "layer" else exact(0)
                row = [x - mean for x in row]
                root = (sum(x * x for x in row) / len(row) + eps).sqrt()
                values.append([float(x / root) for x in row])
            report.error(f"norm {kind}", reference.relative_error(reference.norm(kind, rows), np.array(values)), 1e-13)


def test_consistency(report):
    """What the definitions imply: a step is one token of attention; two calls through the state are one; a value-axis decay is a key-axis decay
    of the transposed problem."""
    generator = np.random.default_rng(3)
    q, k, v = (generator.standard_normal((2, 9, 3, d)) for d in (4, 4, 6))
    f = generator.uniform(0, 1, (2, 9, 3, 4))
    whole, state, maximum = reference.attention(q, k, v, decay=f, axis="key", stabilizer="running")
    _, s, m = reference.attention(q[:, :8], k[:, :8], v[:, :8], decay=f[:, :8], axis="key", stabilizer="running")
    last, s, m = reference.step(
        q[:, 8], k[:, 8], v[:, 8], decay=f[:, 8], axis="key", initial_state=s, initial_max=m, stabilizer="running"
    )
    for name, a, b in (("output", last, whole[:, 8]), ("state", s, state), ("maximum", m, maximum)):
        report.error(f"step after attention, {name}", reference.relative_error(a, b), 1e-14)
    f = generator.uniform(0, 1, (2, 9, 3, 6))
    state = reference.attention(q, k, v, decay=f, axis="value")[1]
    transposed = reference.attention(v, v, k, decay=f, axis="key")[1]
    report.error("value axis, state", reference.relative_error(state, transposed.swapaxes(-1, -2)), 1e-14)


def main():
    quick = "--quick" in sys.argv[1:]
    report = Report()
    test_formulas(report)
    test_consistency(report)
    test_node_data(report)
    test_evaluator(report, quick)
    test_block(report)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
