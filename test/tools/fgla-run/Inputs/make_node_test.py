#!/usr/bin/env python3
"""Writes test_data_set_0/{input_0,output_0}.pb for y = x + x, x = 1: TensorProtos by hand. The output is scaled by FACTOR.

usage: make_node_test.py MODEL FOLDER FACTOR
"""
import os
import struct
import sys


def tensor(values):
    raw = struct.pack(f"<{len(values)}f", *values)
    # dims = 3 values, data_type = FLOAT, raw_data
    return bytes([0x08, len(values), 0x10, 1, 0x4A, len(raw)]) + raw


folder = os.path.join(sys.argv[2], "test_data_set_0")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "input_0.pb"), "wb") as file:
    file.write(tensor([1.0, 1.0, 1.0]))
with open(os.path.join(folder, "output_0.pb"), "wb") as file:
    file.write(tensor([2.0 * float(sys.argv[3])] * 3))
