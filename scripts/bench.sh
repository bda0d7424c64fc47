#!/usr/bin/env bash
# Runs scenarios of `corecast bench` against several servers in turns, and writes results/<date>-<commit>/.
#
#   scripts/bench.sh [--scenarios LIST] [--policies LIST] [--peer PEER]... [--rounds COUNT] [--out DIRECTORY] [-- FLAG...]
#
#   --scenarios LIST   of light,sparse,paced,overload,saturate,ladder,curve,large,channels,churn,stall,hostile,storm,idle; default: all
#   --policies LIST    policies of `corecast serve`, each started for each run; default: sharded,mutex,snapshot
#   --peer PEER        a server that runs, as `corecast compare` takes it: redis=127.0.0.1:6379,pid=123; repeatable
#   --rounds COUNT     default: 6, which a verdict with an interval needs; every other round goes backwards
#   --out DIRECTORY    without results yet; default: results/<date>-<commit>, with a number behind it if that has some
#   -- FLAG...         further flags of `corecast bench`, such as --duration 1s
#
# A run is DIRECTORY/SCENARIO/CONTESTANT.ROUND.json, as `corecast report` reads it; beside it lies what the run said on
# standard error, if anything. `curve`, in which the contestants take turns at every rate, is one `corecast compare`
# instead, whose flags FLAG... must then be: it writes DIRECTORY/curve/curve.json, .txt (the table) and .svg (the chart).
# SERVER_CPUS (default: all but the last) pins started servers, and peers whose pid is given; LOAD_CPUS (default: the
# last) the load. CORECAST is the binary (default: target/release/corecast).
# The exit code is 0 only if every run's checks held and its figures are valid.
set -euo pipefail

usage() { sed -n '2,18s/^# \{0,1\}//p' "$0" >&2; exit 2; }

all=light,sparse,paced,overload,saturate,ladder,curve,large,channels,churn,stall,hostile,storm,idle
root=$(cd "$(dirname "$0")/.." && pwd)
corecast=${CORECAST:-${CARGO_TARGET_DIR:-$root/target}/release/corecast}
scenarios=$all policies=sharded,mutex,snapshot rounds=6 out='' peers=() flags=()
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; flags=("$@"); break ;;
        --scenarios | --policies | --peer | --rounds | --out) [ $# -ge 2 ] || usage ;;&
        --scenarios) scenarios=$2 ;;
        --policies) policies=$2 ;;
        --peer) peers+=("$2") ;;
        --rounds) rounds=$2 ;;
        --out) out=$2 ;;
        *) usage ;;
    esac
    shift 2
done
IFS=, read -ra scenarios <<<"$scenarios"
IFS=, read -ra policies <<<"$policies"
for scenario in "${scenarios[@]}"; do
    [[ ",$all," == *",$scenario,"* ]] || { echo "bench.sh: '$scenario' is none of ${all//,/, }" >&2; exit 2; }
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "bench.sh: --rounds: '$rounds' is no count" >&2; exit 2; }
[ -x "$corecast" ] || { echo "bench.sh: there is no $corecast: make build, or set CORECAST" >&2; exit 2; }
"$corecast" bench --help | grep -q -e '--scenario' ||
    { echo "bench.sh: $corecast bench knows no --scenario" >&2; exit 2; }

# The developer's settings are not those of the servers measured.
unset "${!CORECAST_@}"

# What the kernel ends with this script, whatever ends it.
with_us=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_us=(setpriv --pdeathsig TERM)

# A directory with runs in it: others beside them would be shown as their rounds.
has_results() { [ -n "$(find "$1" -name '*.json' -print -quit 2>/dev/null)" ]; }

