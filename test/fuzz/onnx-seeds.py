"""Writes first inputs for onnx-reader-fuzzer: onnx-seeds.py FOLDER FILE.onnxtxt..."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "frontends", "onnx", "Inputs"))
from wire import *  # noqa: E402,F403

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seeds = []
for path in sys.argv[2:]:
    with open(path, "rb") as f:
        seeds.append(b"\x01" + f.read())
x = value_info("x", [2, 4, 32])
heads = [data(1, name) + number(3, 4) + number(20, 2) for name in ("q_num_heads", "kv_num_heads")]
rule = data(1, "update_rule") + data(4, "gated") + number(20, 3)
attention = node("LinearAttention", ["x", "x", "x", "", "x"], ["y", "s"], "attn", heads + [rule])
seeds.append(b"\0" + model(graph([attention], [x], [value_info("y", [2, 4, 32])]), opsets=(("", 27),)))
weight = tensor("w", [4], external={"location": "w.bin", "offset": "0", "length": "16"})
seeds.append(b"\0" + model(graph([node("Add", ["x", "w"], ["y"])], [value_info("x", [4])], [value_info("y", [4])], [weight])))
twice = function("twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])])
call = node("twice", ["x"], ["y"], domain="local")
seeds.append(b"\0" + model(graph([call], [x], [value_info("y", [2, 4, 32])]), opsets=(("", 21), ("local", 1)), functions=[twice]))
seeds.append(b"\x02" + tensor("t", [2, 2], b"\0" * 16))
for i, seed in enumerate(seeds):
    with open(os.path.join(folder, f"seed{i}"), "wb") as out:
        out.write(seed)
