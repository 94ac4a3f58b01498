#!/usr/bin/env python3
"""fgla.trace: random Python functions of scalars against torch, values and gradients in float64; and what it refuses.

usage: trace.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import argparse
import pathlib
import random
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F

from package import BUILD
from fgla import TraceError, trace

import expressions
from harness import Case, Context
from reporting import Report

# Of any numbers, of positive ones, of those in (-0.9, 0.9); {} are operands.
ANY = [
    "-{}", "abs({})", "{}.sin()", "torch.cos({})", "torch.tanh({})", "torch.atan({})", "torch.asinh({})", "torch.erf({})", "torch.erfc({})",
    "torch.floor({})", "torch.ceil({})", "torch.trunc({})", "torch.round({})", "torch.sign({})", "torch.square({})", "torch.sigmoid({})",
    "F.relu({})", "F.relu6({})", "F.leaky_relu({}, 0.2)", "F.silu({})", "F.gelu({})", "F.gelu({}, approximate='tanh')", "F.elu({}, alpha=0.7)",
    "F.selu({})", "F.celu({}, 1.5)", "F.softplus({})", "F.softplus({}, beta=2.0)", "F.logsigmoid({})", "F.mish({})", "F.softsign({})",
    "F.tanhshrink({})", "F.hardtanh({}, -0.5, 0.8)", "F.hardsigmoid({})", "F.hardswish({})", "{}.clamp(-0.7, 1.1)", "torch.clamp({}, min=-0.3)",
    "{} + {}", "{} - {}", "{} * {}", "0.5 + {}", "1.5 - {}", "2 * {}", "{} / 3", "torch.add({}, {}, alpha=0.3)", "torch.maximum({}, {})",
    "torch.minimum({}, {})", "torch.fmax({}, {})", "torch.copysign({}, {})", "torch.atan2({}, {})", "torch.logaddexp({}, {})", "{} ** 2",
    "{} ** 3", "torch.where({} < {}, {}, {})", "torch.where(({} > 0) & ~({} >= 0.5), {}, {})", "torch.where(torch.logical_or({} <= {}, {} > 1), {}, 0.25)",
]  # fmt: skip
POSITIVE = [
    "torch.log({})", "torch.log2({})", "torch.log10({})", "torch.log1p({})", "{}.sqrt()", "torch.rsqrt({})", "{} ** 0.5", "{} ** -2", "{} ** 1.7",
    "torch.reciprocal({})", "1 / {}", "0.7 ** {}", "2 ** -{}",
]  # fmt: skip
SMALL = [
    "torch.exp({})", "torch.exp2({})", "torch.expm1({})", "torch.sinh({})", "torch.cosh({})", "torch.asin({})", "torch.acos({})",
    "torch.atanh({})", "torch.tan({})", "torch.logit({} * 0.5 + 0.5)",
]  # fmt: skip
MIXED = ["{} / {}", "torch.fmod({}, {})", "{} % {}"]  # of any number and a positive one


def random_source(generator):
    """A function of x0, x1, x2 as text, of about eight functions and operators."""
    values = ["x0", "x1", "x2"]
    steps = []

    def pick():
        return values[max(len(values) - 1 - int(generator.expovariate(0.5)), 0)]

    for _ in range(generator.randint(3, 9)):
        choice = generator.random()
        if choice < 0.6:
            text = generator.choice(ANY)
            text = text.format(*(pick() for _ in range(text.count("{}"))))
        elif choice < 0.75:
            text = generator.choice(POSITIVE).format(f"({pick()} ** 2 + 0.5)")
        elif choice < 0.9:
            text = generator.choice(SMALL).format(f"(0.9 * torch.sin({pick()}))")
        else:
            text = generator.choice(MIXED).format(pick(), f"({pick()} ** 2 + 0.5)")
        values.append(f"y{len(steps)}")
        steps.append(f"    {values[-1]} = {text}")
    # Of a moderate size, and of all inputs.
    return "def f(x0, x1, x2):\n" + "\n".join(steps) + f"\n    return torch.atan({values[-1]} + 0.1 * torch.sin({values[-2]})) + torch.sin(x0) * x1 * x2\n"


def define(source):
    names = {"torch": torch, "F": F}
    exec(source, names)
    return names["f"]


class Traced:
    """What expressions.compile_expressions takes."""

    def __init__(self, function):
        self.text = trace(function)

    def region(self):
        return "{\n  " + re.sub(r"\bf32\b", "f64", self.text) + "\n  }"


def relative(found, wanted):
    return float(np.max(np.abs(found - wanted) / (1.0 + np.abs(wanted))))


def random_functions(report, context, seed, count):
    """COUNT functions in one artifact, values and gradients of all inputs."""
    generator = random.Random(seed)
    sources = [random_source(generator) for _ in range(count)]
    functions = [define(source) for source in sources]
    numbers = np.random.default_rng(seed)
    inputs = [[numbers.standard_normal(expressions.SHAPE) for _ in range(expressions.INPUTS)] for _ in functions]
    cotangents = [numbers.standard_normal(expressions.SHAPE) for _ in functions]
    compiled = expressions.compile_expressions(context, [Traced(function) for function in functions])
    values, gradients = expressions.run(compiled, inputs, cotangents)
    for k, function in enumerate(functions):
        leaves = [torch.from_numpy(array).requires_grad_() for array in inputs[k]]
        wanted = function(*leaves)
        wanted.backward(torch.from_numpy(cotangents[k]))
        report.error(f"value of\n{sources[k]}", relative(values[k], wanted.detach().numpy()), 1e-9)
        for i, leaf in enumerate(leaves):
            report.error(f"d_x{i} of\n{sources[k]}", relative(gradients[k][i], leaf.grad.numpy()), 1e-8)


def takes_each(report):
    """Every line of the tables can be traced by itself."""
    for text in [*ANY, *POSITIVE, *SMALL, *MIXED]:
        try:
            trace(define(f"def f(x0, x1):\n    return {text.format(*['x0', 'x1', 'x1', 'x0'][: text.count('{}')])}\n"))
            report.check(text, True)
        except TraceError as error:
            report.check(text, False, str(error))


REFUSED = [
    # (function, what the message says, what it points at)
    (lambda x: torch.cumsum(x, 0), "torch function 'cumsum' is not an elementwise function", "torch.cumsum(x, 0)"),
    (lambda x: F.softmax(x, dim=-1), "torch function 'softmax' is not an elementwise function", "F.softmax(x, dim=-1)"),
    (lambda x: x.sum(), "'sum' is not an elementwise function", "x.sum"),
    (lambda x: 1 if x > 0 else 2, "torch.where(condition, a, b) chooses", "x > 0"),
    (lambda x: np.exp(x), "take numbers; use torch's", "np.exp(x)"),
    (lambda x: x[0], "a traced scalar has no elements", "x[0]"),
    (lambda x: x * torch.ones(3), "a tensor of shape [3] is not a scalar", "x * torch.ones(3)"),
    (lambda x: x * torch.nn.Parameter(torch.ones(())), "requires a gradient", "x * torch.nn.Parameter(torch.ones(()))"),
    (lambda x: x + "s", "str 's' is not a scalar", 'x + "s"'),
    (lambda x: F.softplus(x, beta=x), "among its options", "F.softplus(x, beta=x)"),
    (lambda x: x.exp(3), "too many positional arguments", "x.exp(3)"),
    (lambda x: torch.relu_(x), "'relu_' is not an elementwise function", "torch.relu_(x)"),
    (lambda x: [x], "must return one scalar, got list", ""),
    (lambda *x: 1, "a fixed number of scalars, got parameters (*x)", ""),
    (lambda: 1, "a fixed number of scalars, got parameters ()", ""),
    (3, "expected a Python function of scalars or MLIR text, got int 3", ""),
    ("math.exp", "must begin with a block's head", ""),
    ("^bb0(%x: f32):\n  %y = math.exp %x : f32", "must end with fgla.yield", ""),
]


def refuses(report):
    for function, message, expression in REFUSED:
        name = expression or repr(function)
        try:
            report.check(f"refuses {name}", False, f"traced: {trace(function)}")
        except TraceError as error:
            report.check(f"refuses {name}", message in str(error), str(error))
            lines = str(error).splitlines()
            marked = lines[1][lines[2].index("^") : lines[2].rindex("^") + 1] if len(lines) == 3 else ""
            report.check(f"points at {name}", expression == marked, f"it points at '{marked}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    report = Report()
    takes_each(report)
    refuses(report)
    text = trace(lambda x: torch.exp(-x * x))
    report.check("a block's text is its own trace", trace(text) == text)
    for part in range(1 if arguments.quick else 5):
        case = Case(f"trace {part}", None)
        random_functions(report, Context(BUILD, "cpu", "reference", case), part, 40)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
