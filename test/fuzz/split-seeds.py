"""Writes each part of each split test file below the given folders to a file of its own: split-seeds.py OUT FOLDER..."""

import pathlib
import sys

out, *folders = map(pathlib.Path, sys.argv[1:])
for folder in folders:
    for file in sorted(folder.glob("**/*.mlir")):
        for number, part in enumerate(file.read_text().split("// -----")):
            (out / f"{folder.name}-{file.stem}-{number}").write_text(part)
