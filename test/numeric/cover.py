"""A small set of configurations in which every pair of values of two factors occurs that can occur."""

import itertools
import random


def pairs_of(row, names):
    return {((a, row[a]), (b, row[b])) for a, b in itertools.combinations(names, 2)}


def pairwise(factors, is_valid, seed=0, candidates=40, tries=200):
    """FACTORS is {name: values}; IS_VALID takes a dict with a value for each name. Deterministic for a seed."""
    generator = random.Random(seed)
    names = list(factors)

    def draw(fixed):
        for _ in range(tries):
            row = {name: generator.choice(values) for name, values in factors.items()} | fixed
            if is_valid(row):
                return row
        return None

    remaining = [((a, x), (b, y)) for a, b in itertools.combinations(names, 2) for x in factors[a] for y in factors[b]]
    left = dict.fromkeys(remaining)  # a set that keeps its order
    rows = []
    while left:
        pair = next(iter(left))
        fixed = dict(pair)
        drawn = [row for row in (draw(fixed) for _ in range(candidates)) if row]
        if not drawn:  # no valid configuration has it
            del left[pair]
            continue
        best = max(drawn, key=lambda row: sum(p in left for p in pairs_of(row, names)))
        for covered in pairs_of(best, names):
            left.pop(covered, None)
        rows.append(best)
    return rows
