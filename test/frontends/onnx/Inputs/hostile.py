"""Writes hostile models into a folder, runs the importer on each, and prints what it said. Fails if one is accepted, if the tool does not end with
exit code 1 and one line that says `error`, or if it writes anything."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from wire import *  # noqa: E402,F403

tool, folder = sys.argv[1], sys.argv[2]
os.makedirs(folder, exist_ok=True)
outside = folder + ".outside"
with open(outside, "wb") as f:
    f.write(b"secret!!" * 8)
with open(os.path.join(folder, "short.bin"), "wb") as f:
    f.write(b"\0" * 15)
if not os.path.lexists(os.path.join(folder, "link.bin")):
    os.symlink(outside, os.path.join(folder, "link.bin"))
if not os.path.lexists(os.path.join(folder, "up")):
    os.symlink("..", os.path.join(folder, "up"))
if not os.path.lexists(os.path.join(folder, "pipe")):
    os.mkfifo(os.path.join(folder, "pipe"))

X, Y = value_info("x", [4]), value_info("y", [4])
PLAIN = graph([node("Neg", ["x"], ["y"])], [X], [Y])


def external(dims=(4,), **entries):
    weight = tensor("w", dims, external=entries)
    return model(graph([node("Add", ["x", "w"], ["y"])], [X], [Y], [weight]))


def constant(message):
    attribute = data(1, "value") + data(5, message) + number(20, 4)
    return model(graph([node("Constant", [], ["y"], attributes=[attribute])], [], [Y]))


def nested(depth, field=5, inner=b""):
    for _ in range(depth):
        inner = graph([node("If", ["c"], ["y"], attributes=[data(1, "then_branch") + data(6, inner) + number(20, 5)])])
    return inner


def bomb(levels):
    functions = [function("f0", ["a"], ["b"], [node("Neg", ["a"], ["b"])])]
    for i in range(1, levels):
        calls = [node(f"f{i - 1}", ["a"], ["t"], domain="local"), node(f"f{i - 1}", ["t"], ["b"], domain="local")]
        functions.append(function(f"f{i}", ["a"], ["b"], calls))
    call = node(f"f{levels - 1}", ["x"], ["y"], domain="local")
    return model(graph([call], [X], [Y]), opsets=(("", 21), ("local", 1)), functions=functions)


def heavy_bomb():
    constant_node = node("Constant", [], ["c"], attributes=[data(1, "value") + data(5, tensor("", [1 << 18], b"\0" * (1 << 20))) + number(20, 4)])
    functions = [function("f", ["a"], ["b"], [constant_node, node("Identity", ["a"], ["b"])])]
    calls = [node("f", ["x" if i == 0 else f"v{i}"], [f"v{i + 1}"], domain="local") for i in range(9000)]
    return model(graph(calls + [node("Neg", ["v9000"], ["y"])], [X], [Y]), opsets=(("", 21), ("local", 1)), functions=functions)


def calls_itself():
    functions = [
        function("f", ["a"], ["b"], [node("g", ["a"], ["b"], domain="local")]),
        function("g", ["a"], ["b"], [node("f", ["a"], ["b"], domain="local")]),
    ]
    return model(graph([node("f", ["x"], ["y"], domain="local")], [X], [Y]), opsets=(("", 21), ("local", 1)), functions=functions)


def calls(inputs=("x",), results=("y",), body=(node("Neg", ["a"], ["b"]),)):
    """A call of a function of another version, which the library converts."""
    functions = [function("f", ["a"], ["b"], list(body), imports=(("", 20), ("local", 1)))]
    call = node("f", list(inputs), list(results), name="call", domain="local")
    return model(graph([call], [X], [Y]), opsets=(("", 21), ("local", 1)), functions=functions)


cases = {
    "empty": b"",
    "garbage": b"\xff" * 100,
    "truncated": model(PLAIN)[:-20],
    "no-graph": number(1, 10) + data(8, opset("", 21)),
    "future-ir": model(PLAIN, ir_version=99),
    "old-ir": model(PLAIN, ir_version=1),
    "future-opset": model(PLAIN, opsets=(("", 99),)),
    "negative-opset": model(PLAIN, opsets=(("", -1),)),
    "opset-twice": model(PLAIN, opsets=(("", 21), ("ai.onnx", 20))),
    "external-absolute": external(location="/etc/passwd", length="16"),
    "external-dots": external(location="../" + os.path.basename(outside), length="16"),
    "external-inner-dots": external(location="a/../../" + os.path.basename(outside), length="16"),
    "external-link": external(location="link.bin", length="16"),
    "external-folder-link": external(location="up/" + os.path.basename(outside), length="16"),
    "external-pipe": external(location="pipe", length="16"),
    "external-folder": external(location=".", length="16"),
    "external-missing": external(location="nowhere.bin", length="16"),
    "external-short": external(location="short.bin", length="16"),
    "external-offset": external(location="short.bin", offset="9223372036854775807"),
    "external-offset-sign": external(location="short.bin", offset="-16"),
    "external-length": external(location="short.bin", length="15"),
    "external-unknown-key": external(location="short.bin", base_dir="/"),
    "external-no-location": external(length="16"),
    "external-nul": external(location="short.bin\0.txt"),
    "external-attribute": constant(tensor("", [4], external={"location": "short.bin"})),
    "absurd-dims": model(graph([node("Neg", ["x"], ["y"])], [value_info("x", [1 << 40, 1 << 40])], [Y])),
    "negative-dim": model(graph([node("Neg", ["x"], ["y"])], [value_info("x", [-4])], [Y])),
    "absurd-rank": model(graph([node("Neg", ["x"], ["y"])], [value_info("x", [1] * 1000)], [Y])),
    "absurd-tensor": constant(tensor("", [1 << 62, 4], b"\0" * 16)),
    "short-tensor": constant(tensor("", [1000], b"\0" * 16)),
    "unknown-type": constant(tensor("", [4], b"\0" * 16, element=200)),
    "string-tensor": constant(tensor("", [4], b"\0" * 16, element=8)),
    "deep-graphs": model(nested(20)),
    "deep-message": model(nested(2000)),
    "dangling": model(graph([node("Neg", ["nobody"], ["y"])], [X], [Y])),
    "dangling-output": model(graph([node("Neg", ["x"], ["z"])], [X], [Y])),
    "cycle": model(graph([node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["b"], ["y"])], [X], [Y])),
    "defined-twice": model(graph([node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["y"])], [X], [Y])),
    "input-twice": model(graph([node("Neg", ["x"], ["y"])], [X, X], [Y])),
    "weight-twice": model(graph([node("Add", ["x", "w"], ["y"])], [X], [Y], [tensor("w", [4], b"\0" * 16)] * 2)),
    "long-name": model(graph([node("Neg", ["x"], ["y" * 100000]), node("Neg", ["y" * 100000], ["y"])], [X], [Y])),
    "nul-name": model(graph([node("Neg", ["x"], ["y\0z"]), node("Neg", ["y\0z"], ["y"])], [X], [Y])),
    "function-bomb": bomb(60),
    "function-heavy": heavy_bomb(),
    "function-cycle": calls_itself(),
    "function-no-output": calls(body=()),
    "function-more-outputs": calls(results=("y", "z")),
    "function-more-inputs": calls(inputs=("x", "x")),
    "function-twice": model(PLAIN, opsets=(("", 21), ("local", 1)), functions=[function("f", ["a"], ["b"], [node("Neg", ["a"], ["b"])])] * 2),
    "unknown-standard-op": model(graph([node("Frobnicate", ["x"], ["y"])], [X], [Y])),
    "wrong-attribute": model(graph([node("Neg", ["x"], ["y"], attributes=[data(1, "alpha") + number(20, 1) + number(2, 0)])], [X], [Y])),
    "subgraph": model(graph([node("If", ["c"], ["y"], name="branch", attributes=[
        data(1, n) + data(6, graph([node("Neg", ["x"], ["t"])], [], [value_info("t", [4])])) + number(20, 5) for n in ("then_branch", "else_branch")])],
        [X, value_info("c", [], 9)], [Y])),
}

failures = 0
for name, message in cases.items():
    path = os.path.join(folder, name + ".onnx")
    with open(path, "wb") as f:
        f.write(message)
    before = set(os.listdir(folder))
    run = subprocess.run([tool, "--import-onnx", path], capture_output=True, text=True, errors="replace", timeout=60)
    lines = run.stderr.strip().splitlines()
    good = run.returncode == 1 and not run.stdout.strip() and len(lines) == 1 and "error: " in lines[0] and set(os.listdir(folder)) == before
    failures += not good
    said = lines[0].replace(folder, "").split("error: ", 1)[-1] if lines else "nothing"
    print(f"{'ok' if good else 'BAD (exit ' + str(run.returncode) + ', ' + str(len(lines)) + ' lines)'} {name}: {said}"[:400])
    if len(message) > 1 << 20:
        os.remove(path)
print(f"{len(cases)} models, {failures} not refused as they should be")
sys.exit(failures != 0)
