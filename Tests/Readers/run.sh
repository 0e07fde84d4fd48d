#!/usr/bin/env bash
# Runs the real binary against its own mock, writes every export at the end of the run and again from
# the stored result, and lets readers not written here judge them (check_exports.py), and the metrics of
# a run that goes on (check_live.py), and what a collector gets (check_otlp.py). Needs SSEBOMB, PYTHON with the readers' packages, jq, Prometheus
# and the reference implementation of HdrHistogram in Java.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

place=$(mktemp -d)
mkdir "$place/run" "$place/report"
"$SSEBOMB" serve --ttft lognormal:20ms,0.4 --itl exp:4ms --tokens 40 --fault reset@stream:0.02 \
    >"$place/serve" &
mock=$!
# The mock alone is ours to end.
trap 'kill "$mock" 2>/dev/null || true; wait "$mock" || true; rm -rf "$place"' EXIT
for _ in $(seq 100); do
    grep -q http "$place/serve" && break
    sleep 0.05
done
url=$(grep -o 'http://[^ ]*' "$place/serve" | head -n 1)

# All exports into one directory.
exports() {
    echo --csv "$1/run.csv" --markdown "$1/run.md" --hlog "$1/run.hlog" --hgrm "$1/ttft.hgrm" \
        --hgrm "gap=$1/gap.hgrm" --hgrm "e2e=$1/e2e.hgrm" --openmetrics "$1/run.om" \
        --vllm-json "$1/vllm.json" --aiperf-json "$1/aiperf.json" --k6-json "$1/k6.json" \
        --llmd "$1/llmd.json" --junit "$1/junit.xml"
}
body='{"messages":[],"stream":true,"stream_options":{"include_usage":true}}'
status=0
# No ramp: then the time line and the metrics hold the same samples.
# shellcheck disable=SC2046
"$SSEBOMB" run -c 60 -n 900 --no-progress --body "$body" --label stage=test -o "$place/run/result.json" \
    --threshold 'ttft:p99<5s' --threshold 'gap:avg<1us' --threshold 'ttft:p99.9<5s' \
    --threshold 'failures:share<0.5' $(exports "$place/run") --per-request "$place/run/requests.ndjson" \
    "$url/v1/chat/completions" \
    >"$place/run/text" 2>/dev/null || status=$?
[ "$status" -eq 99 ] || { echo "the run ended with $status, not 99" >&2; exit 1; }
"$PYTHON" check_exports.py "$place/run"
# Exits with 1 where the last value is false, and with 2 or more where a line isn't JSON.
jq -es --slurpfile result "$place/run/result.json" -f requests.jq "$place/run/requests.ndjson" >"$place/judged" \
    || { echo "requests: FAILED: $(cat "$place/judged")" >&2; exit 1; }
"$PYTHON" check_requests.py "$place/run"
echo "requests: ok"

cp "$place/run/result.json" "$place/report/"
# shellcheck disable=SC2046
"$SSEBOMB" report "$place/run/result.json" $(exports "$place/report") \
    --per-request "$place/report/requests.ndjson" >"$place/report/text"
diff -r "$place/run" "$place/report" --exclude 'java-*'
echo "report: the same bytes from the stored result"
"$PYTHON" check_otlp.py "$SSEBOMB" "$place/run/result.json"
"$PYTHON" check_live.py "$SSEBOMB" "$url/v1/chat/completions"
