#!/usr/bin/env bash
# Runs a suite of comparisons, and writes results/<date>-<commit>/.
#
#   scripts/bench.sh [--suite NAME_OR_FILE] [--out DIR] [FLAG...]
#
#   --suite NAME_OR_FILE   a suite of benches/suites or a file; default: policies, which has every built-in scenario
#   --out DIR              a directory without results; default: results/<date>-<commit>, with a number if that has some
#   FLAG...                further flags of `corecast-bench compare`, such as --only paced,curve, --rounds 3 or
#                          --peer redis=127.0.0.1:6379,pid=123; a flag beats the suite
#
# The suite's results are a JSON file for each comparison, an SVG chart for each curve, report.md and report.html.
# CORECAST_BENCH is the program that measures (default: target/release/corecast-bench), CORECAST the server's (default:
# corecast beside it). The exit code is 0 only if every check held and every comparison has valid figures.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
bench=${CORECAST_BENCH:-${CARGO_TARGET_DIR:-$root/target}/release/corecast-bench}
fail() { echo "bench.sh: $1" >&2; exit 2; }
suite=policies out='' flags=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
        --suite | --out) [ $# -ge 2 ] || fail "$1 needs a value"; printf -v "${1#--}" %s "$2"; shift 2 ;;
        --suite=* | --out=*) name=${1%%=*}; printf -v "${name#--}" %s "${1#*=}"; shift ;;
        *) flags+=("$1"); shift ;;
    esac
done
[ -x "$bench" ] || fail "there is no $bench: make build, or set CORECAST_BENCH"
[ ! -f "$root/benches/suites/$suite.toml" ] || suite=$root/benches/suites/$suite.toml
[ -f "$suite" ] || fail "--suite: '$suite' is neither a file nor one of $(cd "$root/benches/suites" && echo *.toml)"

if [ -z "$out" ]; then
    commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
    [ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || commit+=-changed
    unnumbered=$root/results/$(date -u +%Y-%m-%d)-$commit${OUT_SUFFIX:-}
    out=$unnumbered
    for ((number = 2; ; number++)); do
        [ -n "$(find "$out" -name '*.json' -print -quit 2>/dev/null)" ] || break
        out=$unnumbered-$number
    done
fi
exec "$bench" compare --suite "$suite" --out "$out" "${flags[@]}"
