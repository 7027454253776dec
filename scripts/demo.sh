#!/usr/bin/env bash
# `make demo`: the job of examples/flights/flights.sql on real records, twice. First to its end; then killed with SIGKILL
# in the middle and started again. The committed files of both must hold the same rows; exits 1 if they do not.
set -euo pipefail
cd "$(dirname "$0")/.."

tidemill=target/release/tidemill
sql=examples/flights/flights.sql
out=target/flights
DAYS_AT_KILL=180   # the second run is killed when this many days have committed files
WAIT_S_MAX=120     # a run that shows no progress for so long has failed

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }
[ -x "$tidemill" ] || fail "no $tidemill: run 'make demo', which builds it"

job=
trap '[ -z "$job" ] || kill -9 "$job" 2>/dev/null || true' EXIT

# committed FOLDER: its committed files; what begins with . or _ is not committed data.
committed() { find "$1" -type f ! -name '.*' ! -name '_*' ! -path '*/.*' 2>/dev/null | sort; }

# rows FOLDER: every committed row behind its partition, sorted.
rows() { committed "$1" | while IFS= read -r file; do day=${file%/*}; sed "s|^|${day##*/} |" "$file"; done | LC_ALL=C sort; }

days() { committed "$1" | sed 's|/[^/]*$||' | uniq | wc -l; }

# run SCRIPT CHECKPOINTS LOG: the job in this shell; the totals of the carriers move on a terminal, else they go into LOG.
run() {
  if [ -t 1 ]; then
    "$tidemill" sql -f "$1" --checkpoint-dir "$2"
  else
    "$tidemill" sql -f "$1" --checkpoint-dir "$2" >"$3.out" 2>"$3.err" || { tail -n 20 "$3.err" >&2; return 1; }
  fi
}

show() {
  printf '%d committed files, %d days, %d rows, for example\n' \
    "$(committed "$1" | wc -l)" "$(days "$1")" "$(rows "$1" | wc -l)"
  committed "$1" | sed -n '1,3p;$p' | while IFS= read -r file; do
    printf '  %s\n' "$file"
    sed -n '1,2s/^/    /p' "$file"
  done
}

rm -rf "$out"
mkdir -p "$out"

say "1. $sql: 336,776 flights, paced to a year in about six seconds"
began=$SECONDS
run "$sql" "$out/checkpoints" "$out/first" || fail "The job failed."
say "Done in $((SECONDS - began)) s. Flights per airport and hour, by day:"
show "$out/hourly"
[ -t 1 ] || { echo "Last lines of each carrier's running totals ($out/first.out):"; tail -n 4 "$out/first.out" | sed 's/^/  /'; }

say "2. The same job into another folder, killed with SIGKILL in the middle"
sed "s|'target/flights/hourly'|'$out/hourly-killed'|" "$sql" >"$out/killed.sql"
cmp -s "$sql" "$out/killed.sql" && fail "$sql does not write to target/flights/hourly any more: mend scripts/demo.sh"
"$tidemill" sql -f "$out/killed.sql" --checkpoint-dir "$out/checkpoints-killed" >"$out/killed.out" 2>"$out/killed.err" &
job=$!
began=$SECONDS
while n=$(days "$out/hourly-killed"); [ "$n" -lt "$DAYS_AT_KILL" ]; do
  [ ! -t 1 ] || printf '\r  %d days committed' "$n"
  kill -0 "$job" 2>/dev/null || fail "The job ended before it could be killed: $(tail -n 3 "$out/killed.err")"
  [ $((SECONDS - began)) -lt "$WAIT_S_MAX" ] || fail "Only $n days committed after $WAIT_S_MAX s."
  sleep 0.05
done
kill -9 "$job"
wait "$job" 2>/dev/null || true
job=
printf '\nkill -9 after %d days. What it had committed:\n' "$(days "$out/hourly-killed")"
show "$out/hourly-killed"

say "3. Started again: it goes on from its last checkpoint"
run "$out/killed.sql" "$out/checkpoints-killed" "$out/again" || fail "The job failed after the kill."
show "$out/hourly-killed"

rows "$out/hourly" >"$out/rows"
rows "$out/hourly-killed" >"$out/rows-killed"
if ! cmp -s "$out/rows" "$out/rows-killed"; then
  diff "$out/rows" "$out/rows-killed" | sed -n '1,10p' || true
  fail "DIFFERENT: the killed run's committed rows are not those of the uninterrupted run."
fi
flights=$(cut -d, -f3 "$out/rows" | awk '{ n += $1 } END { print n + 0 }')
[ "$(wc -l <"$out/rows")" = 21148 ] && [ "$flights" = 336776 ] ||
  fail "WRONG: $(wc -l <"$out/rows") rows and $flights flights; they should be 21148 and 336776."
say "SAME: $(wc -l <"$out/rows") rows, $flights flights in both. Killed in the middle, nothing lost, nothing twice."
