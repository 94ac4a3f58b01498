#!/usr/bin/env python3
"""Training: examples/train_lm is killed and goes on, its bits per byte, and bf16 beside f32.

usage: train.py [--build DIR] [--quick]

Ends with `N passed, N failed`.
"""

import argparse
import csv
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import torch
from package import BUILD, ROOT, fgla

from reporting import Report

SMALL = ["--channels=16", "--heads=2", "--length=24", "--batch=2", "--accumulate=2", "--warmup=3", "--sample=20", "--evaluate-every=5", "--checkpoint-every=1"]
# What is trained in under five minutes on two cores, and the bits per byte that it reaches (README.md of the example).
TINY = ["--mixers=fgla,fgla,softmax", "--heads=4", "--steps=600", "--warmup=60", "--learning-rate=4e-3", "--sample=300"]
TINY_BITS = 2.45


def command(text, out, *options):
    return [BUILD / "bin" / "train_lm", f"--text={text}", f"--out={out}", *options]


def train(text, out, *options):
    return subprocess.run(command(text, out, *options), capture_output=True, text=True, errors="replace", env=environment())


def environment():
    # As many threads each time: sums are in their order.
    return {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}


def is_png(data):
    """Chunks with right checksums, and as many pixels as it says."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return False
    at, pixels, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if zlib.crc32(kind + body) != struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]:
            return False
        size = struct.unpack(">II", body[:8]) if kind == b"IHDR" else size
        pixels += body if kind == b"IDAT" else b""
        at += 12 + length
    return size is not None and len(zlib.decompress(pixels)) == size[1] * (3 * size[0] + 1)


def survives_kills(report, text, folder, mixers):
    """A run that is killed again and again at any moment ends as one that is not, in all files."""
    options = [*SMALL, f"--mixers={mixers}", "--steps=20"]
    whole, broken = folder / "whole", folder / "broken"
    train(text, folder / "first", *SMALL, f"--mixers={mixers}", "--steps=1")  # compiles
    start = time.monotonic()
    done = train(text, whole, *options)
    seconds = time.monotonic() - start
    report.check(f"{mixers}: a run", done.returncode == 0, done.stderr[-2000:])
    generator, kills = random.Random(0), 0
    while kills < 30:
        process = subprocess.Popen(command(text, broken, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        try:
            process.wait(generator.uniform(0.1, 0.7) * seconds)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    report.check(f"{mixers}: it was killed", kills > 0)
    done = train(text, broken, *options)
    report.check(f"{mixers}: the last run after {kills} kills", done.returncode == 0, done.stderr[-2000:])
    for name in ("model.pt", "loss.csv", "loss.png", "sample.txt"):
        same = (whole / name).read_bytes() == (broken / name).read_bytes()
        report.check(f"{mixers}: {name} is the same after {kills} kills", same)
    report.check(f"{mixers}: loss.png", is_png((whole / "loss.png").read_bytes()))
    report.check(f"{mixers}: model.pt has the parameters", "block0.mixer.q_proj.weight" in torch.load(whole / "model.pt"))
    rows = list(csv.DictReader((whole / "loss.csv").open()))
    report.check(f"{mixers}: loss.csv has a row for each step", [float(row["step"]) for row in rows] == list(range(1, 21)))
    report.check(f"{mixers}: the loss falls", float(rows[-1]["loss"]) < float(rows[0]["loss"]))


def refuses(report, text, folder):
    for options, message in [
        ([], "error: --text is missing"),
        ([f"--text={text}", "--steps=x"], "error: --steps takes a number that is not negative, got 'x'"),
        ([f"--text={text}", "--colour=red"], "error: '--colour=red' is not an option with a value"),
        ([f"--text={folder}/none"], f"error: cannot read '{folder}/none'"),
        ([f"--text={text}", f"--out={folder}/x", "--mixers=fgla,mamba"], "error: mixer must be one of"),
        ([f"--text={text}", f"--out={folder}/whole", *SMALL, "--steps=21", "--mixers=fgla,softmax"], f"error: '{folder}/whole/checkpoint.pt' is of a run with other options"),
    ]:
        done = subprocess.run([BUILD / "bin" / "train_lm", *options], capture_output=True, text=True, env=environment())
        report.check(f"train_lm {options}", done.returncode == 1 and done.stderr.startswith(message), done.stderr[:500])


def tracks_f32(report, text):
    """200 steps under autocast to bf16 stay beside those in f32, from the same start on the same bytes."""
    bytes = torch.frombuffer(bytearray(text.read_bytes()), dtype=torch.uint8).long()

    def losses(is_narrow):
        torch.manual_seed(0)
        embed, layer, head = torch.nn.Embedding(256, 32), fgla.FGLA(32, num_heads=2), torch.nn.Linear(32, 256)
        optimizer = torch.optim.AdamW([*embed.parameters(), *layer.parameters(), *head.parameters()], lr=5e-3)
        generator, values = torch.Generator().manual_seed(1), []
        for _ in range(200):
            starts = torch.randint(len(bytes) - 33, (8, 1), generator=generator)
            x = bytes[starts + torch.arange(33)]
            with torch.autocast("cpu", torch.bfloat16, enabled=is_narrow):
                hidden = embed(x[:, :-1])
                logits = head(hidden + layer(hidden))
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), x[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return torch.tensor(values)

    wide, narrow = losses(False), losses(True)
    report.check("it learns", bool(wide[-20:].mean() < 0.7 * wide[0]), f"{wide[0]} to {wide[-20:].mean()}")
    for part in range(0, 200, 40):
        a, b = float(wide[part : part + 40].mean()), float(narrow[part : part + 40].mean())
        report.check(f"bf16 from step {part}", abs(a - b) <= 0.02 * a, f"{b} beside {a}")
    report.check("bf16 is another computation", not torch.equal(wide, narrow))


def reaches(report, folder):
    """The tiny model on the real text."""
    text = BUILD / "test" / "bible.txt"
    done = subprocess.run([ROOT / "examples" / "train_lm" / "text.sh", text], capture_output=True, text=True)
    report.check("the text", done.returncode == 0, done.stderr)
    start = time.monotonic()
    done = train(text, folder / "tiny", *TINY)
    report.check("the tiny run", done.returncode == 0, done.stderr[-2000:])
    rows = list(csv.DictReader((folder / "tiny" / "loss.csv").open()))
    bits = float(rows[-1]["validation"]) / math.log(2)
    print(f"tiny: {bits:.3f} bits per byte after {time.monotonic() - start:.0f} s")
    report.error("bits per byte of the tiny run", bits, TINY_BITS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = folder / "text"
        text.write_bytes((ROOT / "docs" / "semantics.md").read_bytes())
        survives_kills(report, text, folder, "fgla,softmax")
        refuses(report, text, folder)
        tracks_f32(report, text)
        if not quick:
            reaches(report, folder)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