# The CPUs of this process: the last for the load, the others for servers. One CPU cannot be parted.
allowed=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
read -ra allowed <<<"$allowed"
load_cpus=${LOAD_CPUS:-${allowed[-1]}}
others=("${allowed[@]:0:${#allowed[@]}-1}")
[ ${#others[@]} -gt 0 ] || others=("${allowed[@]}")
server_cpus=${SERVER_CPUS:-$(IFS=,; echo "${others[*]}")}

if [ -z "$out" ]; then
    commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
    [ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || commit+=-changed
    out=$root/results/$(date -u +%Y-%m-%d)-$commit
    unnumbered=$out
    for ((number = 2; ; number++)); do
        has_results "$out" || break
        out=$unnumbered-$number
    done
elif has_results "$out"; then
    echo "bench.sh: --out: $out holds results, which would be taken for rounds of these" >&2
    exit 2
fi

scratch=$(mktemp -d)
server=''
stop_server() {
    [ -z "$server" ] && return
    kill "$server" 2>/dev/null || true
    local status=0
    wait "$server" || status=$?
    server=''
    return "$status"
}
finish() {
    stop_server || true
    rm -rf "$scratch"
}
trap finish EXIT

start_server() { # POLICY; sets address
    # Of the server before it, whose line must not be taken for this one's.
    : >"$scratch/ready"
    "${with_us[@]}" "$corecast" serve --policy "$1" --cpus "$server_cpus" --listen native://127.0.0.1:0 \
        --admin-socket "$scratch/admin.sock" >>"$scratch/ready" 2>"$scratch/log" &
    server=$!
    for _ in $(seq 200); do
        address=$(awk '$1 == "listening" { print $3; exit }' "$scratch/ready")
        [ -z "$address" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    cat "$scratch/log" >&2
    echo "bench.sh: the server of policy $1 did not say where it listens" >&2
    exit 1
}

failures=0
load() { # SCENARIO NAME ROUND FLAG...
    local scenario=$1 file=$out/$1/$2.$3 status=0
    shift 3
    "${with_us[@]}" "$corecast" bench --scenario "$scenario" --cpus "$load_cpus" --json "$@" "${flags[@]}" \
        >"$scratch/json" 2>"$scratch/err" || status=$?
    # Interrupted: what there is of this run would be taken for a round.
    [ "$status" -lt 128 ] || exit "$status"
    if [ "$status" -ne 0 ]; then
        echo "  failed or invalid: $file.json $(head -n 1 "$scratch/err")" >&2
        failures=$((failures + 1))
    fi
    # A run that gave no report leaves nothing that `corecast report` could not read.
    for kind in json err; do
        [ -s "$scratch/$kind" ] || continue
        mkdir -p "$out/$scenario"
        # In one piece, though it comes from another file system.
        mv "$scratch/$kind" "$file.$kind.part"
        mv "$file.$kind.part" "$file.$kind"
    done
}

measure() { # SCENARIO ROUND CONTESTANT
    echo "$1, round $2 of $rounds: ${3%%=*}" >&2
    if [[ $3 != *=* ]]; then
        start_server "$3"
        load "$1" "$3" "$2" --address "$address" --server-pid "$server" --fresh-server --admin-socket "$scratch/admin.sock"
        stop_server || { echo "  failed: the server of policy $3 did not end cleanly" >&2; failures=$((failures + 1)); }
        return
    fi
    local name=${3%%=*} part parts
    IFS=, read -ra parts <<<"${3#*=}"
    local arguments=(--address "${parts[0]}") protocol=$name
    for part in "${parts[@]:1}"; do
        case $part in
            protocol=*) protocol=${part#*=} ;;
            pid=*) arguments+=(--server-pid "${part#*=}") ;;
            *) echo "bench.sh: --peer: '$part' is neither protocol=… nor pid=…" >&2; exit 2 ;;
        esac
    done
    pin_peer "$3"
    load "$1" "$name" "$2" --protocol "$protocol" "${arguments[@]}"
}

pin_peer() { # PEER
    [[ $1 =~ ,pid=([0-9]+) ]] && taskset -a -c -p "$server_cpus" "${BASH_REMATCH[1]}" >/dev/null
    return 0
}

curve() {
    local peer reference=${policies[0]} file=$out/curve/curve arguments=()
    [[ " ${policies[*]} " != *' mutex '* ]] || reference=mutex
    for peer in "${peers[@]}"; do pin_peer "$peer"; arguments+=(--peer "$peer"); done
    echo "curve, $rounds rounds of every rate" >&2
    mkdir -p "$out/curve"
    if ! "$corecast" compare --scenario curve --policies "$(IFS=,; echo "${policies[*]}")" "${arguments[@]}" \
        --reference "$reference" --rounds "$rounds" --server-cpus "$server_cpus" --load-cpus "$load_cpus" \
        --json "$file.json" "${flags[@]}" >"$file.txt" 2>"$file.err"; then
        echo "  failed or invalid: $file.json $(head -n 1 "$file.err")" >&2
        failures=$((failures + 1))
    fi
    [ -s "$file.err" ] || rm -f "$file.err"
    [ -s "$file.txt" ] || rm -f "$file.txt"
    if [ -s "$file.json" ]; then
        # One that ended within its first rate has nothing to draw, and says so.
        "$corecast" report "$file.json" --svg "$file.svg" || true
    else
        rm -f "$file.json"
        rmdir --ignore-fail-on-non-empty "$out/curve" && rmdir --ignore-fail-on-non-empty "$out" 2>/dev/null || true
    fi
}

contestants=("${policies[@]}" "${peers[@]}")
for contestant in "${contestants[@]}"; do
    # It becomes the name of a file.
    [[ ${contestant%%=*} =~ ^[A-Za-z0-9][A-Za-z0-9._+@-]*$ ]] ||
        { echo "bench.sh: '${contestant%%=*}' cannot be the name of a contestant" >&2; exit 2; }
done
for scenario in "${scenarios[@]}"; do
    [ "$scenario" != curve ] || { curve; continue; }
    for ((round = 1; round <= rounds; round++)); do
        for ((turn = 0; turn < ${#contestants[@]}; turn++)); do
            place=$turn
            ((round % 2)) || place=$((${#contestants[@]} - 1 - turn))
            measure "$scenario" "$round" "${contestants[place]}"
        done
    done
done
echo "$out"
[ "$failures" -eq 0 ] || { echo "bench.sh: $failures failures" >&2; exit 1; }
