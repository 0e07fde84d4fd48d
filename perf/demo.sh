#!/usr/bin/env bash
# `make demo`: the embedded mock server on a free loopback port, 1,000 streams on it for 10 s, the
# report, and everything stopped again. SSEBOMB names the binary; STREAMS and DURATION may be set.
# Arguments are further flags of the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ssebomb=${SSEBOMB:-.build/release/ssebomb}
streams=${STREAMS:-1000}
duration=${DURATION:-10s}
[ -x "$ssebomb" ] || { echo "demo: $ssebomb is missing: run \`make release\`" >&2; exit 1; }

folder=$(mktemp -d)
"$ssebomb" serve --tokens 40 >"$folder/serve.out" &
server=$!
finish() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

url=
for _ in $(seq 100); do
    url=$(sed -n '1s/^listening on //p' "$folder/serve.out")
    [ -z "$url" ] || break
    kill -0 "$server" 2>/dev/null || { echo "demo: the mock server did not start" >&2; exit 1; }
    sleep 0.05
done
[ -n "$url" ] || { echo "demo: the mock server does not say where it listens" >&2; exit 1; }

command=("$ssebomb" -c "$streams" -d "$duration" --post perf/body.json "$@"
    "${url%/}/v1/chat/completions")
echo "\$ ssebomb serve --tokens 40 &"
echo "\$ ssebomb ${command[*]:1}"
"${command[@]}"
