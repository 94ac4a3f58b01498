"""From a Python function of scalars to the region of a map or a gate.

`trace(lambda x: torch.exp(-x * x))` calls the function once, with a stand-in for each scalar that writes down what is done to it. The
result is MLIR text, the block of a region, which the ops take wherever they take the name of a map or a gate.
"""

import inspect
import linecache
import math
import re
import sys

import torch

__all__ = ["TraceError", "trace"]


class TraceError(TypeError):
    """Says what in a function cannot be traced, and where it stands."""


def trace(function):
    """The region of FUNCTION, which takes scalars and gives one: `^bb0(%x: f32): ... fgla.yield %y : f32`.

    FUNCTION may use Python's operators, `torch.where`, and the elementwise functions of torch, torch.special, torch.nn.functional and
    torch.Tensor. Numbers that it captures are constants. MLIR text, a block as above, is checked for its frame and returned as it is.
    """
    if isinstance(function, str):
        return _check_text(function)
    block = _Block()
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise TraceError(f"fgla.trace: expected a Python function of scalars or MLIR text, got {_show(function)}") from None
    if any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters) or not parameters:
        raise TraceError(f"fgla.trace: a map or gate takes a fixed number of scalars, got parameters {inspect.signature(function)}")
    arguments = [block.argument(p.name) for p in parameters if p.default is p.empty]
    result = function(*arguments)
    if not isinstance(result, (Scalar, bool, int, float, torch.Tensor)):
        raise TraceError(f"fgla.trace: the function must return one scalar, got {_show(result)}")
    return block.close(_as_number(block, result))


def _check_text(text):
    text = text.strip()
    if not re.match(r"\^\w+\(\s*%[\w$.-]+\s*:\s*f32\b", text):
        raise TraceError(f"fgla.trace: MLIR text must begin with a block's head, such as ^bb0(%x: f32):, got '{text[:60]}'")
    if not re.search(r"\bfgla\.yield\b[^\n]*\Z", text):
        raise TraceError("fgla.trace: MLIR text must end with fgla.yield")
    return text


class _Block:
    """Text that grows. Values have numbers for names; equal constants are one."""

    def __init__(self):
        self.arguments, self.lines, self.constants = [], [], {}

    def argument(self, name):
        name = name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else f"x{len(self.arguments)}"
        name = f"%{name}_" if re.fullmatch(r"v\d+", name) else f"%{name}"  # beside the names of values
        self.arguments.append(f"{name}: f32")
        return Scalar(self, name)

    def write(self, text, kind):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return kind(self, name)

    def emit(self, op, *operands, kind=None, type="f32"):
        return self.write(f"{op} {', '.join(o.name for o in operands)} : {type}", kind or Scalar)

    def constant(self, number):
        number = float(number)
        if not math.isfinite(number):  # hexadecimal in MLIR, which would fix the type: a quotient that folds instead
            return self.emit("arith.divf", self.constant(0.0 if math.isnan(number) else math.copysign(1.0, number)), self.constant(0.0))
        text = repr(number)
        if "." not in text:
            text = text.replace("e", ".0e")
        if text not in self.constants:
            self.constants[text] = self.write(f"arith.constant {text} : f32", Scalar)
        return self.constants[text]

    def close(self, value):
        lines = [f"^bb0({', '.join(self.arguments)}):", *self.lines, f"fgla.yield {value.name} : f32"]
        return "\n  ".join(lines)


class _Value:
    """What stands for a number or a truth value while a function is traced."""

    def __init__(self, block, name):
        self.block, self.name = block, name

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        name = getattr(function, "__name__", str(function))
        return _call(_ALIASES.get(name, name), f"torch function '{name}'", arguments, keywords or {})

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if _ALIASES.get(name, name) not in _FUNCTIONS:
            raise _error(f"'{name}' is not an elementwise function of one scalar that fgla knows")
        return lambda *arguments, **keywords: _call(_ALIASES.get(name, name), f"method '{name}'", (self, *arguments), keywords)

    def __bool__(self):
        raise _error("whether this is true is not known when the function is traced; torch.where(condition, a, b) chooses")

    def __float__(self):
        raise _error("a traced scalar is not a number yet, and functions of Python's math and NumPy take numbers; use torch's")

    __int__ = __index__ = __float__

    def __iter__(self):
        raise _error("a traced scalar has no elements: a map or gate sees one number at a time")

    __len__ = __getitem__ = lambda self, *_: self.__iter__()
    __array__ = lambda self, *_, **__: self.__float__()


