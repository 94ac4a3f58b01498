#!/usr/bin/env python3
"""Runs random small ONNX graphs through fgla-run and compares the results with those of ONNX's reference evaluator in float64.

usage: onnx_graphs.py [--build DIR] [--quick] [--seed N] [--count N] [--jobs N] [--keep FOLDER]

A seed is a graph: elementwise operators with operands that are broadcast, reductions, views, products, several results, sizes that are
given and sizes that are not. --seed and --count try others than the tests do; --keep leaves the models that fail in FOLDER. Ends with
`N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file, save_file

from reporting import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYMBOLS = {"B": (1, 2, 3), "T": (1, 2, 5, 17)}
SIZES = (1, 1, 2, 3, 4, 5, 8, 16, 33)
LARGEST = 20000  # elements of a tensor
LARGEST_RANK = 5
BOUND = 1e-5

UNARY = ["Neg", "Abs", "Tanh", "Sigmoid", "Relu", "Softplus", "Erf", "Sin", "Cos", "Elu", "Gelu", "LeakyRelu", "Swish", "Identity"]
BINARY = ["Add", "Sub", "Mul", "Max", "Min"]
REDUCTIONS = ["ReduceSum", "ReduceMean", "ReduceMax"]


class Value:
    """A tensor of the graph: its name, and for each dim what the model says of it and how long it is."""

    def __init__(self, name, dims):
        self.name, self.dims = name, tuple(dims)

    @property
    def rank(self):
        return len(self.dims)

    @property
    def sizes(self):
        return tuple(size for _, size in self.dims)

    @property
    def labels(self):
        return [label for label, _ in self.dims]


class Graph:
    """The graph of a seed, in floats of KIND."""

    def __init__(self, seed, kind):
        self.random, self.kind, self.seed = random.Random(seed), kind, seed
        self.nodes, self.inputs, self.constants, self.values = [], [], [], []
        self.symbols = {name: self.random.choice(sizes) for name, sizes in SYMBOLS.items()}
        for _ in range(self.random.randint(1, 2)):
            self.values.append(self.input([self.any_dim() for _ in range(self.random.randint(0, 4))]))
        makers = [
            self.unary, self.unary, self.binary, self.binary, self.binary, self.divide, self.where, self.mask, self.reduce, self.reduce, self.normalize, self.scan,
            self.transpose, self.reshape, self.squeeze, self.unsqueeze, self.slice, self.split, self.concat, self.expand, self.gather,
            self.product, self.softmax,
        ]  # fmt: skip
        steps = self.random.randint(1, 6)
        while steps:
            made = self.random.choice(makers)()
            if made is not None:
                self.values.append(made)
                steps -= 1
        made = self.values[len(self.inputs) if len(self.values) > len(self.inputs) else 0 :]
        made = [value for value in made if value not in self.inputs]
        self.outputs = [made[-1]] + [v for v in made[:-1] if self.random.random() < 0.3]
        self.random.shuffle(self.outputs)

    # ---- Parts ---------------------------------------------------------------------------------------------------------------------

    def any_dim(self):
        if self.random.random() < 0.4:
            name = self.random.choice(list(self.symbols))
            return name, self.symbols[name]
        size = self.random.choice(SIZES)
        return size, size

    def fits(self, dims):
        return len(dims) <= LARGEST_RANK and np.prod([size for _, size in dims], initial=1) <= LARGEST

    def input(self, dims):
        while not self.fits(dims):
            dims = dims[1:]
        value = Value(f"x{len(self.inputs)}", dims)
        self.inputs.append(value)
        return value

    def ints(self, *numbers):
        return self.constant(np.array(numbers, np.int64))

    def constant(self, array):
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, operator, inputs, dims, **attributes):
        if not self.fits(dims):
            return None
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [i.name if isinstance(i, Value) else i for i in inputs], [name], **attributes))
        return Value(name, dims)

    def pick(self, least_rank=0):
        fitting = [value for value in self.values if value.rank >= least_rank]
        return self.random.choice(fitting) if fitting else None

    def axis(self, value):
        """An axis and how the model says it, which may be from behind."""
        axis = self.random.randrange(value.rank)
        return axis, axis - value.rank if self.random.random() < 0.5 else axis

    def partner(self, value):
        """What VALUE can be combined with: a value that is there, or an input that is broadcast along some dims."""
        fitting = [other for other in self.values if broadcast(value.dims, other.dims)]
        if fitting and self.random.random() < 0.5:
            return self.random.choice(fitting)
        dims = [dim if self.random.random() < 0.6 and not is_computed(dim) else (1, 1) for dim in value.dims]
        dims = dims[self.random.choice([0, 0, 0, *range(len(dims) + 1)]) :]
        if len(dims) == value.rank < LARGEST_RANK and self.random.random() < 0.2:
            dims = [self.any_dim(), *dims]
        return self.input(dims) if self.fits(dims) else value

    # ---- Operators; None where one does not suit ------------------------------------------------------------------------------------

    def unary(self):
        value = self.pick()
        return self.node(self.random.choice(UNARY), [value], value.dims)

    def binary(self):
        value = self.pick()
        pair = [value, self.partner(value)]
        dims = broadcast(pair[0].dims, pair[1].dims)
        self.random.shuffle(pair)
        return self.node(self.random.choice(BINARY), pair, dims) if dims is not None else None

    def divide(self):
        value = self.pick()
        other = self.partner(value)
        dims = broadcast(value.dims, other.dims)
        if dims is None or not self.fits(dims):
            return None
        squared = self.node("Mul", [other, other], other.dims)
        positive = self.node("Add", [squared, self.constant(np.array(0.5, helper.tensor_dtype_to_np_dtype(self.kind)))], other.dims)
        if self.random.random() < 0.5:
            positive = self.node("Sqrt", [positive], other.dims)
        return self.node("Div", [value, positive], dims)

    def where(self):
        value = self.pick()
        other, mask = self.partner(value), self.partner(value)
        dims = broadcast(value.dims, other.dims)
        dims = broadcast(dims, mask.dims) if dims is not None else None
        if dims is None or not self.fits(dims) or mask not in self.inputs:
            return None
        zero = self.constant(np.array(0, helper.tensor_dtype_to_np_dtype(self.kind)))
        condition = self.node("Less", [mask, zero], mask.dims)
        return self.node("Where", [condition, value, other], dims)

    def mask(self):
        """Ones and zeros, from booleans. Of inputs alone: what is computed may be less than zero in one precision only."""
        value = self.random.choice(self.inputs)
        condition = self.node("Less", [value, self.constant(np.array(0, helper.tensor_dtype_to_np_dtype(self.kind)))], value.dims)
        if self.random.random() < 0.5:
            condition = self.node("Not", [condition], value.dims)
        return self.node("Cast", [condition], value.dims, to=self.kind)

    def reduce(self):
        value = self.pick(1)
        if value is None:
            return None
        axes = self.random.sample(range(value.rank), self.random.randint(1, value.rank))
        keep = self.random.random() < 0.6
        said = [axis - value.rank if self.random.random() < 0.3 else axis for axis in axes]
        dims = [(1, 1) if i in axes else dim for i, dim in enumerate(value.dims) if keep or i not in axes]
        return self.node(self.random.choice(REDUCTIONS), [value, self.ints(*said)], dims, keepdims=int(keep))

    def softmax(self):
        value = self.pick(1)
        return value and self.node("Softmax", [value], value.dims, axis=self.axis(value)[1])

    def normalize(self):
        value = self.pick(1)
        if value is None or not isinstance(value.dims[-1][0], int) or value.dims[-1][1] < 2:
            return None
        scale = self.input(value.dims[-1:])
        return self.node(self.random.choice(["LayerNormalization", "RMSNormalization"]), [value, scale], value.dims, axis=-1)

    def scan(self):
        value = self.pick(1)
        if value is None:
            return None
        axis = self.constant(np.array(self.axis(value)[1], np.int64))
        options = {"exclusive": self.random.randint(0, 1), "reverse": self.random.randint(0, 1)}
        return self.node("CumSum", [value, axis], value.dims, **options)

    def transpose(self):
        value = self.pick(2)
        if value is None:
            return None
        order = self.random.sample(range(value.rank), value.rank)
        return self.node("Transpose", [value], [value.dims[i] for i in order], perm=order)

    def reshape(self):
        """Merges two dims that lie next to each other, or splits one."""
        value = self.pick(1)
        if value is None:
            return None
        at = self.random.randrange(value.rank)
        label, size = value.dims[at]
        if at + 1 < value.rank and self.random.random() < 0.5:
            merged = size * value.dims[at + 1][1]
            is_known = all(isinstance(label, int) for label, _ in value.dims[at : at + 2])
            dims = [*value.dims[:at], (merged if is_known else f"m{len(self.nodes)}", merged), *value.dims[at + 2 :]]
            shape = [0] * at + [-1]
            if any(not isinstance(label, int) for label, _ in value.dims[at + 2 :]):
                return None
            shape += [size for _, size in value.dims[at + 2 :]]
        else:
            divisors = [d for d in range(1, size + 1) if size % d == 0]
            part = self.random.choice(divisors)
            if not isinstance(label, int) or any(not isinstance(label, int) for label, _ in value.dims[at + 1 :]):
                return None
            dims = [*value.dims[:at], (part, part), (size // part, size // part), *value.dims[at + 1 :]]
            shape = [0] * at + [part, -1] + [size for _, size in value.dims[at + 1 :]]
        return self.node("Reshape", [value, self.ints(*shape)], dims)

    def squeeze(self):
        value = self.pick(1)
        ones = [i for i, (label, _) in enumerate(value.dims) if label == 1] if value else []
        if not ones:
            return None
        axis = self.random.choice(ones)
        return self.node("Squeeze", [value, self.ints(axis)], [d for i, d in enumerate(value.dims) if i != axis])

    def unsqueeze(self):
        value = self.pick()
        axis = self.random.randint(0, value.rank)
        return self.node("Unsqueeze", [value, self.ints(axis)], [*value.dims[:axis], (1, 1), *value.dims[axis:]])

    def slice(self):
        value = self.pick(1)
        if value is None:
            return None
        axis, said = self.axis(value)
        label, size = value.dims[axis]
        if not isinstance(label, int):
            return None
        begin = self.random.randrange(size)
        end = self.random.randint(begin + 1, size)
        step = self.random.randint(1, 3)
        length = len(range(begin, end, step))
        words = [self.ints(n) for n in (begin - size if self.random.random() < 0.3 else begin, end, said, step)]
        return self.node("Slice", [value, *words], [(length, length) if i == axis else d for i, d in enumerate(value.dims)])

    def split(self):
        value = self.pick(1)
        if value is None:
            return None
        axis, said = self.axis(value)
        label, size = value.dims[axis]
        if not isinstance(label, int) or size < 2:
            return None
        first = self.random.randint(1, size - 1)
        names = [f"v{len(self.nodes)}", f"v{len(self.nodes)}s"]
        self.nodes.append(helper.make_node("Split", [value.name, self.ints(first, size - first)], names, axis=said))
        parts = [Value(n, [(l, l) if i == axis else d for i, d in enumerate(value.dims)]) for n, l in zip(names, (first, size - first))]
        self.values.append(parts[0])
        return parts[1]

    def concat(self):
        value = self.pick(1)
        if value is None:
            return None
        axis, said = self.axis(value)
        fitting = [v for v in self.values if v.rank == value.rank]
        rest = lambda v: [dim for i, dim in enumerate(v.dims) if i != axis]
        fitting = [v for v in fitting if rest(v) == rest(value) and not any(map(is_computed, rest(v)))]
        if not fitting:
            return None
        parts = [value] + self.random.choices(fitting, k=self.random.randint(1, 2))
        self.random.shuffle(parts)
        labels, length = [part.dims[axis][0] for part in parts], sum(part.dims[axis][1] for part in parts)
        label = length if all(isinstance(l, int) for l in labels) else f"m{len(self.nodes)}"
        return self.node("Concat", parts, [(label, length) if i == axis else d for i, d in enumerate(value.dims)], axis=said)

    def expand(self):
        value = self.pick()
        if not all(isinstance(label, int) for label in value.labels):
            return None
        sizes = [self.random.choice(SIZES) if size == 1 else self.random.choice([1, size]) for size in value.sizes]
        sizes = [self.random.choice(SIZES) for _ in range(self.random.randint(0, 1))] + sizes
        dims = broadcast(value.dims, [(size, size) for size in sizes])
        return self.node("Expand", [value, self.ints(*sizes)], dims)

    def gather(self):
        value = self.pick(1)
        if value is None:
            return None
        axis, said = self.axis(value)
        label, size = value.dims[axis]
        if not isinstance(label, int):
            return None
        shape = [self.random.randint(1, 3) for _ in range(self.random.randint(0, 2))]
        numbers = np.array([self.random.randrange(-size, size) for _ in range(int(np.prod(shape, initial=1)))], np.int64).reshape(shape)
        dims = [*value.dims[:axis], *((n, n) for n in shape), *value.dims[axis + 1 :]]
        return self.node("Gather", [value, self.constant(numbers)], dims, axis=said)

    def product(self):
        value = self.pick(2)
        if value is None or is_computed(value.dims[-1]):
            return None
        columns = self.any_dim()
        batch = [dim if self.random.random() < 0.6 and not is_computed(dim) else (1, 1) for dim in value.dims[:-2]]
        batch = batch[self.random.randint(0, len(batch)) :]
        dims = [*value.dims[:-1], columns]
        if not self.fits(dims):
            return None
        right = [*batch, value.dims[-1], columns]
        return self.node("MatMul", [value, self.input(right)], dims) if self.fits(right) else None

    # ---- The model -----------------------------------------------------------------------------------------------------------------

    def model(self):
        def info(value):
            return helper.make_tensor_value_info(value.name, self.kind, value.labels)

        graph = helper.make_graph(self.nodes, f"graph{self.seed}", [info(v) for v in self.inputs], [info(v) for v in self.outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=12)

    def feeds(self):
        generator = np.random.default_rng(self.seed)
        return {value.name: generator.standard_normal(value.sizes).astype(np.float32) for value in self.inputs}


def is_computed(dim):
    """Whether the model has no name for the size, so that the compiler can't see that another one is equal."""
    return str(dim[0]).startswith("m")


