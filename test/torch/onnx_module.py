#!/usr/bin/env python3
"""OnnxModule: all of ONNX's node tests, gradients against differences, training, weights in files of their own.

usage: onnx_module.py [--build DIR] [--quick] [--update] [--only TEXT]

A node test passes or fails with the message that onnx_module.txt has for it; --update writes the list anew, --quick runs one in
ten. Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import re
import sys
import tempfile

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))
from listed import Listed
from onnx_nodes import node_tests
from reporting import Report

LIST = pathlib.Path(__file__).with_name("onnx_module.txt")
HEADER = """\
# ONNX's node tests that OnnxModule does not pass: what it says, then the tests of which it says so. All others pass.
# Written by onnx_module.py --update.
"""
# Of a result, relative and absolute: ONNX's own for f32.
TOLERANCE = {torch.float16: (1e-2, 1e-3), torch.bfloat16: (2e-2, 1e-2)}


def load(path):
    return torch.classes.fgla.OnnxModule(str(path))


# ---- ONNX's node tests -------------------------------------------------------------------------------------------------------------


def tensors(folder, kind):
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda file: int(file.stem.split("_")[1]))
    return [torch.classes.fgla.OnnxModule.read_tensor(str(file)) for file in files]


def difference(found, expected):
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"has {found.dtype} {list(found.shape)} in place of {expected.dtype} {list(expected.shape)}"
    relative, absolute = TOLERANCE.get(found.dtype, (1e-3, 1e-5))
    same = torch.allclose(found.double(), expected.double(), rtol=relative, atol=absolute, equal_nan=True)
    return None if same else "has wrong numbers"


def run_node_test(folder):
    """What is wrong with a test, or None."""
    try:
        module = load(folder / "model.onnx")
        data = folder / "test_data_set_0"
        inputs = dict(zip(module.input_names(), tensors(data, "input")))
        results = module.forward(inputs)
        problems = [difference(*pair) for pair in zip(results, tensors(data, "output"), strict=True)]
        return next((problem for problem in problems if problem), None)
    except (RuntimeError, ValueError) as error:
        return kind_of(str(error).strip().splitlines()[0])


def kind_of(message):
    """A message without the file and the node's name."""
    message = re.sub(r"^'[^']*':? (tensor '[^']*': )?", "", message)
    return re.sub(r"^node (that gives )?'[^']*' ", "node ", message)


def check_nodes(report, build, only, quick, update):
    folders = sorted(f for f in node_tests(build).iterdir() if f.is_dir() and only in f.name)[:: 10 if quick else 1]
    outcomes = {folder.name.removeprefix("test_"): run_node_test(folder) for folder in folders}
    Listed(LIST, HEADER).compare(report, outcomes, update)


# ---- Training ----------------------------------------------------------------------------------------------------------------------

TEXT = """\
<ir_version: 8, opset_import: ["" : 17]>
mlp (float[n, 4] x) => (float[n, 2] y)
<float[4, 8] "layers.0.weight" = {%s}, float[8] "layers.0.bias" = {%s}, float[8, 2] head = {%s}, float one = {1}>
{
  h = MatMul(x, "layers.0.weight")
  b = Add(h, "layers.0.bias")
  t = Tanh(b)
  s = Add(t, one)
  y = MatMul(s, head)
}
"""


def numbers(count, seed):
    values = torch.rand(count, generator=torch.Generator().manual_seed(seed)) - 0.5
    return ", ".join(f"{value:.6f}" for value in values.tolist())


def write_perceptron(folder):
    path = folder / "mlp.onnxtxt"
    path.write_text(TEXT % (numbers(32, 1), numbers(8, 2), numbers(16, 3)))
    return path


