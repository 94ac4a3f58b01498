#!/usr/bin/env python3
"""Times a small language model in ONNX Runtime on the CPU: with softmax attention, and with FGLA in each form that fgla-compile writes.

usage: onnxruntime_table.py [--build DIR] [--output DIR] [--tokens T,T,...] [--threads N] [--seconds S] [--clock wall|cpu]

The layers are those of a decoder (norm, projections, attention, residual, norm, MLP of 4 M, residual), in f32. Softmax attention is ONNX Runtime's
GroupQueryAttention; FGLA has two projections more (gate and refinement) and a norm. One process for each model and length, one after the other;
a call is repeated for S seconds (at least five times) after a warm-up. Decoding is one token that follows a context: of keys and values, which
ONNX Runtime appends to in place, or of a state. The clock `cpu` counts what the threads compute and not what other programs take. Writes onnxruntime.json and onnxruntime.md into DIR. Runs in .venv-ort.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from cpu_table import machine

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS, WIDTH, HEADS, DIM = 4, 384, 6, 64
TOKENS = [512, 1024, 2048, 4096, 8192]
CONTEXT = 8192
SOFTMAX = "softmax: GroupQueryAttention"
FORMS = {"FGLA: our custom op": "custom-op", "FGLA: ONNX Runtime's operator": "ort-contrib", "FGLA: function of old operators": "function", "FGLA: opset 27": "onnx27"}
METHODS = [SOFTMAX, *FORMS]
# A Scan with one node run for each token: longer says nothing new.
LONGEST = {"FGLA: function of old operators": 2048, "FGLA: opset 27": 2048}


def core_text(is_step):
    """Queries, keys, values and gates of one layer to normalized values; a step has the state besides."""
    x = f"tensor<{'?x' if is_step else '?x?x'}{HEADS}x{DIM}xf32>"
    state, maximum = f"tensor<?x{HEADS}x{DIM}x{DIM}xf32>", f"tensor<?x{HEADS}xf32>"
    names = ["q", "k", "v", "zg", "zr"]
    arguments = [f"%{name}: {x}" for name in names] + [f"%w: tensor<{DIM}xf32>"]
    attention, results = f"%o = fgla.attention %f, %k, %v decay(%g) axis(key) stabilizer(running) : ({x}, {x}, {x}, {x}) -> ({x})", [("y", x)]
    if is_step:
        arguments += [f"%state: {state}", f"%max: {maximum}"]
        results += [("new_state", state), ("new_max", maximum)]
        attention = (
            f"%o, %new_state, %new_max = fgla.step %f, %k, %v decay(%g) axis(key) state(%state) max(%max) stabilizer(running)"
            f" : ({x}, {x}, {x}, {x}, {state}, {maximum}) -> ({x}, {state}, {maximum})"
        )
    types = ", ".join(t for _, t in results)
    return f"""func.func @core({", ".join(arguments)}) -> ({", ".join(f'{t} {{fgla.name = "{name}"}}' for name, t in results)}) {{
  %f = fgla.feature_map safe_exp %q : {x} -> {x}
  %g = fgla.gate refined(%zg, %zr) : {x}
  {attention}
  %y = fgla.norm rms %o weight(%w : tensor<{DIM}xf32>) : {x}
  return {", ".join("%" + name for name, _ in results)} : {types}
}}
"""


class Model:
    """The graph of a decoder, layer by layer."""

    def __init__(self, method, build, is_decoding):
        self.method, self.is_decoding = method, is_decoding
        self.nodes, self.weights, self.inputs, self.outputs, self.infos = [], [], [], [], []
        self.states = {}  # shapes by name
        self.generator = np.random.default_rng(0)
        self.core = None if method == SOFTMAX else export_core(build, FORMS[method], is_decoding)
        self.opset = next(i.version for i in self.core.opset_import if not i.domain) if self.core else 13
        self.integers("axis", -1)
        self.integers("split", *((-1, HEADS, DIM) if is_decoding else (0, 0, HEADS, DIM)))
        self.integers("merge", 1, -1, WIDTH)
        self.weights.append(numpy_helper.from_array(np.float32(1e-5), "eps"))
        if method == SOFTMAX:
            self.inputs += [helper.make_tensor_value_info("last", TensorProto.INT32, [1]), helper.make_tensor_value_info("total", TensorProto.INT32, [])]

    def weight(self, name, *shape):
        array = np.ones(shape) if len(shape) == 1 else self.generator.standard_normal(shape) / np.sqrt(shape[0])
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def integers(self, name, *values):
        self.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))

    def node(self, kind, inputs, output, domain="", **attributes):
        outputs = output if isinstance(output, list) else [output]
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def state(self, name, shape):
        """An input that comes out again as new_NAME."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.outputs.append(helper.make_tensor_value_info("new_" + name, TensorProto.FLOAT, shape))
        self.states[name] = shape
        return name

    def project(self, x, name, rows, columns):
        return self.node("MatMul", [x, self.weight(name + "_weight", rows, columns)], name)

    def norm(self, x, name):
        axis = {"inputs": ["axis"]} if self.opset >= 18 else {"axes": [-1]}
        mean = self.node("ReduceMean", [self.node("Mul", [x, x], name + "_square"), *axis.pop("inputs", [])], name + "_mean", keepdims=1, **axis)
        root = self.node("Sqrt", [self.node("Add", [mean, "eps"], name + "_sum")], name + "_root")
        return self.node("Mul", [self.node("Div", [x, root], name + "_unit"), self.weight(name + "_weight", WIDTH)], name)

    def softmax(self, x, layer):
        q, k, v = (self.project(x, f"{name}{layer}", WIDTH, WIDTH) for name in "qkv")
        past = [self.state(f"{name}{layer}", [1, HEADS, CONTEXT + 64, DIM]) for name in ("keys", "values")] if self.is_decoding else ["", ""]
        new = [f"new_keys{layer}", f"new_values{layer}"]
        inputs = [q, k, v, *past, "last", "total"]
        return self.node("GroupQueryAttention", inputs, [f"attention{layer}", *new], "com.microsoft", num_heads=HEADS, kv_num_heads=HEADS)

    def fgla(self, x, layer):
        """The core, with the names of the layer, between what splits and merges heads."""
        names = {name: self.node("Reshape", [self.project(x, f"{name}{layer}", WIDTH, WIDTH), "split"], f"{name}{layer}_heads") for name in ("q", "k", "v", "zg", "zr")}
        names["w"] = self.weight(f"w{layer}", DIM)
        for name, shape in (("state", [1, HEADS, DIM, DIM]), ("max", [1, HEADS])) if self.is_decoding else ():
            names[name] = self.state(f"{name}{layer}", shape)
            names["new_" + name] = f"new_{name}{layer}"
        rename = lambda name: name and names.get(name, f"{name}_of_layer{layer}")
        for node in self.core.graph.node:
            copy = onnx.NodeProto.FromString(node.SerializeToString())
            copy.input[:], copy.output[:] = map(rename, node.input), map(rename, node.output)
            self.nodes.append(copy)
        self.infos.append(helper.make_tensor_value_info(rename("y"), TensorProto.FLOAT, None))
        return self.node("Reshape", [rename("y"), "merge"], f"attention{layer}")

    def build(self):
        x = "x"
        self.inputs.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, "T", WIDTH]))
        for layer in range(LAYERS):
            normed = self.norm(x, f"norm{layer}")
            mixed = self.softmax(normed, layer) if self.method == SOFTMAX else self.fgla(normed, layer)
            x = self.node("Add", [x, self.project(mixed, f"out{layer}", WIDTH, WIDTH)], f"mixed{layer}")
            inner = self.node("Relu", [self.project(self.norm(x, f"second{layer}"), f"up{layer}", WIDTH, 4 * WIDTH)], f"inner{layer}")
            x = self.node("Add", [x, self.project(inner, f"down{layer}", 4 * WIDTH, WIDTH)], f"x{layer}")
        self.outputs.insert(0, helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, "T", WIDTH]))
        graph = helper.make_graph(self.nodes, "decoder", self.inputs, self.outputs, self.weights, value_info=self.infos)
        imports = {"": self.opset, "com.microsoft": 1, "fgla": 1}
        imports = [helper.make_opsetid(domain, version) for domain, version in imports.items()]
        functions = self.core.functions if self.core else []
        return helper.make_model(graph, opset_imports=imports, ir_version=13 if self.opset > 25 else 8, functions=functions)


