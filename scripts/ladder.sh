#!/usr/bin/env bash
# Measures every rung of docs/LADDER.md in turns, and writes results/<date>-<commit>-ladder/.
#
#   scripts/ladder.sh [FLAG...]
#
# The flags are those of `corecast compare`, such as --subscribers 100 or --rounds 2, but for --policies and --json, which are
# the script's; without any it takes about five minutes. It writes ladder.json, report.html and ladder.md, which is the table that it prints. CORECAST is the binary
# (default: target/release/corecast). On fewer than three CPUs the servers share all of them with the load: one CPU for
# the servers would leave every rung with one shard.
# The exit code is that of the comparison: 0 only if every check held and every rung has a valid run.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
corecast=${CORECAST:-${CARGO_TARGET_DIR:-$root/target}/release/corecast}
[ -x "$corecast" ] || { echo "ladder.sh: there is no $corecast: make build, or set CORECAST" >&2; exit 2; }

commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || commit+=-changed
out=${OUT:-$root/results/$(date -u +%Y-%m-%d)-$commit-ladder}

allowed=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep=",")')
# 11 rungs, 2 loads, 6 rounds of some 2 s; a flag beats what stands here.
rounds=6 warmup=300ms duration=1200ms rate=100 reference=mutex
cpus=()
# Where they share, a quarter of the rate: the baselines would take so much of the load's CPU that it is late.
[ "$(nproc)" -ge 3 ] || { cpus=(--server-cpus "$allowed"); rate=25; }

flags=()
while [ $# -gt 0 ]; do
    case $1 in
        --policies | --policies=* | --json | --json=*)
            echo "ladder.sh: ${1%%=*} is the script's own" >&2
            exit 2
            ;;
        --rounds=* | --warmup=* | --duration=* | --rate=* | --reference=*)
            name=${1%%=*}
            printf -v "${name#--}" %s "${1#*=}"
            shift
            ;;
        --rounds | --warmup | --duration | --rate | --reference)
            [ $# -ge 2 ] || { echo "ladder.sh: $1 needs a value" >&2; exit 2; }
            printf -v "${1#--}" %s "$2"
            shift 2
            ;;
        --server-cpus | --server-cpus=*) cpus=(); flags+=("$1"); shift ;;
        *) flags+=("$1"); shift ;;
    esac
done

# What the kernel ends with this script, whatever ends it.
with_us=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_us=(setpriv --pdeathsig TERM)

mkdir -p "$out"
status=0
"${with_us[@]}" "$corecast" compare --policies ladder --reference "$reference" --rounds "$rounds" --warmup "$warmup" --duration "$duration" --rate "$rate" \
    "${cpus[@]}" "${flags[@]}" --json "$out/ladder.json" >"$out/ladder.txt" || status=$?
# Without results there is nothing to draw; a failed check is in the table.
if [ "$status" -gt 1 ] || [ ! -s "$out/ladder.json" ]; then
    rm -f "$out/ladder.txt"
    rmdir --ignore-fail-on-non-empty "$out"
    exit "$status"
fi
"$corecast" report "$out/ladder.json" --reference "$reference" --title "Corecast: the ladder, $commit" --html "$out/report.html"
"$corecast" report "$out/ladder.json" --markdown | tee "$out/ladder.md"
echo "$out" >&2
exit "$status"
