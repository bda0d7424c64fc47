#!/usr/bin/env bash
# Runs a command beside redis-server and nats-server on loopback, and ends both with it.
#
#   scripts/peers.sh target/release/corecast-bench compare --peer @redis --peer @nats ...
#
# @redis and @nats in the command become redis=127.0.0.1:PORT,pid=PID and nats=127.0.0.1:PORT,pid=PID, as
# `corecast-bench compare --peer` takes them. PEER_CPUS pins the peers (a list for taskset, such as 0); by default they
# have all CPUs but the last, as the servers that `compare` starts. Both have their default settings, except that redis
# keeps nothing on disk, does not disconnect subscribers that are behind, and takes 16,000 connections, of which the
# scenario `idle` has 10,001. What is not installed is installed with apt-get.
set -euo pipefail

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    '') usage >&2; exit 2 ;;
esac

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nats-server >/dev/null || missing+=(nats-server)
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}" >&2
    apt-get update -qq && apt-get install -y -qq "${missing[@]}" >&2
fi

# What the kernel ends with this script, whatever ends it.
with_us=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_us=(setpriv --pdeathsig TERM)

allowed=$(python3 -c 'import os; cpus = sorted(os.sched_getaffinity(0)); print(*(cpus[:-1] or cpus), sep=",")')
pin=(taskset -c "${PEER_CPUS:-$allowed}")

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_for() { # PORT PID
    for _ in $(seq 200); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        kill -0 "$2" 2>/dev/null || { echo "a peer ended at its start" >&2; exit 1; }
        sleep 0.05
    done
    echo "a peer does not listen on port $1" >&2
    exit 1
}

started=()
stop() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$scratch"
}
scratch=$(mktemp -d)
trap stop EXIT

redis_port=$(free_port)
(cd "$scratch" && exec "${with_us[@]}" "${pin[@]}" redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no \
    --client-output-buffer-limit 'pubsub 0 0 0' --maxclients 16000) >"$scratch/redis.log" 2>&1 &
redis_pid=$!
started+=("$redis_pid")
nats_port=$(free_port)
"${with_us[@]}" "${pin[@]}" nats-server -a 127.0.0.1 -p "$nats_port" >"$scratch/nats.log" 2>&1 &
nats_pid=$!
started+=("$nats_pid")
wait_for "$redis_port" "$redis_pid"
wait_for "$nats_port" "$nats_pid"

command=()
for word in "$@"; do
    case $word in
        @redis) command+=("redis=127.0.0.1:$redis_port,pid=$redis_pid") ;;
        @nats) command+=("nats=127.0.0.1:$nats_port,pid=$nats_pid") ;;
        *) command+=("$word") ;;
    esac
done
"${with_us[@]}" "${command[@]}"
