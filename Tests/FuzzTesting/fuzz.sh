#!/usr/bin/env bash
# Builds the fuzz targets and runs each of them for a bounded time, two at a time.
#
#   Tests/FuzzTesting/fuzz.sh [SECONDS] [TARGET...]
#
# SECONDS (60) is the time a target gets; TARGETs default to all. What a run learns is kept in
# .build-fuzz/corpus and used by the next one. A finding ends the script with status 1 and the path
# of the input that shows it; `.build-fuzz/TARGET PATH` repeats it. FUZZ_DIR and SWIFTC may be set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

limit=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(head chunks sse probe sendtime connection trace rows template curl)
case $limit in
    '' | *[!0-9]*) echo "fuzz.sh: '$limit' is no number of seconds" >&2; exit 64 ;;
esac
for target in "${targets[@]}"; do
    if [ ! -f "Tests/FuzzTesting/$target.swift" ] || [ "$target" = entry ]; then
        echo "fuzz.sh: there is no fuzz target '$target'" >&2
        exit 64
    fi
done

out=${FUZZ_DIR:-.build-fuzz}
swiftc=${SWIFTC:-swiftc}
core=Sources/SSEBombCore
# The readers need nothing but libc, so they are compiled into the fuzz binary's own module. It has
# the engine's name: the command line's files import that.
sources=("$core"/HTTP/{BodyFraming,ChunkedDecoder,RequestTemplate,ResponseHead,WireLimits}.swift
    "$core"/System/{Distribution,Errno,SeededRandom}.swift "$core"/Memory/Spill.swift
    "$core"/SSE/*.swift "$core"/Traces/*.swift "$core"/Requests/*.swift
    Sources/ssebomb/{CurlCommand,CurlOptions,HeaderFields,ImportedRequest,ShellWords}.swift
    Sources/ssebomb/ValueParsing.swift Tests/FuzzTesting/*.swift)
mkdir -p "$out"

# One binary under all names: the engine is compiled once.
stamp=$(cat "${sources[@]}" "${BASH_SOURCE[0]}" | sha256sum)
if [ ! -x "$out/all" ] || [ "$(cat "$out/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -f "$out/stamp"
    "$swiftc" -O -gline-tables-only -wmo -parse-as-library -module-name SSEBombCore -swift-version 6 \
        -enable-upcoming-feature ExistentialAny \
        -enable-upcoming-feature MemberImportVisibility \
        -enable-upcoming-feature InternalImportsByDefault \
        -suppress-warnings -sanitize=fuzzer,address -use-ld=lld "${sources[@]}" -o "$out/all"
    echo "$stamp" >"$out/stamp"
fi

# Swift's own crash handler would replace libFuzzer's, which writes the finding down.
export SWIFT_BACKTRACE=enable=no
# The pools and buffers of a run are freed explicitly; leak reports need ptrace, which containers
# often refuse.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

run() {
    local target=$1 seeds=Tests/FuzzTesting/corpus/$1 words=wire
    case $target in
        trace | rows | template | curl) words=files ;;
    esac
    mkdir -p "$out/corpus/$target" "$out/findings"
    ln -f "$out/all" "$out/$target"
    local folders=("$out/corpus/$target")
    [ ! -d "$seeds" ] || folders+=("$seeds")
    "$out/$target" -max_total_time="$limit" -max_len=2048 -timeout=10 -rss_limit_mb=2048 \
        -dict=Tests/FuzzTesting/$words.dict -artifact_prefix="$out/findings/$target-" \
        -print_final_stats=1 "${folders[@]}" >"$out/$target.log" 2>&1
}

report() {
    local target=$1 status=$2
    if [ "$status" -eq 0 ]; then
        awk -v target="$target" '
            /^stat::number_of_executed_units/ { runs = $2 }
            /^stat::average_exec_per_sec/ { rate = $2 }
            END { printf "fuzz %-10s ok: %d runs, %d/s\n", target, runs, rate }
        ' "$out/$target.log"
        return
    fi
    failed=$((failed + 1))
    grep -E 'property violated|^==[0-9]+==ERROR|SUMMARY' "$out/$target.log" \
        || tail -5 "$out/$target.log"
    echo "fuzz $target FAILED (status $status), log $out/$target.log, input:"
    grep -o "$out/findings/$target-[^ ]*" "$out/$target.log" | tail -1 || echo "  none written"
}

failed=0
for ((index = 0; index < ${#targets[@]}; index += 2)); do
    pair=("${targets[@]:index:2}")
    pids=()
    for target in "${pair[@]}"; do
        run "$target" &
        pids+=($!)
    done
    for place in "${!pair[@]}"; do
        status=0
        wait "${pids[$place]}" || status=$?
        report "${pair[$place]}" "$status"
    done
done
echo "fuzz: $((${#targets[@]} - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
