"""Expressions of scalars as the region of a gate, and their gradients against differences in float64."""

import dataclasses

import numpy as np

from inputs import rng
from program import ENTRY
from runtime_binding import bfloat16

SHAPE = (2, 16, 1, 8)
INPUTS = 3


@dataclasses.dataclass(frozen=True)
class Op:
    """`text` has {0}, {1}, ... for operands, and the result's name and type around it; `value` computes it on arrays."""

    text: str
    value: object
    arity: int = 1


def unary(name, value):
    return Op(name + " {0} : f64", value)


def binary(name, value):
    return Op(name + " {0}, {1} : f64", value, 2)


def erf(x):
    from math import erf as scalar

    return np.vectorize(scalar, otypes=[float])(x)


# Defined everywhere.
TOTAL = [
    unary("arith.negf", np.negative), unary("math.absf", np.abs), unary("math.sin", np.sin), unary("math.cos", np.cos), unary("math.tanh", np.tanh),
    unary("math.atan", np.arctan), unary("math.asinh", np.arcsinh), unary("math.erf", erf), unary("math.erfc", lambda x: 1.0 - erf(x)),
    unary("math.cbrt", np.cbrt),
    binary("arith.addf", np.add), binary("arith.subf", np.subtract), binary("arith.mulf", np.multiply), binary("arith.maximumf", np.maximum),
    binary("arith.minimumf", np.minimum), binary("arith.maxnumf", np.maximum), binary("arith.minnumf", np.minimum),
    binary("math.copysign", np.copysign), binary("math.atan2", np.arctan2),
    Op("math.fma {0}, {1}, {2} : f64", lambda a, b, c: a * b + c, 3),
    unary("math.floor", np.floor), unary("math.ceil", np.ceil), unary("math.trunc", np.trunc), unary("math.roundeven", np.rint),
]  # fmt: skip

# Defined on a part of the numbers, and the expression that brings any number there.
PARTIAL = [
    (unary("math.log", np.log), "positive"), (unary("math.log2", np.log2), "positive"), (unary("math.log10", np.log10), "positive"),
    (unary("math.log1p", np.log1p), "positive"), (unary("math.sqrt", np.sqrt), "positive"), (unary("math.rsqrt", lambda x: 1.0 / np.sqrt(x)), "positive"),
    (unary("math.exp", np.exp), "small"), (unary("math.exp2", np.exp2), "small"), (unary("math.expm1", np.expm1), "small"),
    (unary("math.sinh", np.sinh), "small"), (unary("math.cosh", np.cosh), "small"), (unary("math.asin", np.arcsin), "small"),
    (unary("math.acos", np.arccos), "small"), (unary("math.atanh", np.arctanh), "small"), (unary("math.tan", np.tan), "small"),
    (unary("math.acosh", np.arccosh), "large"),
]  # fmt: skip
PARTIAL_BINARY = [
    (binary("arith.divf", np.divide), "any", "positive"),
    (binary("arith.remf", np.fmod), "any", "positive"),
    (binary("math.powf", np.power), "positive", "small"),
]


class Expression:
    """A list of instructions on inputs %x0, %x1, ...; the last one is what is yielded."""

    def __init__(self):
        self.lines, self.steps = [], []

    def add(self, text, value, operands, result_type="f64"):
        name = f"%v{len(self.steps)}"
        self.lines.append(f"{name} = " + text.format(*operands))
        self.steps.append((name, value, operands))
        return name

    def apply(self, op, *operands):
        return self.add(op.text, op.value, operands)

    def constant(self, number):
        return self.add(f"arith.constant {number!r} : f64", lambda: np.float64(number), ())

    def bring(self, value, domain):
        """VALUE, moved into a domain without a kink."""
        if domain == "any":
            return value
        if domain == "small":  # (-0.9, 0.9)
            return self.apply(binary("arith.mulf", np.multiply), self.apply(unary("math.sin", np.sin), value), self.constant(0.9))
        square = self.apply(binary("arith.mulf", np.multiply), value, value)
        return self.apply(binary("arith.addf", np.add), square, self.constant(0.5 if domain == "positive" else 1.5))

    def __call__(self, inputs):
        values = {f"%x{i}": array for i, array in enumerate(inputs)}
        for name, value, operands in self.steps:
            values[name] = value(*(values[operand] for operand in operands))
        return np.broadcast_to(values[self.steps[-1][0]], inputs[0].shape)

    def region(self):
        arguments = ", ".join(f"%x{i}: f64" for i in range(INPUTS))
        return "{\n  ^bb0(" + arguments + "):\n    " + "\n    ".join(self.lines) + f"\n    fgla.yield {self.steps[-1][0]} : f64\n  }}"


