#!/usr/bin/env python3
"""Writes programs as ONNX models, in each form, and runs them in ONNX Runtime: the results are those of the float64 reference.

usage: onnx_runtime.py [--build DIR] [--quick] [--only TEXT]

Runs in the environment of requirements-ort.txt. Ends with `N passed, N failed`.
"""

import argparse
import ctypes
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

import reference
from block_cases import block_text, onnx_block
from inputs import make_inputs
from program import Config, Program, expected
from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORMS = ("onnx27", "function", "ort-contrib", "custom-op")
BOUNDS = {"f32": 1e-5, "f16": 1e-2, "bf16": 1e-2}  # docs/semantics.md
SMALL = {"key_dim": 16, "value_dim": 24}

CONFIGS = [
    Config(),
    Config(state="inout", norm="rms+w", output_gate=True, **SMALL),
    Config(state="inout", key="logits:sequence", gate="log_refined.key", norm="layer+wb", **SMALL),
    Config(state="out", key="logits:running", gate="none", group=2, **SMALL),
    Config(state="out", key="logits:token", gate="factor.head", query="elu1", norm="rms+hw", **SMALL),
    Config(state="in", key="logits*W:running", gate="log.constant", query="softmax*W", **SMALL),
    Config(key="softmax", gate="log.constant", query="relu", heads=3, scale=0.25, **SMALL),
    Config(key="hedgehog", gate="none", query="hedgehog", group=3, **SMALL),
    Config(key="custom", query="custom", gate="custom.key", **SMALL),
    Config(key="exp", query="exp", gate="log_custom.head", scale=0.0, **SMALL),
    Config(key="identity", query="identity", rule="delta", gate="none", state="inout", **SMALL),
    Config(key="logits:token", query="identity", rule="gated_delta", gate="log.key", beta="one", state="inout", group=2, **SMALL),
    Config(key="identity", query="identity", rule="gated_delta", gate="sigmoid.head", state="out", **SMALL),
    Config(op="step", query="identity", gate="refined.key", state="inout", group=2, **SMALL),
    Config(op="step", query="identity", key="identity", gate="log.head", rule="gated_delta", state="inout", **SMALL),
    Config(dtype="f16", state="inout", norm="rms+w", output_gate=True, **SMALL),
    Config(dtype="f16", state="inout", narrow_state=True, gate="log_refined.key", key="softmax", **SMALL),
    Config(dtype="bf16", state="inout", norm="rms+w", **SMALL),
]
# What only our own kernels have.
WHOLE = [
    Config(gate="refined.value", state="inout", **SMALL),
    Config(sequences=(5, 0, 20, 12), state="inout", norm="rms+w", **SMALL),
    Config(dtype="bf16", state="inout", narrow_state=True, key="softmax", gate="log.key", **SMALL),
]
PROFILES = ("normal", "extreme", "jumps", "falling")


def export(build, text, form, folder):
    """The model of a program, checked."""
    source, model = folder / "program.mlir", folder / f"{form}.onnx"
    source.write_text(text)
    subprocess.run([build / "bin" / "fgla-compile", source, f"--export={form}", "-o", model], check=True, capture_output=True, text=True)
    onnx.checker.check_model(onnx.load(model))
    return model


def make_session(model, build, threads=2):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.register_custom_ops_library(str(build / "lib" / "libfgla_onnxruntime.so"))
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def to_value(array):
    if array.dtype == ml_dtypes.bfloat16:
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), onnx.TensorProto.BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def to_array(value):
    """A copy. ONNX Runtime has no NumPy type for bfloat16."""
    if value.data_type() != "tensor(bfloat16)":
        return value.numpy()
    raw = ctypes.string_at(value.data_ptr(), 2 * math.prod(value.shape()))
    return np.frombuffer(raw, ml_dtypes.bfloat16).reshape(value.shape())


def run(session, arrays):
    """The results by name."""
    names = [value.name for value in session.get_outputs()]
    inputs = {value.name for value in session.get_inputs()}
    values = session.run_with_ort_values(names, {name: to_value(array) for name, array in arrays.items() if name in inputs})
    return dict(zip(names, map(to_array, values)))


def against_reference(report, build, config, form, runs, folder):
    program = Program(config)
    session = make_session(export(build, program.text(), form, folder), build)
    for batch, tokens, profile in runs:
        arrays = make_inputs(program, batch, tokens, profile)
        wanted = expected(config, arrays)
        for name, array in run(session, arrays).items():
            error = reference.relative_error(array, wanted[name])
            report.error(f"{form}: {config}, B={batch} T={tokens} {profile}, {name}", error, BOUNDS[config.dtype])


def in_parts(report, build, form, folder):
    """Two calls, the second from the first's state, give what one call gives."""
    config = Config(state="inout", norm="rms+w", **SMALL)
    program = Program(config)
    session = make_session(export(build, program.text(), form, folder), build)
    arrays = make_inputs(program, 2, 40)
    whole = run(session, arrays)
    of_tokens = {name for name, (shape, _) in program.arguments.items() if "T" in shape}
    first = run(session, {name: array[:, :23] if name in of_tokens else array for name, array in arrays.items()})
    later = {name: array[:, 23:] if name in of_tokens else array for name, array in arrays.items()}
    second = run(session, {**later, "initial_state": first["final_state"], "initial_max": first["final_max"]})
    second["y"] = np.concatenate([first["y"], second["y"]], axis=1)
    for name, array in second.items():
        report.error(f"{form}: in parts, {name}", reference.relative_error(array, whole[name]), 1e-5)