class Scalar(_Value):
    """Stands for a number."""


class Truth(_Value):
    """Stands for the result of a comparison."""


def _call(name, what, arguments, keywords):
    if name not in _FUNCTIONS:
        raise _error(f"{what} is not an elementwise function that fgla knows")
    if keywords.pop("out", None) is not None or keywords.pop("inplace", False):
        raise _error(f"{what} cannot write into its argument: traced scalars do not change")
    function = _FUNCTIONS[name]
    try:
        bound = inspect.signature(function).bind(*arguments, **keywords)
    except TypeError as error:
        raise _error(f"{what}: {error}") from None
    given = bound.arguments
    if any(isinstance(value, _Value) for option, value in given.items() if option not in _OPERANDS):
        raise _error(f"{what} has a traced scalar among its options, which have to be numbers")
    block = next(value.block for value in given.values() if isinstance(value, _Value))
    return function(**{name: _lift(block, value) if name in _OPERANDS else value for name, value in given.items()})


# Parameters of functions that may be traced; others are options.
_OPERANDS = {"condition", "input", "other", "exponent", "min", "max"}


def _lift(block, argument):
    """A stand-in for ARGUMENT, if that is a number."""
    if isinstance(argument, torch.Tensor):
        if argument.numel() != 1:
            raise _error(f"a tensor of shape {list(argument.shape)} is not a scalar; what a map learns is its matrix, or lies outside of it")
        if argument.requires_grad:
            raise _error("a tensor that requires a gradient cannot be captured: it would be a constant; use .item() if that is meant")
        return block.constant(argument.item())
    if argument is None or isinstance(argument, _Value):
        return argument
    if isinstance(argument, (bool, int, float)) or hasattr(argument, "__float__"):
        return block.constant(float(argument))
    raise _error(f"{_show(argument)} is not a scalar")


def _as_number(block, value):
    value = _lift(block, value)
    return _where(value, 1.0, 0.0) if isinstance(value, Truth) else value


