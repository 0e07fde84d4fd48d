// Which numbers the requests of one load have: none comes twice, whatever targets and processes
// share it, and together they are those of one process alone.

import Testing

@testable import SSEBombCore

@Suite("Numbers of requests") struct RequestNumbersTests {
    private func plan(_ numbers: TargetNumbers, _ rank: ProcessRank) -> RunPlan {
        var plan = RunPlan(
            request: RequestSpecification(
                method: "GET",
                scheme: "http",
                host: "a",
                port: 1,
                target: "/"
            ),
            addresses: [],
            streams: 1,
            duration: nil,
            threads: 1,
            cpus: []
        )
        (plan.numbers, plan.rank) = (numbers, rank)
        return plan
    }

    @Test("Counted requests of targets and processes are all numbers once", arguments: [1, 2, 5])
    func counted(ranks: Int) {
        var seen: [UInt64] = []
        for rank in (0..<ranks).map({ ProcessRank($0, of: ranks) }) {
            for (first, count) in [(0, 7), (7, 30), (37, 5)] as [(UInt64, UInt64)] {
                let own = plan(TargetNumbers(from: first), rank)
                seen += (0..<rank.share(of: count)).map { own.requestNumber($0) }
            }
        }
        #expect(seen.sorted() == Array(0..<42))
    }

    @Test("Requests that only time ends have every number once, each round dealt out anew")
    func timed() {
        for ranks in [1, 2, 3] {
            for targets in [2, 3, 10] {
                var seen: [UInt64] = []
                for rank in (0..<ranks).map({ ProcessRank($0, of: ranks) }) {
                    for place in 0..<targets {
                        let own = plan(TargetNumbers(place: place, of: targets), rank)
                        let numbers = (0..<60 as Range<UInt64>).map { own.requestNumber($0) }
                        // A file of as many rows as there are targets.
                        #expect(Set(numbers.map { $0 % UInt64(targets) }).count == targets)
                        seen += numbers
                    }
                }
                #expect(seen.sorted() == Array(0..<UInt64(60 * targets * ranks)))
            }
        }
    }

    @Test("Shares add up to the whole, levels to the last bit", arguments: [1, 2, 3, 7, 1_000])
    func shares(ranks: Int) {
        let all = (0..<ranks).map { ProcessRank($0, of: ranks) }
        for total in [0, 1, ranks, ranks + 1, 99_991] {
            let parts = all.map { $0.share(of: total) }
            #expect(parts.reduce(0, +) == total)
            #expect(parts == parts.sorted(by: >) && parts[0] - parts[ranks - 1] <= 1)
        }
        for level in [100, 0.5, 33.25, 1e6] {
            #expect(all.reduce(0) { $0 + $1.share(of: level) } == level)
        }
    }
}