def export_core(build, form, is_step):
    with tempfile.TemporaryDirectory() as folder:
        source, model = pathlib.Path(folder) / "core.mlir", pathlib.Path(folder) / "core.onnx"
        source.write_text(core_text(is_step))
        subprocess.run([build / "bin" / "fgla-compile", source, f"--export={form}", "-o", model], check=True)
        return onnx.load(model)


def prepare(method, tokens, is_decoding, threads, build):
    """A call without arguments that returns what the last layer gives."""
    model = Model(method, build, is_decoding)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if method != SOFTMAX and FORMS[method] == "custom-op":
        options.register_custom_ops_library(str(build / "lib" / "libfgla_onnxruntime.so"))
        # Threads of two pools that wait by spinning take each other's cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(model.build().SerializeToString(), options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(1)
    arrays = {"x": generator.standard_normal((1, tokens, WIDTH)).astype(np.float32)}
    if method == SOFTMAX:
        total = CONTEXT + 1 if is_decoding else tokens
        arrays |= {"last": np.array([total - 1], np.int32), "total": np.array(total, np.int32)}
    arrays |= {name: generator.standard_normal(shape).astype(np.float32) for name, shape in model.states.items()}
    binding = session.io_binding()
    values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    for output in session.get_outputs():
        state = output.name.removeprefix("new_")
        if method == SOFTMAX and state in model.states:  # keys and values are appended in place
            binding.bind_ortvalue_output(output.name, values[state])
        else:
            binding.bind_output(output.name)

    def call():
        session.run_with_iobinding(binding)
        return binding.get_outputs()[0]

    return call


