// Benchmarks of what runs per event, without sockets: chunked decoder, event stream parser, token
// probe, all three together, and the histogram. Compiled into one module with them, so that the
// optimiser sees what it sees in the product. micro.py builds it and reads what it prints.
//
//   micro time     nanoseconds: "NAME SHAPE SIZE median least most" a line
//   micro count    every case twice and no clock: "NAME SHAPE SIZE samples" a line

import Glibc

/// One pass of a case. Callgrind writes its counts down whenever this is left.
@inline(never)
func runPass(_ entry: Case) {
    entry.pass()
}

func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds per sample over so many passes.
func timed(_ entry: Case, passes: Int) -> Double {
    let before = nanoseconds()
    for _ in 0..<passes { runPass(entry) }
    return Double(nanoseconds() - before) / Double(passes * entry.samples)
}

func time(_ cases: [Case]) {
    let runs = 31
    var passes: [Int] = []
    for entry in cases {
        runPass(entry)
        let once = timed(entry, passes: 1) * Double(entry.samples)
        passes.append(max(1, Int(4_000_000 / once)))
    }
    var values = Array(repeating: [Double](), count: cases.count)
    // Round by round, so that a machine whose speed drifts treats all cases alike.
    for _ in 0..<runs {
        for index in cases.indices {
            values[index].append(timed(cases[index], passes: passes[index]))
        }
    }
    for (entry, unsorted) in zip(cases, values) {
        let sorted = unsorted.sorted()
        print(entry.name, entry.shape, entry.size, sorted[runs / 2], sorted[0], sorted[runs - 1])
    }
}

/// The first pass warms the spills up, the second is the one to be looked at.
func count(_ cases: [Case]) {
    for entry in cases {
        runPass(entry)
        runPass(entry)
        print(entry.name, entry.shape, entry.size, entry.samples)
    }
}

let pool = SpillPool()
var cases: [Case] = []
for shape in Shape.allCases {
    for size in [60, 180, 1_000, 16_000] { cases += decoderCases(size, shape, pool) }
}
cases += Latencies.allCases.map(histogramCase)
switch CommandLine.arguments.dropFirst().first {
case "time": time(cases)
case "count": count(cases)
default:
    print("usage: micro time|count")
    exit(64)
}
