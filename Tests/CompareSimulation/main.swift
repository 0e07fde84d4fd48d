// How often `compare` raises an alarm where nothing changed, and finds a change that is there: many
// comparisons of simulated runs. `make test-sim`; docs/COMPARE.md has its figures. Exits 1 where a
// bar is missed.

import Glibc
import SSEBombCore
import SSEBombReport

/// One row of the table.
struct Scenario {
    var name: String
    var server: SimulatedServer
    var runs = 1
    /// At most this share of comparisons without a difference says "worse" or "better" of anything;
    /// nil where the run is too short for that.
    var mostAlarms: Double?
    /// At least this share finds +10 % in the p99 of ttft.
    var leastFound: Double?
}

/// The server with so much more time to the first token in its tail that p99 is 10 % up.
func worse(_ server: SimulatedServer) -> SimulatedServer {
    var worse = server
    worse.tailFactor = 1.1
    return worse
}

func runs(_ server: SimulatedServer, _ count: Int, _ random: inout SeededRandom) -> [ComparedRun] {
    (0..<count).map { server.run(name: "\($0)", &random) }
}

func compare(_ base: [ComparedRun], _ new: [ComparedRun]) -> Comparison {
    guard let comparison = try? Comparison(base: base, new: new) else {
        print("two alike plans were refused")
        exit(1)
    }
    return comparison
}

func share(_ hits: Int, of count: Int) -> Double { Double(hits) / Double(count) }

func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

/// Runs a scenario; returns whether its bars hold.
func carryOut(_ scenario: Scenario, comparisons: Int) -> Bool {
    var random = SeededRandom(seed: 42)
    var (alarms, found, seen) = (0, 0, 0)
    var excluded: [String: Int] = [:]
    let figure = ComparedFigure.percentile(.ttft, 99)
    for _ in 0..<comparisons {
        let base = runs(scenario.server, scenario.runs, &random)
        let same = compare(base, runs(scenario.server, scenario.runs, &random))
        let words: [ComparisonFinding] = [.worse, .better]
        if same.rows.contains(where: { words.contains($0.finding) }) { alarms += 1 }
        for row in same.rows {
            guard let interval = row.interval else { continue }
            excluded[row.figure.name, default: 0] += interval.contains(0) ? 0 : 1
        }
        guard scenario.leastFound != nil else { continue }
        let changed = compare(base, runs(worse(scenario.server), scenario.runs, &random))
        guard let row = changed.rows.first(where: { $0.figure == figure }) else { continue }
        if row.finding == .worse { found += 1 }
        if let interval = row.interval, interval.contains(0.1) { seen += 1 }
    }
    var cells = [scenario.name]
    var holds = true
    let rate = share(alarms, of: comparisons)
    let bar = scenario.mostAlarms.map { " (at most \(percent($0)))" } ?? " (no bar: too short)"
    cells.append("alarms \(percent(rate))\(bar)")
    holds = rate <= scenario.mostAlarms ?? 1
    let kept = excluded.values.map { 1 - share($0, of: comparisons) }
    if let least = kept.min(), let most = kept.max() {
        cells.append("intervals hold 0 in \(percent(least)) to \(percent(most)), by figure")
    }
    if let least = scenario.leastFound {
        let rate = share(found, of: comparisons)
        let covered = percent(share(seen, of: comparisons))
        cells.append("+10 % found \(percent(rate)) (at least \(percent(least)))")
        cells.append("interval holds +10 % in \(covered)")
        holds = holds && rate >= least
    }
    defer { fflush(nil) }
    print((holds ? "" : "MISSED  ") + cells.joined(separator: "; "))
    return holds
}

// How many comparisons a line, and a word of the names of those wanted.
let arguments = CommandLine.arguments.dropFirst()
let comparisons = arguments.first.flatMap { Int($0) } ?? 1_000
let word = arguments.dropFirst().first ?? ""
var (calm, drifting, sparse) = (SimulatedServer(), SimulatedServer(), SimulatedServer())
(calm.requestRate, calm.seconds) = (300, 90)
(drifting.requestRate, drifting.seconds) = (300, 180)
(drifting.drift, drifting.correlation) = (0.03, 0.7)
(sparse.requestRate, sparse.seconds) = (15, 60)
var (stiff, brief, restarted) = (SimulatedServer(), SimulatedServer(), SimulatedServer())
(stiff.requestRate, stiff.seconds) = (50, 600)
(stiff.drift, stiff.correlation) = (0.05, 0.9)
brief = stiff
(brief.requestRate, brief.seconds) = (100, 60)
(restarted.requestRate, restarted.seconds, restarted.ofRuns) = (100, 30, 0.02)
var few = SimulatedServer()
(few.requestRate, few.seconds, few.failures) = (1.5, 20, 0.02)
let scenarios = [
    Scenario(
        name: "90 s x 300/s, independent seconds",
        server: calm,
        mostAlarms: 0.05,
        leastFound: 0.9
    ),
    Scenario(
        name: "180 s x 300/s, seconds correlated by 0.7 (drift 3 %)",
        server: drifting,
        mostAlarms: 0.05,
        leastFound: 0.9
    ),
    Scenario(name: "60 s x 15/s, independent seconds", server: sparse, mostAlarms: 0.05),
    Scenario(
        name: "600 s x 50/s, seconds correlated by 0.9 (drift 5 %)",
        server: stiff,
        mostAlarms: 0.05
    ),
    Scenario(name: "60 s x 100/s, seconds correlated by 0.9 (drift 5 %)", server: brief),
    Scenario(
        name: "4 runs a side of 30 s x 100/s, runs differ by 2 %",
        server: restarted,
        runs: 4,
        mostAlarms: 0.05
    ),
    Scenario(
        name: "3 runs a side of 20 s x 1.5/s, 2 % fail",
        server: few,
        runs: 3,
        mostAlarms: 0.05
    ),
]
var allHold = true
for scenario in scenarios where word.isEmpty || scenario.name.contains(word) {
    if !carryOut(scenario, comparisons: comparisons) { allHold = false }
}
exit(allHold ? 0 : 1)
