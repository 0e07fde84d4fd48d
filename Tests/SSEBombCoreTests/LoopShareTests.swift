// What falls to one loop of a class of load: its streams, its part of the arrivals, its part of a
// sample. Sums over the loops must be the whole, for any number of loops and classes.

import Testing

@testable import SSEBombCore

@Suite("Shares of a loop") struct LoopShareTests {
    private func shares(of total: Int, class number: Int = 0, among count: Int) -> [LoopShare] {
        (0..<count).map { LoopShare(of: total, class: number, loop: $0, among: count) }
    }

    @Test("Streams are shared out evenly, and all of them", arguments: [1, 2, 3, 7, 64])
    func streams(threads: Int) {
        for total in [1, threads, threads + 1, 1_000, 99_991] {
            for number in [0, 1, 5, 200] {
                let all = shares(of: total, class: number, among: threads)
                #expect(all.reduce(0) { $0 + $1.streams } == total)
                let some = all.filter { $0.streams > 0 }
                let (least, most) = (some.map(\.streams).min() ?? 0, some.map(\.streams).max() ?? 0)
                #expect(most - least <= 1)
                #expect(some.count == min(total, threads))
                #expect(some.allSatisfy { $0.loops == some.count && $0.rank < $0.loops })
                #expect(Set(some.map(\.rank)).count == some.count)
                let ranges = some.sorted { $0.firstStream < $1.firstStream }
                var next = 0
                for share in ranges {
                    #expect(share.firstStream == next)
                    next += share.streams
                }
            }
        }
    }

    @Test("Small classes don't all fall to the same loop") func spread() {
        let loops = (0..<4).map { number in
            shares(of: 1, class: number, among: 4).firstIndex { $0.streams == 1 }
        }
        #expect(Set(loops).count == 4)
    }

    @Test("A sample is spread over the loops, and no loop has more of it than streams")
    func sample() {
        for streams in 1...40 {
            for threads in 1...streams {
                let all = shares(of: streams, among: threads)
                for size in [0, 1, 2, 7, streams - 1, streams, streams + 5] {
                    let samples = all.map { $0.sample(size) }
                    let isWithin = zip(samples, all).allSatisfy { $0 >= 0 && $0 <= $1.streams }
                    #expect(isWithin && samples.reduce(0, +) == min(max(size, 0), streams))
                }
            }
        }
    }
}
