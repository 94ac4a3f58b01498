#!/usr/bin/env bash
# Writes the King James Bible as plain text, 4.3 MB, from Debian's packages bible-kjv and bible-kjv-text. They are not installed.
#
# usage: text.sh FILE
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: text.sh FILE" >&2; exit 1; }
[ ! -s "$1" ] || exit 0
file=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq bible-kjv bible-kjv-text 2>log || { apt-get update -qq && apt-get download -qq bible-kjv bible-kjv-text; } 2>log || { cat log >&2; exit 1; }
for package in *.deb; do dpkg -x "$package" .; done
usr/bin/bible -p usr/lib gen1:1-rev22:21 >text
# There whole or not at all.
mv text "$file.next" && mv "$file.next" "$file"
