#!/usr/bin/env bash
# Makes sure that this machine can build Tidemill: a C compiler, and the Rust toolchain of rust-toolchain.toml with
# rustfmt and clippy. With `--tests`, python3 and an S3 server for the tests too (moto, in an environment of its own in the
# cache). Says what it installs; on a machine
# that has everything it says nothing and takes a moment. Works for any user: `sudo` is used where it is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt PACKAGE...: installs Debian packages, as root or through sudo.
apt() {
  have apt-get || fail "please install these by your system's means, then run it again: $*"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    have sudo || fail "please install as root, then run it again: apt-get install $*"
    sudo=(sudo)
  fi
  say "installing $* with apt-get"
  "${sudo[@]}" apt-get update -qq >&2 || say "apt-get update failed; going on with the lists that are here"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The channel of rust-toolchain.toml: the version that builds this, here and on a builder.
toolchain() { sed -n 's/^channel *= *"\(.*\)"$/\1/p' rust-toolchain.toml; }

# Are rustc, rustfmt and clippy of the pinned version what `cargo` runs in this folder?
rust_is_ready() {
  have cargo && rustc --version 2>/dev/null | grep -qF "rustc $1 " &&
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1
}

install_rust() {
  if ! have rustup; then
    have curl || apt curl ca-certificates
    say "installing rustup from https://sh.rustup.rs into ${CARGO_HOME:-$HOME/.cargo}"
    curl --fail --proto '=https' --tlsv1.2 --retry 3 -sS https://sh.rustup.rs |
      sh -s -- -y --quiet --no-modify-path --profile minimal --default-toolchain none >&2 ||
      fail "rustup could not be installed; see https://rustup.rs for other ways, then run this again"
  fi
  say "installing Rust $1 with rustfmt and clippy"
  rustup toolchain install "$1" --profile minimal --component rustfmt --component clippy >&2
  rust_is_ready "$1" || fail "Rust $1 is installed, but cargo, rustfmt or clippy does not run: see 'rustup show'"
}

# A folder of Python programs that the tests start; nothing of the system's Python is changed.
venv="${XDG_CACHE_HOME:-$HOME/.cache}/tidemill/venv"

install_moto() {
  have python3 || apt python3
  [ -x "$venv/bin/moto_server" ] && return
  say "installing moto, an S3 server for the tests, into $venv"
  python3 -m venv --clear "$venv" >/dev/null 2>&1 || { apt python3-venv && python3 -m venv --clear "$venv" >&2; }
  "$venv/bin/pip" install -q --disable-pip-version-check 'moto[server,s3]==5.*' >&2
}

tests=
case "${1-}" in
  '') ;;
  --tests) tests=1 ;;
  *) fail "usage: scripts/setup.sh [--tests]" ;;
esac

have cc || apt gcc libc6-dev  # rustc links with `cc`

rust=$(toolchain)
[ -n "$rust" ] || fail "rust-toolchain.toml names no channel"
rust_is_ready "$rust" || install_rust "$rust"
[ -z "$tests" ] || install_moto