def random_expression(generator):
    """About a dozen ops, each on any of the values before it, the later ones more often."""
    e = Expression()
    values = [f"%x{i}" for i in range(INPUTS)]

    def pick():
        return values[max(int(len(values) - 1 - generator.exponential(2.5)), 0)]

    for _ in range(int(generator.integers(4, 14))):
        choice = generator.random()
        if choice < 0.5:
            op = TOTAL[generator.integers(len(TOTAL))]
            made = e.apply(op, *(pick() for _ in range(op.arity)))
        elif choice < 0.75:
            op, domain = PARTIAL[generator.integers(len(PARTIAL))]
            made = e.apply(op, e.bring(pick(), domain))
        elif choice < 0.9:
            op, first, second = PARTIAL_BINARY[generator.integers(len(PARTIAL_BINARY))]
            made = e.apply(op, e.bring(pick(), first), e.bring(pick(), second))
        else:
            condition = e.add("arith.cmpf olt, {0}, {1} : f64", np.less, (pick(), pick()))
            made = e.add("arith.select {0}, {1}, {2} : f64", np.where, (condition, pick(), pick()))
        values.append(made)
    # Of moderate size, so that differences have digits; and of all inputs.
    result = e.apply(unary("math.atan", np.arctan), values[-1])
    for i in range(INPUTS):
        product = e.apply(binary("arith.mulf", np.multiply), result, f"%x{i}")
        result = e.apply(unary("math.sin", np.sin), e.apply(binary("arith.addf", np.add), product, result))
    return e


def compile_expressions(context, expressions):
    """One function, with results r0, r1, ... of arguments x0_0, x0_1, ...: (forward, backward)."""
    tensor = "tensor<?x?x1x8xf64>"
    arguments, lines = [], []
    for k, expression in enumerate(expressions):
        names = [f"%x{k}_{i}" for i in range(INPUTS)]
        arguments += [f'{name}: {tensor} {{fgla.name = "{name[1:]}"}}' for name in names]
        lines.append(f"%r{k} = fgla.gate custom({', '.join(names)}) : {tensor} {expression.region()}")
    results = ", ".join(f'{tensor} {{fgla.name = "r{k}"}}' for k in range(len(expressions)))
    values = ", ".join(f"%r{k}" for k in range(len(expressions)))
    types = ", ".join([tensor] * len(expressions))
    text = f"func.func @f({', '.join(arguments)}) -> ({results}) {{\n  " + "\n  ".join(lines) + f"\n  return {values} : {types}\n}}\n"
    forward = context.compile(text, entry="f_forward", options=["--gradient"])
    return forward, context.runtime.load(sorted(context.folder.glob("*.so"))[-1], "f_backward")


def run(functions, inputs, cotangents):
    """INPUTS and COTANGENTS by expression: (values by expression, gradients by expression and input, None where nothing flows)."""
    forward, backward = functions
    named = {f"x{k}_{i}": array for k, arrays in enumerate(inputs) for i, array in enumerate(arrays)}
    values = forward(named)
    named |= {f"d_r{k}": array for k, array in enumerate(cotangents)}
    gradients = backward({name: named[name] for name, _, _ in backward.args})
    return [values[f"r{k}"] for k in range(len(inputs))], [[gradients.get(f"d_x{k}_{i}") for i in range(INPUTS)] for k in range(len(inputs))]