def check_training(report, folder):
    module = load(write_perceptron(folder))
    parameters = module.named_parameters()
    names = ["head", "layers.0.bias", "layers.0.weight"]
    report.check("parameters have their ONNX names", sorted(parameters) == names, str(sorted(parameters)))
    report.check("a scalar is a buffer", list(module.named_buffers()) == ["one"])
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    target = torch.stack([x.sum(1).sin(), x.prod(1)], 1)

    def plain(weight, bias, head):
        return ((x @ weight + bias).tanh() + 1) @ head

    (y,) = module.forward({"x": x})
    (y - target).square().mean().backward()
    copies = [parameters[name].detach().clone().requires_grad_() for name in ("layers.0.weight", "layers.0.bias", "head")]
    (plain(*copies) - target).square().mean().backward()
    for name, copy in zip(("layers.0.weight", "layers.0.bias", "head"), copies):
        report.check(f"gradient of {name}", torch.equal(parameters[name].grad, copy.grad))
    first = (module.forward({"x": x})[0] - target).square().mean().item()
    optimizer = torch.optim.Adam(parameters.values(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (module.forward({"x": x})[0] - target).square().mean()
        loss.backward()
        optimizer.step()
    report.check("200 steps halve the loss", loss.item() < first / 2, f"{first} to {loss.item()}")


LINEAR = """\
<ir_version: 13, opset_import: ["" : 27]>
core (float[b, t, 6] q, float[b, t, 6] k, float[b, t, 4] v, float[b, t, 6] g) => (float[b, t, 4] y, float[b, 2, 3, 2] s)
{ y, s = LinearAttention <q_num_heads = 2, kv_num_heads = 2, update_rule = "gated"> (q, k, v, , g) }
"""


def linear_attention(q, k, v, g):
    """Token by token, [B, T, H * D] as in ONNX."""
    q, k, v, g = (x.unflatten(2, (2, -1)) for x in (q, k, v, g))
    state, outputs = torch.zeros(q.shape[0], 2, 3, 2), []
    for t in range(q.shape[1]):
        state = g[:, t].exp().unsqueeze(3) * state + k[:, t].unsqueeze(3) * v[:, t].unsqueeze(2)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, t], state) / 3**0.5)
    return torch.stack(outputs, 1).flatten(2), state


def check_linear_attention(report, folder):
    path = folder / "core.onnxtxt"
    path.write_text(LINEAR)
    module = load(path)
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(2, 5, width, generator=generator) for width in (6, 6, 4, 6)]
    inputs[3] = -inputs[3].abs()
    inputs = [x.requires_grad_() for x in inputs]
    gradients = []
    for y, state in (module.forward(dict(zip("qkvg", inputs))), linear_attention(*inputs)):
        gradients.append(torch.autograd.grad(y.sin().sum() + state.square().sum(), inputs))
    for name, found, expected in zip("qkvg", *gradients):
        report.error(f"gradient of LinearAttention's {name}", (found - expected).abs().max().item(), 1e-5)


EXTERNAL = """\
<ir_version: 8, opset_import: ["" : 17]>
scale (float[4] x) => (float[4] y) <float[4] "w" = ["location": "weights.bin", "offset": "16", "length": "16"]>
{ y = Mul(x, w) }
"""


def check_external_weights(report, folder):
    """A weight in a file of its own is its values; writing the parameter leaves the file as it is."""
    values = torch.arange(8, dtype=torch.float32)
    (folder / "weights.bin").write_bytes(values.numpy().tobytes())
    (folder / "scale.onnxtxt").write_text(EXTERNAL)
    module = load(folder / "scale.onnxtxt")
    weight = module.named_parameters()["w"]
    report.check("an external weight is read", torch.equal(weight, values[4:]), str(weight))
    with torch.no_grad():
        weight.mul_(2)
    (y,) = module.forward({"x": torch.ones(4)})
    report.check("a written weight is what runs", torch.equal(y, 2 * values[4:]), str(y))
    report.check("the file of a weight is not written", (folder / "weights.bin").read_bytes() == values.numpy().tobytes())


def message(call):
    try:
        call()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return "no error"


def check_errors(report, folder):
    module = load(write_perceptron(folder))
    x = torch.zeros(2, 4)
    said = message(lambda: module.forward({}))
    report.check("a missing input", said == "input 'x' of the model is missing", said)
    said = message(lambda: module.forward({"x": x, "z": x}))
    report.check("an unknown input", said == "input 'z' is none of the model's: x", said)
    said = message(lambda: module.forward({"x": torch.zeros(2, 3)}))
    report.check("a wrong shape names the node", said.startswith("node that gives 'h' (MatMul): "), said)
    said = message(lambda: load(folder / "absent.onnx"))
    report.check("a missing file", said.startswith(f"'{folder}/absent.onnx': cannot be opened"), said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", default="", metavar="TEXT")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    for library in ("libfgla_torch.so", "libfgla_torch_onnx.so"):
        if (build / "lib" / library).exists():
            torch.ops.load_library(str(build / "lib" / library))
    torch.set_num_threads(1)
    report = Report()
    check_nodes(report, build, arguments.only, arguments.quick, arguments.update)
    with tempfile.TemporaryDirectory(prefix="fgla_module_") as folder:
        check_training(report, pathlib.Path(folder))
        check_linear_attention(report, pathlib.Path(folder))
        check_external_weights(report, pathlib.Path(folder))
        check_errors(report, pathlib.Path(folder))
    sys.exit(report.close())


if __name__ == "__main__":
    main()
