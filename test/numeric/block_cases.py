"""The whole block, fgla.block, against reference.py and against ONNX's reference evaluator on a model of standard operators."""

import pathlib
import sys

import numpy as np

import reference
from harness import BOUNDS, Case, compare
from program import NUMPY_DTYPES

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import onnx_block

ENTRY = "block"


def block_text(dtype, weights, stabilizer, norm="rms", state="none"):
    """A function of the input, the weights and the state; weights are arrays by name."""

    def tensor(shape, element=dtype):
        return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"

    hidden, heads, key = weights["query"].shape
    value = weights["value"].shape[2]
    x_type = tensor(["?", "?", hidden])
    arguments = [("x", x_type)] + [(name, tensor(array.shape)) for name, array in weights.items()]
    operands = "query(%query) key(%key) value(%value) gate(%gate, %gate_bias) refine(%refine, %refine_bias) norm(%norm)"
    operands += " output_gate(%output_gate)" * ("output_gate" in weights) + " output(%output)"
    order = ["x", "query", "key", "value", "gate", "gate_bias", "refine", "refine_bias", "norm", "output_gate", "output"]
    order = [name for name in order if name == "x" or name in weights]
    states = [("state", tensor(["?", heads, key, value], "f32"))]
    if stabilizer in ("running", "sequence"):
        states.append(("max", tensor(["?", heads], "f32")))
    if "in" in state:
        arguments += [(f"initial_{name}", t) for name, t in states]
        order += [f"initial_{name}" for name, _ in states]
        operands += "".join(f" {name}(%initial_{name})" for name, _ in states)
    results = [("y", x_type)] + [(f"final_{name}", t) for name, t in states if "out" in state]
    types = dict(arguments)
    signature = ", ".join(f'%{name}: {t} {{fgla.name = "{name}"}}' for name, t in arguments)
    result_types = ", ".join(t for _, t in results)
    named_results = ", ".join(f'{t} {{fgla.name = "{name}"}}' for name, t in results)
    values = ", ".join(f"%r_{name}" for name, _ in results)
    return f"""func.func @{ENTRY}({signature}) -> ({named_results}) {{
  {values} = fgla.block %x {operands} kind({norm}) stabilizer({stabilizer})
    : ({", ".join(types[name] for name in order)}) -> ({result_types})
  return {values} : {result_types}
}}
"""


def against_reference(dtype, sizes, stabilizer, norm="rms", output_gate=False, state="none"):
    hidden, heads, key, value = sizes

    def run(context, report):
        weights = onnx_block.make_weights(*sizes, output_gate)
        weights = {name: array.astype(NUMPY_DTYPES[dtype]) for name, array in weights.items()}
        function = context.compile(block_text(dtype, weights, stabilizer, norm, state), ENTRY)
        generator = np.random.default_rng(1)
        for batch, tokens in ((2, 1), (2, 33), (1, 300), (0, 3), (2, 0)):
            inputs = {"x": generator.standard_normal((batch, tokens, hidden)).astype(NUMPY_DTYPES[dtype]), **weights}
            if "in" in state:
                inputs["initial_state"] = generator.standard_normal((batch, heads, key, value)).astype(np.float32)
                inputs["initial_max"] = generator.standard_normal((batch, heads)).astype(np.float32)
            y, final_state, final_max = reference.block(
                inputs["x"],
                weights,
                norm_kind=norm,
                stabilizer=stabilizer,
                initial_state=inputs.get("initial_state"),
                initial_max=inputs.get("initial_max"),
            )
            wanted = {"y": y, "final_state": final_state, "final_max": final_max}
            compare(report, f"B={batch} T={tokens}", dtype, function(inputs), wanted)

    return run


def against_onnx(stabilizer, output_gate):
    """ONNX's evaluator computes in f32 and one token after the other; two f32 computations may differ by both errors."""

    def run(context, report):
        weights = onnx_block.make_weights(128, 4, 32, 48, output_gate)
        function = context.compile(block_text("f32", weights, stabilizer), ENTRY)
        model = onnx_block.make_model(weights, stabilizer)
        for batch, tokens in ((2, 1), (2, 65), (1, 200)):
            x = np.random.default_rng(tokens).standard_normal((batch, tokens, 128)).astype(np.float32)
            y, _ = onnx_block.evaluate(model, x)
            error = reference.relative_error(function({"x": x, **weights})["y"], y)
            report.error(f"B={batch} T={tokens}", error, 2 * BOUNDS["f32"])

    return run


def cases():
    for stabilizer in ("running", "sequence", "token"):
        for output_gate in (False, True):
            yield Case(f"block: ONNX's evaluator, {stabilizer}, output gate {output_gate}", against_onnx(stabilizer, output_gate))
    yield Case("block: f32, states", against_reference("f32", (96, 2, 64, 96), "running", state="inout"))
    yield Case("block: f32, layer norm, output gate", against_reference("f32", (64, 4, 16, 32), "sequence", "layer", True, "out"))
    yield Case("block: bf16", against_reference("bf16", (128, 4, 64, 64), "running", output_gate=True))
    yield Case("block: f16", against_reference("f16", (128, 4, 64, 64), "running", state="out"))