def check_gradient(report, name, expression, inputs, value, cotangent, gradients):
    # A sine of a large number has the error of the number.
    report.error(f"{name}: the value", float(np.max(np.abs(value - expression(inputs)))), 1e-8)

    def difference(i, step):
        ahead, behind = ([x + sign * step * (j == i) for j, x in enumerate(inputs)] for sign in (1, -1))
        return (expression(ahead) - expression(behind)) / (2 * step)

    for i, gradient in enumerate(gradients):
        gradient = np.zeros(SHAPE) if gradient is None else gradient
        coarse, fine = difference(i, 2e-6), difference(i, 1e-6)
        # Where they differ there is a kink, a step, or a curve too sharp for a difference.
        smooth = np.abs(coarse - fine) <= 1e-6 * (1.0 + np.abs(fine))
        report.check(f"{name}: differences exist", smooth.mean() > 0.5, f"at {smooth.mean():.0%} of the points")
        error = np.abs(gradient - fine * cotangent)[smooth] / (1.0 + np.abs(fine[smooth]))
        report.error(f"{name}: d_x{i}\n{expression.region()}\n", float(error.max(initial=0.0)), 1e-5)


def against_differences(part, count):
    """COUNT generated expressions."""

    def case(context, report):
        generator = rng("expressions", part)
        generated = [random_expression(generator) for _ in range(count)]
        inputs = [[generator.standard_normal(SHAPE) for _ in range(INPUTS)] for _ in generated]
        cotangents = [generator.standard_normal(SHAPE) for _ in generated]
        values, gradients = run(compile_expressions(context, generated), inputs, cotangents)
        for k, expression in enumerate(generated):
            check_gradient(report, f"expression {part}.{k}", expression, inputs[k], values[k], cotangents[k], gradients[k])

    return case


# What an op in a kernel on 16-bit arrays may be wrong by: a part of its result, and for a sine a part of one.
KERNEL_PART, KERNEL_SINE = 2.0**-13, 2.0**-19


def allowed_error(expression, inputs, generator):
    """What errors of single ops make of the result, by trying."""
    exact, most = expression(inputs), 0.0

    def wrong(value):
        def apply(*operands):
            result = value(*operands)
            if result.dtype == bool:
                return result
            either = generator.uniform(-1, 1, np.broadcast_shapes(result.shape, inputs[0].shape))
            return result * (1 + KERNEL_PART * either) + (KERNEL_SINE * either if value in (np.sin, np.cos) else 0)

        return apply

    for _ in range(16):
        tried = Expression()
        tried.steps = [(name, wrong(value), operands) for name, value, operands in expression.steps]
        most = np.maximum(most, np.abs(tried(inputs) - exact))
    return exact, 3 * most + KERNEL_PART


