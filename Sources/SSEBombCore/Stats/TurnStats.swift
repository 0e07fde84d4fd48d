// Latencies by turn of a session, beside those of all requests. Knows no session.

/// Latencies by turn, of belonging requests. A handle, like the histograms in it.
struct TurnStats: BitwiseCopyable {
    /// Turns from this one on share their histograms.
    static let greatest = 9

    private let ttft: UnsafeMutablePointer<Histogram>
    private let e2e: UnsafeMutablePointer<Histogram>

    init() {
        ttft = .allocate(capacity: Self.greatest)
        e2e = .allocate(capacity: Self.greatest)
        for place in 0..<Self.greatest {
            (ttft + place).initialize(to: Histogram())
            (e2e + place).initialize(to: Histogram())
        }
    }

    func destroy() {
        for place in 0..<Self.greatest {
            ttft[place].destroy()
            e2e[place].destroy()
        }
        ttft.deallocate()
        e2e.deallocate()
    }

    /// Of a turn, from 1.
    func ttft(_ turn: Int) -> Histogram { ttft[min(turn, Self.greatest) - 1] }
    /// Of a turn, from 1.
    func e2e(_ turn: Int) -> Histogram { e2e[min(turn, Self.greatest) - 1] }
}
