#!/usr/bin/env bash
# Holds a server under hostile clients against the same load without them, in turns on one server, and judges.
#
#   scripts/soak.sh [SECONDS]
#
#   SECONDS   of load, in rounds of 30 seconds each, half of them quiet; default: 240, at least 120
#
# Every round has 1,000 subscribers. In a hostile one 50 stop reading and 50 read a byte a second, while 100 clients a
# second come, send garbage or half a frame, or reset (`corecast-bench run --scenario hostile`). The exit code is 0 if in
# every round the healthy lost nothing, those who did not read were told what they missed, and the median p99 of
# the hostile rounds is below 1.5 times that of the quiet ones; 1 if not; 2 if it could not be judged.
# CORECAST is the server (default: target/release/corecast), CORECAST_BENCH the load (default: corecast-bench beside it).
set -euo pipefail

bound=1.5 round=30
case ${1:-} in -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
seconds=${1:-240}
root=$(cd "$(dirname "$0")/.." && pwd)
corecast=${CORECAST:-${CARGO_TARGET_DIR:-$root/target}/release/corecast}
bench=${CORECAST_BENCH:-$(dirname "$corecast")/corecast-bench}
fail() { echo "soak.sh: $1" >&2; exit 2; }
[[ $seconds =~ ^[0-9]+$ ]] && [ "$seconds" -ge $((4 * round)) ] || fail \
    "'$seconds': at least $((4 * round)) seconds: 4 rounds, each long enough for those who do not read to fall behind"
[ -x "$corecast" ] || fail "there is no $corecast: make build, or set CORECAST"
[ -x "$bench" ] || fail "there is no $bench: make build, or set CORECAST_BENCH"
command -v jq >/dev/null || fail "jq is not installed"

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
# What the kernel ends with this script, whatever ends it.
with_us=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_us=(setpriv --pdeathsig TERM)
ulimit -n "$(ulimit -Hn)"
# Bounds that a round reaches: what a stalled socket and the log hold, and the deadline of a frame.
"${with_us[@]}" "$corecast" serve --listen native://127.0.0.1:0 --log-bytes 1MiB --frame-timeout 2s \
    >"$work/ready" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
    [ -s "$work/ready" ] && break
    kill -0 "$server" 2>/dev/null || fail "the server did not start: $(cat "$work/log")"
    sleep 0.1
done
address=$(awk '{ print $3; exit }' "$work/ready")
[ -n "$address" ] || fail "the server is not ready"

# The same load for both; only the hostile part differs.
scenarios=$root/benches/scenarios
awk '/^\[hostile\]/ { exit } { print }' "$scenarios/hostile.toml" >"$work/quiet.toml"
# What a report says: a check that did not hold, or figures that are not what they claim to be, or nothing.
wrong='
    if [.checks | del(.foreign)[]] + [(.stalled // {checks: {}}).checks | del(.foreign, .gaps, .reported_lost, .refusals)[]]
        | any(. != 0) then "did not hold: \({checks, stalled} | tostring)"
    elif .validity.valid then empty else "figures are not valid: \(.validity.reasons | tostring)" end'
load() { # KIND SCENARIO ROUND
    local report=$work/$1.$3.json
    # Its exit code is that of the report, which is judged here.
    local status=0
    "${with_us[@]}" "$bench" run --json --address "$address" --scenario "$2" --duration ${round}s --server-pid "$server" \
        >"$report" || status=$?
    [ "$status" -lt 128 ] || exit "$status"
    jq -er "\"round $3, $1: p99 \(.latency_us.p99) us, \(.deliveries.arrived) delivered\"" "$report" ||
        fail "round $3, $1: no report"
    [ "$1" = quiet ] || jq -e '.stalled.checks.gaps > 0 or .stalled.disconnected > 0' "$report" >/dev/null ||
        fail "round $3: nobody who did not read fell behind by more than buffers hold"
    jq -r "$wrong" "$report" | sed "s/^/round $3, $1: /" | tee -a "$work/wrong"
}
for pair in $(seq $((seconds / round / 2))); do
    # Every other pair goes backwards, so that a drift of the machine is in both.
    order=(quiet hostile)
    [ $((pair % 2)) -eq 1 ] || order=(hostile quiet)
    for kind in "${order[@]}"; do
        if [ "$kind" = quiet ]; then load quiet "$work/quiet.toml" "$pair"; else load hostile hostile "$pair"; fi
    done
done

kill "$server"
wait "$server" || fail "the server did not end cleanly: $(tail -n 3 "$work/log")"
server=
tail -n 1 "$work/log"
median() { jq -s 'map(.latency_us.p99) | sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2' "$@"; }
quiet=$(median "$work"/quiet.*.json) hostile=$(median "$work"/hostile.*.json)
! grep -q 'did not hold' "$work/wrong" || { echo "FAILED: messages were lost or nobody was told"; exit 1; }
! grep -q 'not valid' "$work/wrong" || fail "the latencies of some rounds are not valid"
jq -n --argjson quiet "$quiet" --argjson hostile "$hostile" --argjson bound $bound -r '
    ($hostile / $quiet) as $ratio | (if $ratio < $bound then "held" else "FAILED" end) as $verdict |
    "\($verdict): median p99 quiet \($quiet) us, hostile \($hostile) us, ratio \($ratio), the bound is \($bound)"' | tee "$work/verdict"
grep -q ^held "$work/verdict"
