"""Seeded inputs for a program: ordinary ones, and those that break a careless kernel."""

import hashlib

import numpy as np

import reference
from program import CUSTOM_FEATURE, NUMPY_DTYPES

PROFILES = ["normal", "strong", "extreme", "jumps", "rising", "falling", "constant", "huge", "spread", "far"]

# Feature maps that are bounded whatever goes in; the others get ordinary inputs in every profile, since exp(100) is no f32.
BOUNDED_MAPS = ("safe_exp", "softmax", "hedgehog")


def rng(*seed):
    return np.random.default_rng(list(hashlib.sha256(repr(seed).encode()).digest()))


def make_inputs(program, batch, tokens, profile="normal", seed=0):
    """Arrays by argument name, in the argument's dtype."""
    c = program.config
    arrays = {}
    for name, (shape, dtype) in program.arguments.items():
        if name == "offsets":
            arrays[name] = make_offsets(c.sequences, tokens).astype(NUMPY_DTYPES[dtype])
            continue
        shape = tuple({"B": batch, "T": tokens, "N": len(c.sequences)}.get(d, d) for d in shape)
        values = Values(c, profile, rng(str(c), batch, tokens, profile, seed, name), shape)
        method = {"zg": values.gate, "zr": values.gate, "k": values.key, "q": values.query}.get(name)
        method = method or getattr(values, name, values.parameter if name.endswith(("_weight", "_bias")) else values.ordinary)
        arrays[name] = method().astype(NUMPY_DTYPES[dtype])
    if c.rule != "gated":
        scale_beta(c, arrays)
    return arrays


def make_offsets(weights, tokens):
    """Where sequences begin that share TOKENS in the ratio of WEIGHTS; those of weight zero are empty."""
    ends = np.cumsum(weights) / np.sum(weights) if np.sum(weights) else np.zeros(len(weights))
    return np.concatenate([[0], np.round(ends * tokens)])


def scale_beta(c, arrays):
    """The delta rule forgets the past instead of blowing it up while beta |k|^2 <= 1."""
    kind = CUSTOM_FEATURE[1] if c.key_map == "custom" else c.key_map
    k = reference.feature_map(kind, arrays["k"], arrays.get("k_weight"))
    if c.stabilizer == "token":
        k = reference.feature_map("safe_exp", k)
    squares = np.maximum((k * k).sum(axis=-1), 1e-2)
    if c.beta == "one":
        squares = squares.max(axis=-1, keepdims=True)
    arrays["beta"] = (arrays["beta"].astype(np.float64) / squares).astype(arrays["beta"].dtype)


class Values:
    """Makes one array; a method for every argument that is not just normally distributed."""

    def __init__(self, config, profile, generator, shape):
        self.config, self.profile, self.generator, self.shape = config, profile, generator, shape

    def ordinary(self):
        if self.profile == "constant":
            return np.broadcast_to(self.generator.standard_normal(self.shape[2:]), self.shape)
        return self.generator.standard_normal(self.shape)

    zo = ordinary

    def v(self):
        # The norm's squares would overflow f32.
        return self.ordinary() * (1e25 if self.profile == "huge" else 1.0)

    def parameter(self):
        """A feature map's matrix, or what a norm has."""
        if len(self.shape) == 3:
            return self.generator.standard_normal(self.shape) / np.sqrt(self.shape[1])
        return 1.0 + 0.1 * self.generator.standard_normal(self.shape)

    def hundreds(self):
        """±100 here and there."""
        choice = self.generator.integers(0, 4, self.shape)
        return np.where(choice == 0, 100.0, np.where(choice == 1, -100.0, self.generator.standard_normal(self.shape)))

    def far(self):
        """Logits of a million, then of 1e30: what is not the largest counts for nothing."""
        token = np.arange(self.shape[1])[None, :, None, None] if len(self.shape) == 4 else 0
        return np.where(token < 20, 1e6, 1e30) * (1 - self.generator.integers(0, 2, self.shape) / 64)

    def spread(self, feature_map):
        """Features of all sizes, where the map has them; products and sums stay f32s."""
        if feature_map in ("identity", "relu"):
            return self.generator.standard_normal(self.shape) * np.exp2(self.generator.uniform(-60, 60, self.shape))
        return self.generator.uniform(-40, 40, self.shape) if feature_map == "exp" else self.ordinary()

    def query(self):
        if self.profile == "spread":
            return self.spread(self.config.query)
        if self.profile == "far" and self.config.query in BOUNDED_MAPS:
            return self.far()
        return self.hundreds() if self.profile == "extreme" and self.config.query in BOUNDED_MAPS else self.ordinary()

    def key(self):
        z = self.ordinary()
        if self.config.stabilizer == "none" and self.config.key not in BOUNDED_MAPS:
            return self.spread(self.config.key) if self.profile == "spread" else z
        token = np.arange(self.shape[1])[None, :, None, None] if len(self.shape) == 4 else 0
        if self.profile == "extreme":
            return self.hundreds()
        if self.profile == "far":
            return self.far()
        if self.profile == "jumps":  # the running maximum moves by 150 within a tile
            return z + 150.0 * (token >= 5) + 150.0 * (token >= 37) - 400.0 * (token >= 71)
        if self.profile == "rising":
            return z + 0.75 * token
        if self.profile == "falling":
            return z - 0.75 * token
        return z

    def gate(self):
        if self.profile == "extreme":
            return self.hundreds()
        if self.profile == "strong":  # f is about 0.07
            return self.ordinary() - 3.0
        if self.profile == "constant":
            return np.full(self.shape, 14.0)  # f = 1 - 8e-7
        # For "spread": a product of eight refined gates is about 2^-124, of four 2^-62; of eight given decays 2^-69.
        return self.ordinary() + (-6.0 if self.profile == "spread" else 2.0)

    def decay(self):
        """Given factors or logarithms."""
        log = self.config.gate_kind == "log"
        if self.profile == "constant":
            return np.full(self.shape, -1e-6 if log else 1.0 - 2.0**-20)
        if self.profile == "extreme":
            logs = self.generator.choice([0.0, -1e-6, -1.0, -50.0, -100.0], self.shape)
            return logs if log else np.where(logs == -100.0, 0.0, np.exp(logs))
        shift = {"strong": -3.0, "spread": -6.0}.get(self.profile, 2.0)
        logs = reference.log_sigmoid(self.generator.standard_normal(self.shape) + shift)
        return logs if log else np.exp(logs)

    def beta(self):
        return self.generator.uniform(0.2, 1.0, self.shape)

    def initial_max(self):
        return 2.0 * self.generator.standard_normal(self.shape)
