#!/usr/bin/env bash
# Measures every rung of docs/LADDER.md in turns, and writes results/<date>-<commit>-ladder/.
#
#   scripts/ladder.sh [--out DIR] [FLAG...]
#
# It runs the suite benches/suites/ladder.toml with scripts/bench.sh, whose flags and variables it takes; without any it
# takes about five minutes. report.md in the directory has the table. On fewer than three CPUs the servers share all of
# them with the load, at a quarter of the rate: one CPU for the servers would leave every rung with one shard, and at the
# full rate the baselines would take so much of the load's CPU that it is late.
set -euo pipefail

here=$(dirname "$0")
case ${1:-} in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
shared=()
if [ "$(nproc)" -lt 3 ]; then
    # A flag that is given is not given twice.
    [[ " $*" == *" --server-cpus"* ]] || shared+=(--server-cpus "$(taskset -c -p $$ | sed 's/.*: //')")
    [[ " $*" == *" --rate"* ]] || shared+=(--rate 25)
fi
OUT_SUFFIX=-ladder exec "$here/bench.sh" --suite ladder "${shared[@]}" "$@"
