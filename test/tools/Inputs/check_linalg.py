#!/usr/bin/env python3
"""Computes in plain Python what linalg-numbers.mlir should give, and compares.

usage: check_linalg.py IN.safetensors OUT.safetensors
"""
import math
import sys

import tensors


def main():
    given, got = tensors.load(sys.argv[1]), tensors.load(sys.argv[2])
    _, (rows, columns), x = given["x"]
    _, _, bias = given["bias"]
    _, (_, width), w = given["w"]
    X = [x[r * columns : (r + 1) * columns] for r in range(rows)]
    W = [w[r * width : (r + 1) * width] for r in range(columns)]
    half = given["half"][2]
    expected = {
        "elementwise": [math.exp(v) + b for row in X for v, b in zip(row, bias)],
        "row_sums": [sum(row) for row in X],
        "row_maxima": [max(row) for row in X],
        "column_sums": [sum(X[r][c] for r in range(rows)) for c in range(columns)],
        "total": [sum(x)],
        "transposed": [X[r][c] for c in range(columns) for r in range(rows)],
        "product": [sum(X[r][l] * W[l][c] for l in range(columns)) for r in range(rows) for c in range(width)],
        "transposed_product": [sum(X[l][r] * X[l][c] for l in range(rows)) for r in range(columns) for c in range(columns)],
        "positions": [r * 1000.0 + c for r in range(rows) for c in range(columns)],
        "widened": [2 * v for v in half],
        "flags": [v > 0 for v in x],
    }
    wrong = 0
    for name, values in expected.items():
        _, _, result = got[name]
        if len(result) != len(values):
            sys.exit(f"{name}: {len(result)} elements instead of {len(values)}")
        for i, (a, b) in enumerate(zip(result, values)):
            if abs(a - b) > 1e-5 * (1 + abs(b)) * math.sqrt(columns * rows):
                print(f"{name}[{i}] is {a}, should be {b}")
                wrong += 1
                break
    sys.exit(1 if wrong else 0)


main()