def broadcast(first, second):
    """The dims of two values combined, or None."""
    rank = max(len(first), len(second))
    dims = []
    for a, b in zip([(1, 1)] * (rank - len(first)) + list(first), [(1, 1)] * (rank - len(second)) + list(second)):
        if 1 not in (a[0], b[0]) and (a[0] != b[0] or is_computed(a)):
            return None
        dims.append(b if a[0] == 1 else a)
    return dims


# ---- A comparison -------------------------------------------------------------------------------------------------------------------


def relative_error(got, wanted):
    if got.shape != wanted.shape:
        return np.inf
    difference = got.astype(np.float64) - wanted
    return float(np.linalg.norm(difference) / max(np.linalg.norm(wanted), 1e-30)) if wanted.size else 0.0


def evaluate(graph, kind):
    inputs = {name: array.astype(helper.tensor_dtype_to_np_dtype(kind)) for name, array in graph.feeds().items()}
    return [np.asarray(result) for result in ReferenceEvaluator(graph.model()).run(None, inputs)]


def run_graph(build, seed, folder):
    """(what is wrong with each result, or with all) of the graph of a seed."""
    narrow, wide = Graph(seed, TensorProto.FLOAT), Graph(seed, TensorProto.DOUBLE)
    wanted, evaluated = evaluate(wide, TensorProto.DOUBLE), evaluate(narrow, TensorProto.FLOAT)
    folder.mkdir(parents=True)
    onnx.save(narrow.model(), folder / "model.onnx")
    save_file({name: np.asarray(array, order="C") for name, array in narrow.feeds().items()}, folder / "in.safetensors")
    command = [build / "bin" / "fgla-run", folder / "model.onnx", f"--inputs={folder}/in.safetensors", f"--outputs={folder}/out.safetensors"]
    if seed % 4 == 0:
        command.append("--lowering=reference")
    environment = {**os.environ, "FGLA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=300)
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {done.stderr.strip()[:300]}"]
    results, problems = load_file(folder / "out.safetensors"), []
    for value, exact, narrower in zip(narrow.outputs, wanted, evaluated):
        # What is as hard to compute for another f32 computation may be as far off.
        error, bound = relative_error(results[value.name], exact), max(BOUND, 10 * relative_error(narrower, exact))
        if not error <= bound:
            problems.append(f"result {value.name}: error {error:.3g}, allowed {bound:.3g}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    build, count = arguments.build.resolve(), arguments.count or (24 if arguments.quick else 250)
    seeds = range(arguments.seed, arguments.seed + count)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="fgla_graphs_") as work, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        folders = [pathlib.Path(work) / str(seed) for seed in seeds]
        for seed, folder, problems in zip(seeds, folders, pool.map(lambda s, f: run_graph(build, s, f), seeds, folders)):
            report.check(f"graph of seed {seed}", not problems, "; ".join(problems))
            if problems and arguments.keep:
                shutil.copytree(folder, arguments.keep / str(seed), ignore=shutil.ignore_patterns("cache"), dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