def measure(arguments, method, tokens, is_decoding):
    call = prepare(method, tokens, is_decoding, arguments.threads, arguments.build)
    sample = call().numpy()
    call()
    times = []
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    while len(times) < 5 or sum(times) < arguments.seconds:
        start = clock()
        call()
        times.append(clock() - start)
    row = {"method": method, "tokens": tokens, "decoding": is_decoding, "calls": len(times), "norm": float(np.linalg.norm(sample.astype(np.float64)))}
    return row | {name: float(np.quantile(times, q)) for name, q in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}


def run_worker(arguments, method, tokens, is_decoding):
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "OPENBLAS_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"}
    options = ["--build", arguments.build, "--threads", arguments.threads, "--seconds", arguments.seconds, "--clock", arguments.clock, "--worker", method, "--tokens", tokens]
    command = [sys.executable, __file__, *map(str, options), *(["--decoding"] if is_decoding else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: '{method}' with {tokens} tokens failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(result):
    rows = {(row["method"], row["tokens"], row["decoding"]): row for row in result["rows"]}
    m = result["machine"]
    lines = [
        f"{LAYERS} layers, M = {WIDTH}, {HEADS} heads of {DIM}, f32, batch 1. {m['processor']}, {m['threads']} threads, {m['vectors']}, "
        f"ONNX Runtime {result['onnxruntime']}, load before {m['load_before']:.1f}. Milliseconds"
        f"{' of processor time' if result['clock'] == 'cpu' else ''}: median (10% to 90%).",
        "",
        "| tokens | " + " | ".join(METHODS) + " |",
        "|---|" + "---|" * len(METHODS),
    ]

    def line(title, tokens, is_decoding):
        cells = [f"{1e3 * r['median']:.2f} ({1e3 * r['p10']:.2f} to {1e3 * r['p90']:.2f})" if (r := rows.get((method, tokens, is_decoding))) else "" for method in METHODS]
        return f"| {title} | " + " | ".join(cells) + " |"

    lines += [line(str(tokens), tokens, False) for tokens in sorted({row["tokens"] for row in result["rows"] if not row["decoding"]})]
    lines += [line(f"one, after {CONTEXT}", 1, True)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--tokens", default=",".join(map(str, TOKENS)))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--decoding", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    lengths = [int(t) for t in arguments.tokens.split(",")]
    if arguments.worker:
        print(json.dumps(measure(arguments, arguments.worker, lengths[0], arguments.decoding)))
        return
    result = {"machine": machine(arguments.threads), "onnxruntime": ort.__version__, "clock": arguments.clock, "rows": []}
    for tokens, is_decoding in [(t, False) for t in lengths] + [(1, True)]:
        for method in METHODS:
            if tokens > LONGEST.get(method, tokens):
                continue
            row = run_worker(arguments, method, tokens, is_decoding)
            result["rows"].append(row)
            print(f"T={tokens:5} {'decoding' if is_decoding else '':8} {method:34} {1e3 * row['median']:10.2f} ms  norm {row['norm']:.6g}", flush=True)
    # The forms of FGLA are one function.
    for tokens, is_decoding in {(row["tokens"], row["decoding"]) for row in result["rows"]}:
        norms = [row["norm"] for row in result["rows"] if (row["tokens"], row["decoding"]) == (tokens, is_decoding) and row["method"] != SOFTMAX]
        if max(norms) - min(norms) > 1e-4 * min(norms):
            sys.exit(f"error: the forms of FGLA differ with {tokens} tokens: {norms}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "onnxruntime.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.output / "onnxruntime.md").write_text(table(result))
    print("\n" + table(result))


if __name__ == "__main__":
    main()