def in_kernel(part, count):
    """COUNT generated gates of bf16: the factor of a state of ones, with keys of zero, in f32."""

    def case(context, report):
        batch, keys = 64, 32
        tensor, state = f"tensor<?x?x1x{keys}xbf16>", f"tensor<?x1x{keys}x16xf32>"
        generator = rng("expressions in kernels", part)
        for k in range(count):
            expression = random_expression(generator)
            # A factor between 0.05 and 0.95.
            product = expression.apply(binary("arith.mulf", np.multiply), expression.steps[-1][0], expression.constant(0.45))
            expression.apply(binary("arith.addf", np.add), product, expression.constant(0.5))
            region = expression.region().replace("f64", "f32")
            arguments = ", ".join(f'%z{i}: {tensor} {{fgla.name = "x{i}"}}' for i in range(INPUTS))
            types = f"({tensor}, {tensor}, {tensor.replace(f'{keys}xbf16', '16xbf16')}, {tensor}, {state})"
            function = context.compile(f"""func.func @{ENTRY}({arguments}, %k: {tensor} {{fgla.name = "k"}}, %v: tensor<?x?x1x16xbf16> {{fgla.name = "v"}},
    %s: {state} {{fgla.name = "s"}}) -> (tensor<?x?x1x16xbf16> {{fgla.name = "y"}}, {state} {{fgla.name = "state"}}) {{
  %f = fgla.gate custom(%z0, %z1, %z2) : {tensor} {region}
  %y, %state = fgla.attention %k, %k, %v decay(%f) axis(key) state(%s) : {types} -> (tensor<?x?x1x16xbf16>, {state})
  return %y, %state : tensor<?x?x1x16xbf16>, {state}
}}
""")
            inputs = [(2 * generator.standard_normal((batch, 1, 1, keys))).astype(bfloat16) for _ in range(INPUTS)]
            given = {f"x{i}": x for i, x in enumerate(inputs)}
            given |= {"k": np.zeros_like(inputs[0]), "v": np.zeros((batch, 1, 1, 16), bfloat16), "s": np.ones((batch, 1, keys, 16), np.float32)}
            found = function(given)["state"][:, 0, :, 0]
            wide = [x.astype(np.float64) for x in inputs]
            exact, allowed = (a[:, 0, 0] for a in allowed_error(expression, wide, generator))
            over = np.abs(found - exact) / allowed
            # What a step of the expression lies at may be on its other side.
            report.check(f"gate {part}.{k}\n{region}\n", np.mean(over <= 1) >= 0.998, f"{over.max():.3g} times what is allowed, at {np.mean(~(over <= 1)):.2%}")

    return case


def every_op(context, report):
    """Each op alone, where it is smooth."""
    single, names = [], []
    for op in TOTAL:
        e = Expression()
        e.apply(op, *(f"%x{i}" for i in range(op.arity)))
        single.append(e)
        names.append(op.text)
    for op, domain in PARTIAL:
        e = Expression()
        e.apply(op, e.bring("%x0", domain))
        single.append(e)
        names.append(op.text)
    for op, first, second in PARTIAL_BINARY:
        e = Expression()
        e.apply(op, e.bring("%x0", first), e.bring("%x1", second))
        single.append(e)
        names.append(op.text)
    generator = rng("every op")
    inputs = [[generator.standard_normal(SHAPE) for _ in range(INPUTS)] for _ in single]
    cotangents = [generator.standard_normal(SHAPE) for _ in single]
    values, gradients = run(compile_expressions(context, single), inputs, cotangents)
    for k, expression in enumerate(single):
        check_gradient(report, names[k].split()[0], expression, inputs[k], values[k], cotangents[k], gradients[k])


def hand_written(*lines):
    """An expression from text, without a value of its own."""
    e = Expression()
    e.lines = list(lines)
    e.steps = [(lines[-1].split()[0], None, ())]
    return e