def _show(value):
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _error(message):
    """The message, with the expression that it is about: of the frames, the innermost that is the user's."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in ("fgla", "torch"):
        frame = frame.f_back
    first, last, begin, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    message = f"fgla.trace: {message}, at {frame.f_code.co_filename}:{first}"
    line = linecache.getline(frame.f_code.co_filename, first).rstrip("\n")
    if line and begin is not None:
        # Columns count bytes of UTF-8.
        begin = len(line.encode()[:begin].decode(errors="replace"))
        end = len(line.encode()[:end].decode(errors="replace")) if last == first else len(line)
        message += f"\n    {line.strip()}\n    {' ' * (begin - (len(line) - len(line.lstrip())))}{'^' * max(end - begin, 1)}"
    return TraceError(message)


# ---- What is known -------------------------------------------------------------------------------------------------------------------
#
# Functions by torch's names, with torch's arguments. Those that are one op of `arith` or `math` are in tables; the rest is made of these,
# in forms that neither overflow nor lose their digits where the compiler differentiates them.

_ALIASES = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh",
    "absolute": "abs", "negative": "neg", "fix": "trunc", "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div",
    "clip": "clamp", "expit": "sigmoid", "log_sigmoid": "logsigmoid", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
    "not_equal": "ne", "special_expit": "sigmoid", "special_erf": "erf", "special_erfc": "erfc", "special_exp2": "exp2",
    "special_expm1": "expm1", "special_log1p": "log1p", "special_round": "round",
}  # fmt: skip

_UNARY = {
    "exp": "math.exp", "exp2": "math.exp2", "expm1": "math.expm1", "log": "math.log", "log2": "math.log2", "log10": "math.log10",
    "log1p": "math.log1p", "sqrt": "math.sqrt", "rsqrt": "math.rsqrt", "sin": "math.sin", "cos": "math.cos", "tan": "math.tan",
    "asin": "math.asin", "acos": "math.acos", "atan": "math.atan", "sinh": "math.sinh", "cosh": "math.cosh", "tanh": "math.tanh",
    "asinh": "math.asinh", "acosh": "math.acosh", "atanh": "math.atanh", "erf": "math.erf", "erfc": "math.erfc", "abs": "math.absf",
    "neg": "arith.negf", "floor": "math.floor", "ceil": "math.ceil", "trunc": "math.trunc",
}  # fmt: skip
_BINARY = {
    "mul": "arith.mulf", "maximum": "arith.maximumf", "minimum": "arith.minimumf", "fmax": "arith.maxnumf", "fmin": "arith.minnumf",
    "atan2": "math.atan2", "copysign": "math.copysign", "fmod": "arith.remf",
}  # fmt: skip
_COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LOGICAL = {"logical_and": "arith.andi", "logical_or": "arith.ori", "logical_xor": "arith.xori"}


def _numbers(*values):
    """The values as stand-ins of numbers; at least one of them is a stand-in."""
    block = next(value.block for value in values if isinstance(value, _Value))
    return [_as_number(block, value) for value in values]


def _emit(op, *operands):
    operands = _numbers(*operands)
    return operands[0].block.emit(op, *operands)


def _unary(op):
    return lambda input: _emit(op, input)


def _binary(op):
    return lambda input, other: _emit(op, input, other)


def _comparison(predicate):
    def compare(input, other):
        operands = _numbers(input, other)
        return operands[0].block.emit(f"arith.cmpf {predicate},", *operands, kind=Truth)

    return compare


def _truth(value):
    return value if isinstance(value, Truth) else _FUNCTIONS["ne"](value, 0.0)


def _logical(op):
    def combine(input, other):
        input, other = _truth(input), _truth(other)
        return input.block.emit(op, input, other, kind=Truth, type="i1")

    return combine


def _not(input):
    return _comparison("oeq")(input, 0.0)


def _where(condition, input, other):
    block = condition.block
    chosen = [_as_number(block, input), _as_number(block, other)]
    return block.emit("arith.select", _truth(condition), *chosen)


def _add(input, other, alpha=1):
    return _emit("arith.addf", input, other if alpha == 1 else other * alpha)


def _sub(input, other, alpha=1):
    return _emit("arith.subf", input, other if alpha == 1 else other * alpha)


def _div(input, other, rounding_mode=None):
    quotient = _emit("arith.divf", input, other)
    return quotient if rounding_mode is None else _FUNCTIONS[rounding_mode](quotient)


def _remainder(input, other):
    rest = _emit("arith.remf", input, other)
    return _where((rest != 0) & ((rest < 0) ^ (_numbers(input, other)[1] < 0)), rest + other, rest)


def _round(input, decimals=0):
    if decimals != 0:
        raise _error("round with decimals is not known")
    return _emit("math.roundeven", input)


def _number_of(value):
    """What a constant stands for, or None."""
    return next((float(text) for text, constant in value.block.constants.items() if constant.name == value.name), None)


def _pow(input, exponent):
    base, exponent = _numbers(input, exponent)
    number = _number_of(exponent)
    if number == 0.5:
        return _FUNCTIONS["sqrt"](base)
    if number is None or number != int(number) or not 1 <= abs(number) <= 16:
        return _FUNCTIONS["exp2"](exponent) if _number_of(base) == 2 else _emit("math.powf", base, exponent)
    power, square, rest = None, base, int(abs(number))
    while True:
        if rest & 1:
            power = square if power is None else power * square
        rest >>= 1
        if not rest:
            return power if number > 0 else 1 / power
        square = square * square


def _clamp(input, min=None, max=None):
    if min is None and max is None:
        raise _error("clamp needs a bound")
    value = input if min is None else _FUNCTIONS["maximum"](input, min)
    return value if max is None else _FUNCTIONS["minimum"](value, max)


def _sigmoid(input):
    small = (-input.abs()).exp()
    larger = 1 / (1 + small)
    return _where(input < 0, small * larger, larger)


def _softplus(input, beta=1, threshold=20):
    scaled = input * beta
    return (_FUNCTIONS["maximum"](scaled, 0.0) + (-scaled.abs()).exp().log1p()) / beta


def _gelu(input, approximate="none"):
    if approximate == "tanh":
        return input * _sigmoid(2 * math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input))
    return 0.5 * input * (input * -math.sqrt(0.5)).erfc()


def _elu(input, alpha=1.0, scale=1.0, input_scale=1.0):
    low = _FUNCTIONS["minimum"](input * input_scale, 0.0)
    return (_FUNCTIONS["maximum"](input, 0.0) + low.expm1() * alpha) * scale


def _celu(input, alpha=1.0):
    return _FUNCTIONS["maximum"](input, 0.0) + (_FUNCTIONS["minimum"](input, 0.0) / alpha).expm1() * alpha


def _logaddexp(input, other):
    return _FUNCTIONS["maximum"](input, other) + (-(input - other).abs()).exp().log1p()


def _sign(input):
    return _where(input > 0, 1.0, _where(input < 0, -1.0, 0.0))


_FUNCTIONS = {
    **{name: _unary(op) for name, op in _UNARY.items()},
    **{name: _binary(op) for name, op in _BINARY.items()},
    **{name: _comparison(predicate) for name, predicate in _COMPARISONS.items()},
    **{name: _logical(op) for name, op in _LOGICAL.items()},
    "logical_not": _not,
    "where": _where,
    "add": _add,
    "sub": _sub,
    "rsub": lambda input, other, alpha=1: _sub(other, input, alpha),
    "div": _div,
    "floor_divide": lambda input, other: _div(input, other, "floor"),
    "remainder": _remainder,
    "round": _round,
    "pow": _pow,
    "float_power": _pow,
    "clamp": _clamp,
    "clamp_min": lambda input, min: _clamp(input, min),
    "clamp_max": lambda input, max: _clamp(input, None, max),
    "square": lambda input: input * input,
    "reciprocal": lambda input: 1 / input,
    "sign": _sign,
    "sgn": _sign,
    "logaddexp": _logaddexp,
    "sigmoid": _sigmoid,
    "logsigmoid": lambda input: _FUNCTIONS["minimum"](input, 0.0) - (-input.abs()).exp().log1p(),
    "logit": lambda input: input.log() - (-input).log1p(),
    "relu": lambda input: _where(input <= 0, 0.0, input),
    "relu6": lambda input: _clamp(input, 0.0, 6.0),
    "leaky_relu": lambda input, negative_slope=0.01: _where(input > 0, input, input * negative_slope),
    "silu": lambda input: input * _sigmoid(input),
    "mish": lambda input: input * _softplus(input).tanh(),
    "gelu": _gelu,
    "elu": _elu,
    "selu": lambda input: _elu(input, 1.6732632423543772, 1.0507009873554805),
    "celu": _celu,
    "softplus": _softplus,
    "softsign": lambda input: input / (1 + input.abs()),
    "tanhshrink": lambda input: input - input.tanh(),
    "hardtanh": lambda input, min_val=-1.0, max_val=1.0: _clamp(input, min_val, max_val),
    "hardsigmoid": lambda input: _clamp(input / 6 + 0.5, 0.0, 1.0),
    "hardswish": lambda input: input * _clamp(input / 6 + 0.5, 0.0, 1.0),
}


def _operator(name, swapped=False):
    def apply(self, *other):
        operands = (other[0], self) if swapped else (self, *other)
        return _call(name, f"operator '{name}'", operands, {})

    return apply


for _python, _name in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "pow": "pow",
    "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}.items():  # fmt: skip
    setattr(_Value, f"__{_python}__", _operator(_name))
    setattr(_Value, f"__r{_python}__", _operator(_name, swapped=True))
for _python in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "round", "floor", "ceil", "trunc"):
    setattr(_Value, f"__{_python}__", _operator(_python))
_Value.__pos__ = lambda self: self
_Value.__invert__ = _operator("logical_not")
_Value.__hash__ = None
