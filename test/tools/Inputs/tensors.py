#!/usr/bin/env python3
"""Safetensors files and .npy files for tests, with Python's own library only.

make OUT.safetensors NAME=DTYPE:SHAPE[:VALUE]...   random tensors (or all VALUE, or "iota"); shapes as 2x3, or "" for a scalar
npy OUT.npy DTYPE:SHAPE[:VALUE]                    one of them as .npy (f32, f64, i64)
show FILE.safetensors                              names, types, shapes
"""
import array
import json
import random
import struct
import sys

FORMATS = {"f32": "F32", "f64": "F64", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "bool": "BOOL"}


def parse(spec):
    dtype, shape, *value = spec.split(":")
    dims = [int(d) for d in shape.split("x")] if shape else []
    count = 1
    for d in dims:
        count *= d
    if value == ["iota"]:
        values = [i for i in range(count)]
    elif value:
        values = [float(value[0])] * count
    elif dtype in ("i64", "i32", "bool"):
        values = [random.randrange(2) for _ in range(count)]
    else:
        values = [random.gauss(0, 1) for _ in range(count)]
    return dtype, dims, values


def encode(dtype, values):
    if dtype == "bf16":
        raw = array.array("f", values).tobytes()
        return b"".join(raw[i + 2 : i + 4] for i in range(0, len(raw), 4))
    code = {"f32": "f", "f64": "d", "f16": "e", "i64": "q", "i32": "i", "bool": "B"}[dtype]
    if code in "qiB":
        values = [int(v) for v in values]
    return struct.pack(f"<{len(values)}{code}", *values)


def make(path, specs):
    header, blob = {}, b""
    for spec in specs:
        name, rest = spec.split("=", 1)
        dtype, dims, values = parse(rest)
        data = encode(dtype, values)
        header[name] = {"dtype": FORMATS[dtype], "shape": dims, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + blob)


def npy(path, spec):
    dtype, dims, values = parse(spec)
    descr = {"f32": "<f4", "f64": "<f8", "i64": "<i8"}[dtype]
    shape = "(" + "".join(f"{d}," for d in dims) + ")"
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + encode(dtype, values))


def load(path):
    """{name: (dtype, shape, values)} of a safetensors file."""
    with open(path, "rb") as file:
        blob = file.read()
    (length,) = struct.unpack("<Q", blob[:8])
    tensors = {}
    for name, entry in json.loads(blob[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        data = blob[8 + length + begin : 8 + length + end]
        dtype = {v: k for k, v in FORMATS.items()}[entry["dtype"]]
        if dtype == "bf16":
            wide = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
            values = list(struct.unpack(f"<{len(wide) // 4}f", wide))
        else:
            code = {"f32": "f", "f64": "d", "f16": "e", "i64": "q", "i32": "i", "bool": "B"}[dtype]
            values = list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))
        tensors[name] = (dtype, entry["shape"], values)
    return tensors


def main():
    random.seed(1)
    command, path, *rest = sys.argv[1:]
    if command == "make":
        make(path, rest)
    elif command == "npy":
        npy(path, rest[0])
    elif command == "show":
        for name, (dtype, shape, values) in sorted(load(path).items()):
            print(f"{name}: {dtype}{shape}")


if __name__ == "__main__":
    main()
