// The draws that decide what the user of a request does: shares, sequences of their own, and that
// the same request of the same seed always does the same.

import Testing

@testable import SSEBombCore

@Suite("Behaviour of users") struct StreamBehaviourTests {
    private let requests = (1...20_000).map {
        RequestKey(stream: UInt64($0 % 100), number: UInt64($0))
    }

    @Test("The share of requests that leave early is the one asked for") func share() {
        let plan = Cancellation(after: .constant(5), unit: .tokens, share: 0.2, text: "5 tokens")
        let leave = requests.filter { plan.draw(seed: 7, $0) == 5 }.count
        // Five standard deviations of a binomial distribution: 5 * sqrt(20,000 * 0.2 * 0.8).
        #expect(abs(leave - 4_000) < 283)
    }

    @Test("A request does the same under the same seed, and another under another") func seeds() {
        let law = Distribution.uniform(0, 1e9)
        let plan = Cancellation(after: law, unit: .time, share: 0.5, text: "uniform:0,1s")
        let first = requests.map { plan.draw(seed: 1, $0) }
        #expect(first == requests.map { plan.draw(seed: 1, $0) })
        let other = requests.map { plan.draw(seed: 2, $0) }
        let same = zip(first, other).filter { $0 != nil && $0 == $1 }.count
        #expect(same == 0)
        #expect(Set(first.compactMap { $0 }).count > 9_000, "each request draws anew")
    }

    @Test("A reader takes in one go no more than 50 ms of its rate, and one byte at least")
    func slowReads() {
        let sizes: [(Double, Int)] = [(1, 1), (19, 1), (2_000, 100), (1e9, ReceiveBuffer.size)]
        for (rate, size) in sizes {
            #expect(SlowReaders(rate: rate, share: 1).bytesAtOnce == size)
        }
    }

    @Test("Slow readers are others than those that leave early") func independence() {
        let cancel = Cancellation(after: .constant(1), unit: .time, share: 0.5, text: "1")
        let slow = SlowReaders(rate: 1, share: 0.5)
        let both = requests.filter {
            cancel.draw(seed: 3, $0) != nil && slow.draw(seed: 3, $0)
        }.count
        // A quarter, within five standard deviations.
        #expect(abs(both - 5_000) < 307)
    }

    @Test("Reconnects come no sooner than the server asks, spread over as long again")
    func reconnects() {
        for (retry, spread) in [(UInt32(3_000), 3_000), (200, 1_000), (0, 1_000)] {
            let delays = (0..<10_000).map { stream in
                let request = RequestKey(stream: UInt64(stream), number: 1)
                return Reconnection.delay(retry: retry, seed: 1, request) / 1_000_000
            }
            #expect(delays.allSatisfy { ($0 >= retry) && ($0 < Int64(retry) + Int64(spread)) })
            // In tenths of the spread: each a tenth, within five standard deviations.
            for tenth in 0..<10 {
                let count = delays.filter {
                    ($0 - Int64(retry)) * 10 / Int64(spread) == tenth
                }.count
                #expect(abs(count - 1_000) < 150, "retry \(retry), tenth \(tenth)")
            }
        }
    }

    @Test("The longest reconnection time that a server can name stays a time") func longestRetry() {
        let request = RequestKey(stream: 0, number: 1)
        #expect(Reconnection.delay(retry: .max, seed: 1, request) > 0)
    }
}
