#!/usr/bin/env bash
# Checks everything, in stages, one build profile (`ci`), outside the tree. Prints each stage with its seconds and at
# the end what failed, once more, and a line `N passed, N failed`; fails when a stage fails. Every seed is fixed here and printed.
#   scripts/test.sh              all stages
#   scripts/test.sh STAGE...     only these: lint unit sim kill licences
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tidemill/target}"
export TIDEMILL_MOTO_SERVER="${TIDEMILL_MOTO_SERVER:-${XDG_CACHE_HOME:-$HOME/.cache}/tidemill/venv/bin/moto_server}"
bin="$CARGO_TARGET_DIR/ci"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
touch "$log/failures"

SIM_SEEDS=500         # seeds 0..499 of the unbroken code must hold
SIM_MUTANT_SEEDS=200  # each mutant must be found within seeds 0..199
KILL_SEED=20130101    # the seed of scripts/kill_and_metamorphic.py

passed=0
failed=0

# tally PASSED FAILED: adds a stage's counts to the summary.
tally() { passed=$((passed + $1)); failed=$((failed + $2)); }

# check NAME COMMAND...: one check, counted; its output is shown only where it fails.
check() {
  local name=$1
  shift
  if "$@" >"$log/check" 2>&1; then
    printf '  ok    %s\n' "$name"
    tally 1 0
  else
    cat "$log/check"
    printf '  FAILS %s\n' "$name" | tee -a "$log/failures"
    tail -n 20 "$log/check" >>"$log/failures"
    tally 0 1
  fi
}

# The workspace once, with its tests, in the one profile; the binaries are what the later stages run.
build() { cargo build --workspace --bins --profile ci --locked; }

lint() {
  check 'format' cargo fmt --all --check
  check 'clippy, warnings denied' cargo clippy --workspace --all-targets --profile ci --locked -- -D warnings
}

# Sums the `test result:` lines of every test binary; a build that fails has none and counts as one failure.
unit() {
  : >"$log/unit"
  build && cargo test --workspace --profile ci --locked --no-fail-fast 2>&1 | tee "$log/unit"
  local ended=$? ok bad
  ok=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log/unit")
  bad=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log/unit")
  [ "$ended" != 0 ] && [ "$bad" = 0 ] && bad=1
  grep -E '^test .* FAILED$|panicked at|^error' -A 3 "$log/unit" >>"$log/failures"
  tally "$ok" "$bad"
}

# A mutant that `run` finds ends it with 1; anything else (survived: 0, unknown name: 2) is a failure.
mutant_is_found() {
  "$bin/tidemill-sim" run --seeds "$SIM_MUTANT_SEEDS" --first-seed 0 --mutant "$1"
  local rc=$?
  [ "$rc" = 1 ] || { echo "mutant $1: exit $rc where a failure found is 1"; return 1; }
}

one_seed_one_trace() {
  local first second
  first=$("$bin/tidemill-sim" replay 7) && second=$("$bin/tidemill-sim" replay 7) || return 1
  grep -q trace_hash <<<"$first" || { echo "replay prints no trace_hash: $first"; return 1; }
  [ "$first" = "$second" ] || { printf 'two runs of seed 7 differ:\n%s\n%s\n' "$first" "$second"; return 1; }
}

sim() {
  build >"$log/build" 2>&1 || { cat "$log/build"; tally 0 1; return; }
  local mutants name
  check 'seed 7 twice, one trace hash' one_seed_one_trace
  check "seeds 0 to $((SIM_SEEDS - 1))" "$bin/tidemill-sim" run --seeds "$SIM_SEEDS" --first-seed 0
  check 'crash-point sweep' "$bin/tidemill-sim" sweep
  mutants=$("$bin/tidemill-sim" mutants) || mutants=
  [ -n "$mutants" ] || { echo '  FAILS tidemill-sim mutants names none'; tally 0 1; }
  for name in $mutants; do
    check "mutant $name is found (seeds 0 to $((SIM_MUTANT_SEEDS - 1)))" mutant_is_found "$name"
  done
}

kill_and_metamorphic() {
  build >"$log/build" 2>&1 || { cat "$log/build"; tally 0 1; return; }
  python3 scripts/kill_and_metamorphic.py --bin "$bin" --seed "$KILL_SEED" | tee "$log/kill" | grep "^ "
  local ended=$? counts
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log/kill" | tail -n 1)
  grep '^  FAILS' "$log/kill" >>"$log/failures"
  # shellcheck disable=SC2086 # two numbers
  tally ${counts:-0 1}
  [ "$ended" != 0 ] && [ "${counts#* }" = 0 ] && tally 0 1
}

licences() { check 'licences of every dependency' python3 scripts/licences.py; }

# stage NAME TITLE: runs one stage and prints its seconds.
stage() {
  local began=$SECONDS failed_before=$failed
  printf '\n== %s\n' "$2"
  "$1"
  if [ "$failed" = "$failed_before" ]; then
    printf '== %s: passed in %d s\n' "$2" $((SECONDS - began))
  else
    printf '== %s: FAILED in %d s\n' "$2" $((SECONDS - began))
  fi
}

for name in "${@:-all}"; do
  case "$name" in
    all | lint) stage lint 'format and clippy' ;;&
    all | unit) stage unit 'unit and behaviour tests' ;;&
    all | sim) stage sim 'simulator' ;;&
    all | kill) stage kill_and_metamorphic 'kill and metamorphic' ;;&
    all | licences) stage licences 'licences' ;;&
    all | lint | unit | sim | kill | licences) ;;
    *) echo "unknown stage $name: lint unit sim kill licences"; exit 2 ;;
  esac
done

if [ -s "$log/failures" ]; then
  printf '\n== what failed\n'
  tail -n 100 "$log/failures"
fi
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
