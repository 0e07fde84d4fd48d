// The open load model's plan: one sequence for any number of loops, laws that hold, ends, and the
// slots that arrivals take.

import Testing

@testable import SSEBombCore

private let laws: [ArrivalLaw] = [.poisson, .constant, .gamma(cv: 0.25), .gamma(cv: 2)]

/// The first offsets of a schedule.
private func offsets(_ load: OpenLoad, seed: UInt64, count: Int) -> [Double] {
    var schedule = ArrivalSchedule(load, seed: seed)
    return (0..<count).map { _ in
        defer { schedule.advance() }
        return schedule.offset
    }
}

/// The times between arrivals, with mean 1.
private func times(_ law: ArrivalLaw, count: Int) -> [Double] {
    let load = OpenLoad(rate: 250, law: law)
    let all = offsets(load, seed: 7, count: count + 1)
    return zip(all, all.dropFirst()).map { ($1 - $0) / load.mean }
}

private func pacer(
    _ load: OpenLoad = OpenLoad(rate: 1_000, law: .poisson),
    seed: UInt64 = 1,
    seconds: Int64 = 2,
    limit: UInt64? = nil,
    rank: ProcessRank = .alone,
    loop: Int = 0,
    of loops: Int = 1
) -> ArrivalPacer {
    let start = Instant(nanoseconds: 1_000)
    return ArrivalPacer(
        load,
        seed: seed,
        start: start,
        end: start + Nanoseconds.seconds(seconds),
        limit: limit,
        rank: rank,
        loop: loop,
        of: loops
    )
}

private func instants(_ pacer: ArrivalPacer) -> [Int64] {
    var pacer = pacer
    var all: [Int64] = []
    while pacer.next != .distantFuture {
        all.append(pacer.next.nanoseconds)
        pacer.advance()
    }
    return all
}

@Suite("Arrival schedule") struct ArrivalScheduleTests {
    @Test("One seed gives one load, for any number of loops", arguments: laws)
    func loops(law: ArrivalLaw) {
        let load = OpenLoad(rate: 1_000, law: law)
        let whole = instants(pacer(load))
        #expect(whole.count > 1_500)
        for loops in [2, 3, 7] {
            let parts = (0..<loops).map { instants(pacer(load, loop: $0, of: loops)) }
            #expect(parts.joined().sorted() == whole)
            #expect(parts.allSatisfy { abs($0.count - whole.count / loops) <= 1 })
            #expect(instants(pacer(load, limit: 100, loop: 1, of: loops)).count == 98 / loops + 1)
        }
        let other = instants(pacer(load, seed: 2))
        #expect((other == whole) == (law == .constant))
    }

    @Test("Processes share one schedule by its numbers, whatever their loops", arguments: laws)
    func ranks(law: ArrivalLaw) {
        let load = OpenLoad(rate: 1_000, law: law)
        func arrivals(_ pacer: ArrivalPacer) -> [UInt64: Int64] {
            var pacer = pacer
            var all: [UInt64: Int64] = [:]
            while pacer.next != .distantFuture {
                all[pacer.number] = pacer.next.nanoseconds
                pacer.advance()
            }
            return all
        }
        for limit in [nil, 100, 2] as [UInt64?] {
            let whole = arrivals(pacer(load, limit: limit))
            var joined: [UInt64: Int64] = [:]
            for rank in (0..<3).map({ ProcessRank($0, of: 3) }) {
                let own = limit.map { rank.share(of: $0) }
                for loop in 0..<2 {
                    let part = arrivals(
                        pacer(load, limit: own, rank: rank, loop: loop, of: 2)
                    )
                    #expect(part.keys.allSatisfy { $0 % 3 == UInt64(rank.number) })
                    joined.merge(part) { _, _ in -1 }
                }
            }
            #expect(joined == whole && whole.count == limit.map { Int($0) } ?? whole.count)
        }
    }

    @Test("Every so many-th arrival follows the law that is tested of one process", arguments: laws)
    func stepLaw(law: ArrivalLaw) throws {
        guard law != .constant else { return }
        let all = offsets(OpenLoad(rate: 250, law: law), seed: 3, count: 60_001)
        let own = stride(from: 1, to: all.count, by: 3).map { all[$0] }
        let times = zip(own, own.dropFirst()).map { ($1 - $0) * 250 / 1e9 }
        let test = try #require(KolmogorovSmirnov(times) { law.cumulative($0, steps: 3) ?? 0 })
        #expect(test.pValue > 0.01, "\(test)")
        let other = try #require(KolmogorovSmirnov(times) { law.cumulative($0 / 3) ?? 0 })
        #expect(other.pValue < 1e-9, "\(other)")
    }

