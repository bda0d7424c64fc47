#!/usr/bin/env bash
# Removes one decision of the shard at a time, and expects the simulator to find that.
#
#   scripts/faults.sh [NAME...]
#
#   NAME   of a fault, without .patch; default: every one of crates/simulator/faults
#
# Each patch says which decision it removes and which promise the simulator must find broken. Each is applied to a copy
# of the tree below the target directory, and the simulator runs 4,000 seeds of every policy. The exit code is 0 if every fault
# was found as expected, 1 if not, 2 if a patch does not apply or the simulator does not compile.
set -euo pipefail

case ${1:-} in -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
seeds=4000
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/faults
copy=$target/tree
fail() { echo "faults.sh: $1" >&2; exit 2; }

if [ $# -eq 0 ]; then
    set -- "$root"/crates/simulator/faults/*.patch
else
    set -- "${@/#/$root/crates/simulator/faults/}"
    set -- "${@/%/.patch}"
fi
cd "$root"
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --deduplicate | xargs -0 cp --parents -t "$copy"
failed=0
for patch in "$@"; do
    [ -f "$patch" ] || fail "there is no $patch"
    patch --quiet --directory "$copy" -p1 <"$patch" || fail "$patch does not apply"
    decision=$(sed -n 's/^Decision removed: //p' "$patch")
    expected=$(sed -n 's/^Found as: //p' "$patch")
    (cd "$copy" && RUSTFLAGS="${RUSTFLAGS:-} -A unused" CARGO_TARGET_DIR=$target cargo build --quiet --profile checked --locked -p corecast-simulator) ||
        fail "the simulator does not compile with $patch"
    output=$("$target/checked/corecast-simulate" --seeds $seeds 2>&1) || true
    found=$(sed -n 's/^seed \([0-9]*\) on \([^:]*\): \([A-Za-z]*\):.*/\3 (seed \1, \2)/p' <<<"$output" | head -n 1)
    case $found in
        "$expected ("*) echo "$(basename "$patch" .patch): $decision: found as $found" ;;
        *) echo "$(basename "$patch" .patch): $decision: ${found:-not found}, expected $expected" && failed=1 ;;
    esac
    # Only the crate that was patched, and those above it, are compiled for the next fault.
    patch --quiet --directory "$copy" -p1 --reverse <"$patch"
done
exit $failed
