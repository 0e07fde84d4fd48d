#!/usr/bin/env bash
# The decode benchmark: nanoseconds and, with valgrind, instructions per 180-byte event.
#
#   perf/decode/run.sh [time|count|build]
#
# Without an argument both. The decoders are compiled from Sources/SSEBombCore into the benchmark's
# own module, so nothing of it is in the product. PERF_DIR and SWIFTC may be set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=${PERF_DIR:-.build-perf}
core=Sources/SSEBombCore
mkdir -p "$out"

build() {
    "${SWIFTC:-swiftc}" -O -wmo -gline-tables-only -module-name SSEBombDecode -swift-version 6 \
        -enable-upcoming-feature ExistentialAny \
        -enable-upcoming-feature MemberImportVisibility \
        -enable-upcoming-feature InternalImportsByDefault \
        "$core"/HTTP/{BodyFraming,ChunkedDecoder,ResponseHead,WireLimits}.swift \
        "$core"/SSE/*.swift "$core"/Memory/Spill.swift perf/decode/main.swift \
        -o "$out/decode"
}

# Address space randomisation off and an empty environment: the same count in every repeat.
count() {
    command -v valgrind >/dev/null || { echo "decode: valgrind is not installed" >&2; return 1; }
    local log="$out/callgrind.log" instructions events
    rm -f "$out"/callgrind.out
    events=$(env -i PATH="$PATH" SWIFT_DETERMINISTIC_HASHING=1 setarch -R \
        valgrind --tool=callgrind --toggle-collect='*decodeRead*' --log-file="$log" \
        --callgrind-out-file="$out/callgrind.out" "$out/decode" once | awk '{ print $2 }')
    instructions=$(awk '/^summary:/ { print $2 }' "$out/callgrind.out")
    if [ "${instructions:-0}" -lt "${events:-1}" ]; then
        echo "decode: callgrind collected nothing, see $log" >&2
        return 1
    fi
    awk -v i="$instructions" -v e="$events" \
        'BEGIN { printf "instructions per event: %.1f\n", i / e }'
}

build
case ${1:-all} in
    build) ;;
    time) "$out/decode" ;;
    count) count ;;
    all)
        "$out/decode"
        count
        ;;
    *) echo "decode: '$1' is none of: time count build" >&2; exit 64 ;;
esac