    @Test("Arrivals end with the window, or with the number of requests")
    func ends() {
        var few = pacer(limit: 5)
        let all = instants(few)
        #expect(all.count == 5 && all == Array(instants(pacer()).prefix(5)))
        #expect(!few.hasReachedLimit)
        for _ in 0..<5 { few.advance() }
        #expect(few.hasReachedLimit && few.next == .distantFuture && few.passed == 5)
        #expect(instants(pacer()).allSatisfy { $0 < 1_000 + Nanoseconds.seconds(2) })
        #expect(instants(pacer(seconds: 0)).isEmpty)
    }

    @Test("A constant rate has as many arrivals in a window as it promises, without drift")
    func constant() {
        let load = OpenLoad(rate: 300, law: .constant)
        #expect(instants(pacer(load, seconds: 7)).count == 2_100)
        let last = offsets(load, seed: 1, count: 1_000_000).last ?? 0
        #expect(abs(last - 999_999.5 * 1e9 / 300) < 1)
    }

    @Test("Times between arrivals have the mean and the variation of their law", arguments: laws)
    func moments(law: ArrivalLaw) {
        let count = 40_000
        let times = times(law, count: count)
        let mean = times.reduce(0, +) / Double(count)
        let variance = times.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        let expected: Double =
            switch law {
            case .poisson: 1
            case .constant: 0
            case .gamma(let cv): cv
            }
        // Four standard errors of the mean; the deviation's own error is larger with long tails.
        #expect(abs(mean - 1) < 4 * max(expected, 1e-6) / Double(count).squareRoot())
        #expect(abs(variance.squareRoot() - expected) < 0.05 * max(expected, 1e-3))
    }

    @Test("Times between arrivals follow their law, and no other", arguments: laws)
    func follow(law: ArrivalLaw) throws {
        guard law != .constant else { return }
        let times = times(law, count: 20_000)
        let own = try #require(KolmogorovSmirnov(times) { law.cumulative($0) ?? 0 })
        #expect(own.pValue > 0.01, "\(own)")
        for other in laws where other != law && other != .constant {
            let test = try #require(KolmogorovSmirnov(times) { other.cumulative($0) ?? 0 })
            #expect(test.pValue < 1e-9, "\(other): \(test)")
        }
    }

    @Test("What is due and not started waits, without being kept anywhere")
    func waiting() {
        let load = OpenLoad(rate: 1_000, law: .constant)
        var arrivals = LoopArrivals(pacer(load), slots: 1)
        defer { arrivals.destroy() }
        let start = Instant(nanoseconds: 1_000)
        #expect(arrivals.waiting(at: start) == 0)
        #expect(arrivals.waiting(at: start + Nanoseconds.milliseconds(10)) == 10)
        for _ in 0..<4 { arrivals.pacer.advance() }
        #expect(arrivals.waiting(at: start + Nanoseconds.milliseconds(10)) == 6)
        for _ in 0..<16 { arrivals.pacer.advance() }
        #expect(arrivals.waiting(at: start + Nanoseconds.milliseconds(10)) == 0)
        #expect(arrivals.waiting(at: start + Nanoseconds.seconds(9)) == 1_980)
    }

    @Test("Free slots: last freed, first taken, those with a connection apart")
    func free() {
        let free = FreeSlots(capacity: 4)
        defer { free.destroy() }
        #expect(free.isEmpty && free.popKept() == nil && free.popEmpty() == nil)
        for index in 0..<4 { free.push(UInt32(index), isConnected: index < 2) }
        #expect(!free.isEmpty)
        #expect([free.popKept(), free.popKept(), free.popKept()] == [1, 0, nil])
        #expect([free.popEmpty(), free.popEmpty(), free.popEmpty()] == [3, 2, nil])
        #expect(free.isEmpty)
    }

    @Test("Starts are kept up to a bound, and compared as far as every loop kept them")
    func record() {
        let record = StartRecord()
        defer { record.destroy() }
        for start in 1...StartRecord.capacity + 5 {
            record.add(Instant(nanoseconds: 2 * Int64(start)))
        }
        let full = record.all
        #expect(full.count == StartRecord.capacity && full.last == Int64(2 * StartRecord.capacity))
        let beyond = Int64(2 * StartRecord.capacity + 1)
        let starts = ResultMerger.starts(of: [full, [3, 7, beyond]])
        #expect(starts.count == full.count + 2 && starts.prefix(5) == [2, 3, 4, 6, 7])
        #expect(ResultMerger.starts(of: [[5], [1, 9]]) == [1, 5, 9])
        #expect(ResultMerger.starts(of: [[], []]).isEmpty)
    }
}
