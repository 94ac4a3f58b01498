"""Functions of an f32 against the same in float64: all over its range, with what is special."""

import math

import numpy as np

from harness import Case

ENTRY = "f"
ULPS = 5
FUNCTIONS = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "cbrt": np.cbrt, "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc), "floor": np.floor, "ceil": np.ceil,
    "roundeven": np.rint, "trunc": np.trunc,
}  # fmt: skip
# exp gives zero where f32 has no full exponent any more, erfc follows it.
SMALLEST = {"exp": 1.3e-38, "erfc": 1.3e-38}


def arguments():
    """Every 40,009th f32, and many where functions change; multiples of pi / 2 too, near which a sine is small."""
    bits = np.arange(0, 2**32, 40009, dtype=np.uint64).astype(np.uint32)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 1e30, 3.4e38, 1e5, 100001, 1, -1], np.float32)
    turns = (np.pi / 2 * np.concatenate([np.arange(1, 1000), 2 ** np.arange(10, 60)])).astype(np.float32)
    parts = [bits.view(np.float32), np.linspace(-20, 20, 20001), np.linspace(-1, 1, 20001), special, turns]
    return np.concatenate([part.astype(np.float32) for part in parts])


def against_float64(name):
    def run(context, report):
        function = context.compile(
            f"""func.func @{ENTRY}(%x: tensor<?xf32> {{fgla.name = "x"}}) -> (tensor<?xf32> {{fgla.name = "y"}}) {{
  %y = math.{name} %x : tensor<?xf32>
  return %y : tensor<?xf32>
}}
""",
            ENTRY,
        )
        x = arguments()
        got = function({"x": x})["y"]
        with np.errstate(all="ignore"):
            exact = np.asarray(FUNCTIONS[name](x.astype(np.float64)), np.float64)
            wanted = exact.astype(np.float32)
            unit = np.maximum(np.spacing(np.abs(wanted)).astype(np.float64), SMALLEST.get(name, 0) / ULPS)
            same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
            ulps = np.where(same, 0, np.abs(got.astype(np.float64) - exact) / unit)
        worst = int(np.argmax(np.where(np.isnan(ulps), np.inf, ulps)))
        report.check(f"{name}", ulps[worst] <= ULPS, f"{got[worst]} for {x[worst]}, right {exact[worst]}: {ulps[worst]:.3g} ulp, allowed {ULPS}")

    return run


def cases(names=FUNCTIONS):
    for name in names:
        yield Case(f"math: {name}", against_float64(name))
