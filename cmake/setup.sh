#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks. Both commands do nothing where nothing is missing.
#
#   setup.sh packages                             the Debian packages named in packages.txt
#   setup.sh venv FOLDER REQUIREMENTS [OPTIONS]   a Python virtual environment with the pinned packages of REQUIREMENTS (OPTIONS go to pip)
set -euo pipefail

fail() {
  echo "error: $*" >&2
  exit 1
}

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  local list package missing=()
  list="$(dirname "$0")/packages.txt"
  command -v dpkg-query >/dev/null || fail "set-up knows Debian only; install what $list names by hand and run with SETUP=0"
  while read -r package; do
    case "$package" in '' | '#'*) continue ;; esac
    is_installed "$package" || missing+=("$package")
  done <"$list"
  [ ${#missing[@]} -gt 0 ] || return 0

  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "these packages are missing, and there is no sudo to install them: ${missing[*]}"
    root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

make_venv() {
  local folder="$1" requirements="$2" stamp="$1/requirements.stamp"
  shift 2
  if cmp --silent "$requirements" "$stamp" && "$folder/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  echo "making $folder"
  # A venv that another interpreter made, or that a stopped run left half-made, is made anew.
  python3 -m venv --clear "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" --requirement "$requirements"
  # Last, so that it is only there when all went well.
  cp "$requirements" "$stamp"
}

case "${1-}" in
packages) install_packages ;;
venv)
  [ $# -ge 3 ] || fail "usage: setup.sh venv FOLDER REQUIREMENTS [OPTIONS]"
  shift
  make_venv "$@"
  ;;
*) fail "usage: setup.sh packages | venv FOLDER REQUIREMENTS [OPTIONS]" ;;
esac
