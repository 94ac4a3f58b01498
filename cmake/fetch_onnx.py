#!/usr/bin/env python3
"""Obtains the source distribution of the onnx package with pip and unpacks it.

usage: fetch_onnx.py DESTINATION

DESTINATION becomes the root of the ONNX sources (DESTINATION/CMakeLists.txt). Nothing is done if it is there already. The package is pinned
by version and by the SHA-256 of its archive; pip checks the sum, and this script checks it again before it unpacks. An archive that lies in the
folder named by the environment variable FGLA_ONNX_ARCHIVE_DIR is taken without a download, under the same sum.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

VERSION = "1.22.0"
ARCHIVE = f"onnx-{VERSION}.tar.gz"
SHA256 = "ef40c0aaf0b643857ea9306fc7eddce17eaf9fb0407e4801f1fc5758443a38e0"

# ONNX asks for a newer CMake than Debian 12 has, but uses nothing of it.
CMAKE_FLOOR = ("cmake_minimum_required(VERSION 3.26)", "cmake_minimum_required(VERSION 3.25)")


def fail(message):
    sys.exit(f"error: {message}")


def download(folder):
    """Runs pip in FOLDER and returns the archive's path."""
    given = os.environ.get("FGLA_ONNX_ARCHIVE_DIR")
    if given and (pathlib.Path(given) / ARCHIVE).is_file():
        return pathlib.Path(given) / ARCHIVE
    requirements = folder / "requirements.txt"
    requirements.write_text(f"onnx=={VERSION} --hash=sha256:{SHA256}\n")
    # pip builds the metadata of a source distribution even if it only downloads it; its own build isolation brings the build back end.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "onnx"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        fail(f"pip could not download {ARCHIVE} (is python3-pip installed, and is a package index in reach?)")
    return folder / ARCHIVE


def main():
    if len(sys.argv) != 2:
        fail("usage: fetch_onnx.py DESTINATION")
    destination = pathlib.Path(sys.argv[1]).resolve()
    if (destination / "CMakeLists.txt").is_file():
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix="onnx-fetch-") as name:
        folder = pathlib.Path(name)
        archive = download(folder)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            fail(f"{archive} does not have the expected SHA-256")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
        source = folder / f"onnx-{VERSION}"
        lists = source / "CMakeLists.txt"
        text = lists.read_text()
        if text.count(CMAKE_FLOOR[0]) != 1:
            fail("the edit of the CMake floor does not fit this archive")
        lists.write_text(text.replace(*CMAKE_FLOOR))
        # The rename makes the result appear at once, so that a stopped run leaves nothing half-written.
        if destination.exists():
            shutil.rmtree(destination)
        source.rename(destination)


if __name__ == "__main__":
    main()