def block(report, build, form, folder):
    """The whole block, from hidden states to hidden states, with states in and out."""
    weights = onnx_block.make_weights(48, 2, 16, 24, True)
    session = make_session(export(build, block_text("f32", weights, "running", state="inout"), form, folder), build)
    generator = np.random.default_rng(1)
    sizes = {"x": (2, 33, 48), "initial_state": (2, 2, 16, 24), "initial_max": (2, 2)}
    arrays = {name: generator.standard_normal(size).astype(np.float32) for name, size in sizes.items()}
    states = {name: array for name, array in arrays.items() if name != "x"}
    wanted = reference.block(arrays["x"], weights, norm_kind="rms", stabilizer="running", **states)
    results = run(session, {**arrays, **weights})
    for name, array in zip(("y", "final_state", "final_max"), wanted):
        report.error(f"{form}: block, {name}", reference.relative_error(results[name], array), BOUNDS["f32"])


def program_node(outputs=("y",), **attributes):
    """A model with one node of ours between others, from inputs x and z to y."""
    nodes = [
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("Program", ["n", "z"], ["h", *outputs[1:]], domain="fgla", **attributes),
        helper.make_node("Neg", ["h"], ["y"]),
    ]
    x, z, h, *results = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["B", "T", 1, 8]) for name in ("x", "z", "h", *outputs))
    graph = helper.make_graph(nodes, "between", [x, z], results, value_info=[h])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("fgla", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


GATED = """func.func @{name}(%x: {type}, %z: {type}) -> {type} {{
  %y = fgla.output_gate %x, %z : {type}
  return %y : {type}
}}
"""


def nodes_of_ours(report, build, folder):
    """Programs between other nodes, from text and from an artifact, and what is wrong with a node or with what it is given."""
    kind = "tensor<?x?x1x8xf32>"
    text = GATED.format(name="gated", type=kind)
    both = text + GATED.format(name="other", type=kind)
    source, artifact = folder / "gated.mlir", folder / "gated.so"
    source.write_text(both)
    subprocess.run([build / "bin" / "fgla-compile", source, "-o", artifact], check=True, capture_output=True)
    x, z = (np.random.default_rng(seed).standard_normal((2, 5, 1, 8)).astype(np.float32) for seed in (1, 2))
    wanted = reference.output_gate(x, z)
    for name, attributes in {
        "text": {"program": text},
        "one of two": {"program": both, "function": "other"},
        "artifact": {"artifact": str(artifact), "function": "gated"},
    }.items():
        results = run(make_session(program_node(**attributes), build), {"x": x, "z": z})
        report.error(f"custom-op: {name}", reference.relative_error(results["y"], wanted), 1e-5)

    def refuses(name, message, inputs=None, **arguments):
        try:
            session = make_session(program_node(**arguments), build)
            session.run(None, inputs or {"x": x, "z": z})
            said = "nothing"
        except Exception as error:
            said = str(error)
        report.check(f"custom-op: {name}", message in said, said)

    refuses("no attribute", "one of the attributes 'artifact' and 'program' must be given")
    refuses("two attributes", "one of the attributes 'artifact' and 'program' must be given", program=text, artifact=str(artifact))
    refuses("no program", "the program cannot be compiled: node.mlir:", program="func.func @f(")
    refuses("no file", "nowhere.so", artifact="nowhere.so")
    refuses("which function", "attribute 'function' must say which of 2 functions is meant", program=both)
    refuses("no such function", "'absent'", program=text, function="absent")
    refuses("shapes", "fgla.Program 'gated': ", {"x": x, "z": z[:, :3]}, program=text)
    refuses("outputs", "has 1 results, the node has 2 outputs", outputs=("y", "more"), program=text)
    double = text.replace("f32", "f64")
    refuses("types", "fgla.Program 'gated': argument", program=double)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", metavar="TEXT")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    report = Report()
    runs = [(2, 37, profile) for profile in PROFILES[: 2 if arguments.quick else None]] + [(1, 1, "normal")]
    with tempfile.TemporaryDirectory(prefix="fgla_ort_") as folder:
        os.environ.setdefault("FGLA_CACHE_DIR", folder)
        for form in FORMS:
            for config in CONFIGS + WHOLE * (form == "custom-op"):
                if arguments.only not in f"{form}: {config}":
                    continue
                if config.op == "step":
                    against_reference(report, build, config, form, [(3, 1, "normal")], pathlib.Path(folder))
                else:
                    against_reference(report, build, config, form, runs, pathlib.Path(folder))
            if arguments.only in f"{form}: in parts":
                in_parts(report, build, form, pathlib.Path(folder))
            if arguments.only in f"{form}: block":
                block(report, build, form, pathlib.Path(folder))
        if arguments.only in "custom-op: nodes":
            nodes_of_ours(report, build, pathlib.Path(folder))
    sys.exit(report.close())


if __name__ == "__main__":
    main()