def kinks(context, report):
    """Derivatives from the right where there are two, no NaN from a branch that is not taken, digits where values are large or small."""
    cases = [
        # (name, expression, x0, x1, d_x0, d_x1)
        ("|x|", hand_written("%y = math.absf %x0 : f64"), 0.0, 0.0, 1.0, None),
        ("max(x, 0)", hand_written("%z = arith.constant 0.0 : f64", "%y = arith.maximumf %x0, %z : f64"), 0.0, 0.0, 1.0, None),
        ("x > 0 ? x : 0", hand_written("%z = arith.constant 0.0 : f64", "%c = arith.cmpf ogt, %x0, %z : f64", "%y = arith.select %c, %x0, %z : f64"), 0.0, 0.0, 0.0, None),
        ("a tie of a maximum", hand_written("%y = arith.maximumf %x0, %x1 : f64"), 3.0, 3.0, 1.0, 0.0),
        ("a tie of a minimum", hand_written("%y = arith.minimumf %x0, %x1 : f64"), 3.0, 3.0, 0.0, 1.0),
        # log(1 + e^x) and sigmoid as they are written so that nothing overflows: smooth, though their parts are not.
        ("softplus at 0", SOFTPLUS, 0.0, 0.0, 0.5, None),
        ("sigmoid at 0", SIGMOID, 0.0, 0.0, 0.25, None),
        ("softplus at 100", SOFTPLUS, 100.0, 0.0, 1.0, None),
        ("softplus at -100", SOFTPLUS, -100.0, 0.0, np.exp(-100.0), None),
        ("sigmoid at -100", SIGMOID, -100.0, 0.0, np.exp(-100.0), None),
        ("sigmoid at 100", SIGMOID, 100.0, 0.0, np.exp(-100.0), None),
        ("tanh at 20", hand_written("%y = math.tanh %x0 : f64"), 20.0, 0.0, 4 * np.exp(-40.0), None),
        ("expm1 at -50", hand_written("%y = math.expm1 %x0 : f64"), -50.0, 0.0, np.exp(-50.0), None),
        ("atan2 of large numbers", hand_written("%y = math.atan2 %x0, %x1 : f64"), 3e200, 4e200, 4 / 25 / 1e200, -3 / 25 / 1e200),
        ("0^2", hand_written("%n = arith.constant 2.0 : f64", "%y = math.powf %x0, %n : f64"), 0.0, 0.0, 0.0, None),
        ("x^0.5 of the base 0, by the exponent", hand_written("%z = arith.constant 0.0 : f64", "%y = math.powf %z, %x0 : f64"), 0.5, 0.0, 0.0, None),
        # The branch that is not taken has an infinite derivative.
        ("x > 0 ? log x : x", hand_written("%z = arith.constant 0.0 : f64", "%c = arith.cmpf ogt, %x0, %z : f64", "%l = math.log %x0 : f64", "%y = arith.select %c, %l, %x0 : f64"), 0.0, 0.0, 1.0, None),
        ("sqrt(max(x, 0)) below", hand_written("%z = arith.constant 0.0 : f64", "%m = arith.maximumf %x0, %z : f64", "%y = math.sqrt %m : f64"), -1.0, 0.0, 0.0, None),
    ]  # fmt: skip
    expressions = [case[1] for case in cases]
    inputs = [[np.full(SHAPE, case[2]), np.full(SHAPE, case[3]), np.zeros(SHAPE)] for case in cases]
    _, gradients = run(compile_expressions(context, expressions), inputs, [np.ones(SHAPE)] * len(cases))
    for (name, _, _, _, *wanted), found in zip(cases, gradients):
        for i, value in enumerate(wanted):
            if value is None:
                continue
            got = 0.0 if found[i] is None else float(found[i].flat[0])
            report.check(f"{name}: d_x{i}", abs(got - value) <= 1e-12 * abs(value), f"{got!r} rather than {value!r}")


SOFTPLUS = hand_written(
    "%z = arith.constant 0.0 : f64", "%m = arith.maximumf %x0, %z : f64", "%a = math.absf %x0 : f64", "%n = arith.negf %a : f64", "%e = math.exp %n : f64",
    "%l = math.log1p %e : f64", "%y = arith.addf %m, %l : f64",
)  # fmt: skip
SIGMOID = hand_written(
    "%z = arith.constant 0.0 : f64", "%o = arith.constant 1.0 : f64", "%a = math.absf %x0 : f64", "%n = arith.negf %a : f64", "%e = math.exp %n : f64",
    "%s = arith.addf %o, %e : f64", "%p = arith.divf %o, %s : f64", "%q = arith.divf %e, %s : f64", "%c = arith.cmpf oge, %x0, %z : f64",
    "%y = arith.select %c, %p, %q : f64",
)  # fmt: skip
