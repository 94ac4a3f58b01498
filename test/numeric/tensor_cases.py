"""Small programs of plain tensor ops whose results, or parts of them, could be given the same memory or be computed more than once."""

import numpy as np

from harness import Case, compare

ENTRY = "f"


def signature(results):
    return ", ".join(f'tensor<{shape}xf32> {{fgla.name = "{name}"}}' for name, shape in results.items())


def program(results, body, values, arguments='%x: tensor<3xf32> {fgla.name = "x"}, %z: tensor<3xf32> {fgla.name = "z"}'):
    types = ", ".join(f"tensor<{shape}xf32>" for shape in results.values())
    return f"func.func @{ENTRY}({arguments}) -> ({signature(results)}) {{\n{body}  return {values} : {types}\n}}\n"


HALVES = """  %e = tensor.empty() : tensor<6xf32>
  %h = tensor.insert_slice %x into %e[0] [3] [1] : tensor<3xf32> into tensor<6xf32>
  %a = tensor.insert_slice %z into %h[3] [3] [1] : tensor<3xf32> into tensor<6xf32>
  %b = tensor.insert_slice %x into %h[3] [3] [1] : tensor<3xf32> into tensor<6xf32>
"""


def add(result, source, onto, shape="3", kind="arith.addf"):
    """RESULT = ONTO + SOURCE, computed in the memory of ONTO."""
    return f"""  %{result} = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
      ins(%{source} : tensor<{shape}xf32>) outs(%{onto} : tensor<{shape}xf32>) {{
  ^bb0(%p: f32, %q: f32):
    %s = {kind} %p, %q : f32
    linalg.yield %s : f32
  }} -> tensor<{shape}xf32>
"""


FILL = """  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<SHAPExf32>
  %start = linalg.fill ins(%zero : f32) outs(%e : tensor<SHAPExf32>) -> tensor<SHAPExf32>
"""
# `sum` has one element, `y` reads it along a loop that it has not.
SPREAD = """  %f = tensor.empty() : tensor<3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (0)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%sum, %z : tensor<1xf32>, tensor<3xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<3xf32>
"""
SUMS = FILL.replace("SHAPE", "3") + add("a", "x", "start") + add("b", "z", "a")
ONE = '%x: tensor<1xf32> {fgla.name = "x"}, %z: tensor<3xf32> {fgla.name = "z"}'

# name: (program, what it gives for x and z)
PROGRAMS = {
    "two results that begin alike": (
        program({"a": 6, "b": 6}, HALVES, "%a, %b"),
        lambda x, z: {"a": np.concatenate([x, z]), "b": np.concatenate([x, x])},
    ),
    "two results that begin alike, the other order": (
        program({"b": 6, "a": 6}, HALVES, "%b, %a"),
        lambda x, z: {"a": np.concatenate([x, z]), "b": np.concatenate([x, x])},
    ),
    "one value, twice": (program({"a": 6, "b": 6}, HALVES, "%a, %a"), lambda x, z: dict.fromkeys("ab", np.concatenate([x, z]))),
    "an argument and a sum": (program({"a": 3, "b": 3}, SUMS, "%x, %b"), lambda x, z: {"a": x, "b": x + z}),
    "a sum and what goes on from it": (program({"a": 3, "b": 3}, SUMS, "%a, %b"), lambda x, z: {"a": x, "b": x + z}),
    "what goes on from a sum, and the sum": (program({"b": 3, "a": 3}, SUMS, "%b, %a"), lambda x, z: {"a": x, "b": x + z}),
    "a sum of one, broadcast": (
        program({"y": 3}, FILL.replace("SHAPE", "1") + add("sum", "x", "start", "1") + SPREAD, "%y", ONE),
        lambda x, z: {"y": x[:1] + z},
    ),
    "a sum of one, broadcast and returned": (
        program({"y": 3, "sum": 1}, FILL.replace("SHAPE", "1") + add("sum", "x", "start", "1") + SPREAD, "%y, %sum", ONE),
        lambda x, z: {"y": x[:1] + z, "sum": x[:1]},
    ),
}


def against_numpy(text, wanted):
    def run(context, report):
        x, z = np.array([1.5, 2.5, 3.5], np.float32), np.array([-10, 20, 30], np.float32)
        for lowering in ("tiled", "reference"):
            inputs = {"x": x[:1] if text.startswith(f"func.func @{ENTRY}(%x: tensor<1x") else x, "z": z}
            compare(report, lowering, "f32", context.compile(text, ENTRY, lowering=lowering)(inputs), wanted(x, z))

    return run


def cases():
    for name, (text, wanted) in PROGRAMS.items():
        yield Case(f"tensors: {name}", against_numpy(text, wanted))
