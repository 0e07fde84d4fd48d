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
}
