// Which row a request takes: every order against what its name promises.

import Testing

@testable import SSEBombCore

@Suite("The order of rows") struct RowOrderTests {
    private func rows(_ order: RowOrder, _ count: UInt64, _ numbers: Range<UInt64>) -> [UInt64] {
        numbers.map { order.row($0, of: count, seed: 9) }
    }

    @Test("sequential goes through the file again and again") func sequential() {
        #expect(rows(.sequential, 3, 0..<7) == [0, 1, 2, 0, 1, 2, 0])
    }

    @Test(
        "shuffle takes every row once a round, whatever their number",
        arguments: [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 1_000, 4_097] as [UInt64]
    )
    func bijection(count: UInt64) {
        for round in 0..<3 as Range<UInt64> {
            let taken = rows(.shuffle, count, (round * count)..<((round + 1) * count))
            #expect(taken.sorted() == Array(0..<count))
        }
    }

    @Test("each round of a shuffle, and each seed, has an order of its own") func rounds() {
        let first = rows(.shuffle, 100, 0..<100)
        #expect(first != rows(.shuffle, 100, 100..<200))
        #expect(first != (0..<100).map { RowOrder.shuffle.row($0, of: 100, seed: 10) })
        #expect(first != Array(0..<100))
    }

    @Test("a shuffle has no favourites: each row comes at each place as often as another")
    func uniform() {
        let count: UInt64 = 8
        var seen = [[Int]](repeating: [Int](repeating: 0, count: 8), count: 8)
        let rounds: UInt64 = 8_000
        for number in 0..<(rounds * count) {
            let row = RowOrder.shuffle.row(number, of: count, seed: 3)
            seen[Int(number % count)][Int(row)] += 1
        }
        // Binomial around 1,000 with a standard deviation of 30: five of them.
        #expect(seen.allSatisfy { $0.allSatisfy { abs($0 - 1_000) < 150 } })
    }

    @Test("random stays within the rows, repeats some, and takes all alike") func random() {
        let taken = rows(.random, 10, 0..<10_000)
        var counts = [Int](repeating: 0, count: 10)
        for row in taken { counts[Int(row)] += 1 }
        // Binomial around 1,000 with a standard deviation of 30: five of them.
        #expect(counts.allSatisfy { abs($0 - 1_000) < 150 })
        #expect(Set(taken.prefix(10)).count < 10)
    }

    @Test("a large file is walked, not tabled") func large() {
        let count: UInt64 = 1 << 40 | 12_345
        let taken = rows(.shuffle, count, 0..<1_000)
        #expect(Set(taken).count == 1_000)
        #expect(taken.allSatisfy { $0 < count })
    }
}
