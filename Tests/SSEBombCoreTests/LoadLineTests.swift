// The line that stages make, held against what a walk in small steps finds, and the arrivals and
// streams that follow it.

import Testing

@testable import SSEBombCore

private func stage(_ seconds: Double, _ target: Double) -> LoadStage {
    LoadStage(duration: Int64(seconds * 1e9), target: target)
}

/// Rises, falls, stretches of nothing, jumps in both directions, and a jump at the very end.
private let line = LoadLine(
    from: 10,
    stages: [
        stage(4, 50), stage(2, 50), stage(5, 0), stage(3, 0), stage(0, 20), stage(2, 20),
        stage(0, 5), stage(4, 6.5), stage(0, 100),
    ]
)

/// Seconds.
private let step = 1e-3
private let steps = 20_000
/// Of the walk's times, so that none is that at which a stream comes or goes.
private let shift = 0.31e-3

@Suite("Lines of load") struct LoadLineTests {
    @Test("A stage leads to its target in a straight line; after a jump the level is the new one")
    func levels() {
        #expect(line.duration == 20_000_000_000 && line.highest == 50)
        let expected: [(Double, Double)] = [
            (0, 10), (1, 20), (4, 50), (5, 50), (8.5, 25), (11, 0), (13.999, 0), (14, 20),
            (15.5, 20), (16, 5), (18, 5.75), (20, 6.5), (25, 6.5),
        ]
        for (time, level) in expected {
            let found = line.level(at: Int64(time * 1e9))
            #expect(abs(found - level) < 1e-6, "\(time): \(found)")
        }
        #expect(LoadLine(from: 9, stages: [stage(0, 3), stage(1, 2)]).highest == 3)
        #expect(LoadLine(from: 9, stages: [stage(0, 0)]).highest == 0)
    }

    @Test("The area is the sum of the levels, and the time of an area its inverse")
    func areas() {
        line.view { view in
            var sum = 0.0
            for index in 0..<steps {
                let time = Double(index) * step
                #expect(abs(view.area(until: time) - sum) < 0.1, "\(time)")
                sum += view.level(at: time + step / 2) * step
                // Before 14 s and at it the area is the same.
                guard view.level(at: time) > 0.1, index != 14_000 else { continue }
                let back = view.time(ofArea: view.area(until: time))
                #expect(abs(back - time) < 1e-6, "\(time): \(back)")
            }
            #expect(view.time(ofArea: view.area(until: 99) + 0.001) == .infinity)
            // Nothing comes while there is nothing.
            let flat = view.area(until: 12)
            #expect(view.time(ofArea: flat - 1e-9) < 11.001)
            #expect(view.time(ofArea: flat + 1e-9) >= 14)
        }
        #expect(abs(line.mean(from: 0, to: 4_000_000_000) - 30) < 1e-9)
        #expect(line.mean(from: 11_000_000_000, to: 14_000_000_000) == 0)
        #expect(line.mean(from: 5, to: 5) == 0)
    }

    @Test("Streams take part as a walk over the line finds, and differ from it by half of one")
    func streams() {
        line.view { view in
            for number in 0..<51 {
                let level = Double(number) + 0.5
                let parts = (0..<steps).map { view.level(at: Double($0) * step + shift) >= level }
                for index in stride(from: 0, to: steps, by: 137) {
                    let time = Double(index) * step + shift
                    let rise = parts[index..<steps].firstIndex(of: true)
                    let fall = parts[index..<steps].firstIndex(of: false)
                    expectNear(view.rises(to: level, from: time), rise, "rise to \(level)")
                    expectNear(view.falls(below: level, from: time), fall, "fall \(level)")
                }
            }
            for index in 0..<steps where index % 97 == 0 {
                let time = Double(index) * step + shift
                let count = (0..<60).count { view.rises(to: Double($0) + 0.5, from: time) == time }
                #expect(abs(Double(count) - view.level(at: time)) <= 0.5 + 1e-6)
            }
        }
    }

    private func expectNear(_ found: Double?, _ index: Int?, _ what: String) {
        guard let index, let found else {
            // At the last step the walk can't see what comes within it.
            #expect(found == nil && index == nil || (found ?? 0) > 20 - 2 * step, "\(what)")
            return
        }
        #expect(
            abs(found - Double(index) * step - shift) <= step + 1e-9,
            "\(what): \(found), \(index)"
        )
    }

    // MARK: Arrivals

    private func instants(_ load: OpenLoad, seed: UInt64, loop: Int, of loops: Int) -> [Int64] {
        let start = Instant(nanoseconds: 1_000)
        var pacer = ArrivalPacer(
            load,
            seed: seed,
            start: start,
            end: start + line.duration,
            limit: nil,
            loop: loop,
            of: loops
        )
        defer { pacer.destroy() }
        var all: [Int64] = []
        while pacer.next != .distantFuture {
            all.append(pacer.next - start)
            pacer.advance()
        }
        return all
    }

    @Test(
        "Arrivals of stages are the same for any number of loops, and none come where none are due",
        arguments: [ArrivalLaw.poisson, .constant, .gamma(cv: 2)]
    )
    func loops(law: ArrivalLaw) {
        let load = OpenLoad(line, law: law)
        let whole = instants(load, seed: 3, loop: 0, of: 1)
        #expect(!whole.contains { (11_000_000_000..<14_000_000_000).contains($0) })
        #expect(zip(whole, whole.dropFirst()).allSatisfy { $0 <= $1 })
        for loops in [2, 5] {
            let parts = (0..<loops).map { instants(load, seed: 3, loop: $0, of: loops) }
            #expect(parts.joined().sorted() == whole)
        }
        #expect((instants(load, seed: 4, loop: 0, of: 1) == whole) == (law == .constant))
        #expect(abs(load.rate - line.mean(from: 0, to: line.duration)) < 1e-12)
    }

    @Test("A constant law has as many arrivals up to each time as the line promises")
    func constant() {
        let all = instants(OpenLoad(line, law: .constant), seed: 1, loop: 0, of: 1)
        line.view { view in
            for index in 0..<200 {
                let time = Double(index) / 10 + 0.001
                let count = all.count { Double($0) / 1e9 <= time }
                #expect(abs(Double(count) - view.area(until: time)) <= 0.5 + 1e-6, "\(time)")
            }
        }
    }

    @Test(
        "Counted in what the line promises, times between arrivals follow the law and no other",
        arguments: [ArrivalLaw.poisson, .gamma(cv: 0.5)]
    )
    func law(law: ArrivalLaw) throws {
        let steep = LoadLine(from: 0, stages: [stage(5, 2_000), stage(5, 2_000), stage(5, 10)])
        var schedule = ArrivalSchedule(OpenLoad(steep, law: law), seed: 11)
        defer { schedule.destroy() }
        var offsets: [Double] = []
        while schedule.offset.isFinite {
            offsets.append(schedule.offset / 1e9)
            schedule.advance()
        }
        let expected = steep.view { view in offsets.map { view.area(until: $0) } }
        let changed = zip(expected, expected.dropFirst()).map { $1 - $0 }
        let own = try #require(KolmogorovSmirnov(changed) { law.cumulative($0) ?? 0 })
        #expect(own.pValue > 0.01 && own.count > 15_000, "\(own)")
        let other: ArrivalLaw = law == .poisson ? .gamma(cv: 0.5) : .poisson
        let wrong = try #require(KolmogorovSmirnov(changed) { other.cumulative($0) ?? 0 })
        #expect(wrong.pValue < 1e-9)
        // Without the change of time the changing rate would look like a wrong law.
        let mean = (offsets.last ?? 0) / Double(offsets.count)
        let plain = zip(offsets, offsets.dropFirst()).map { ($1 - $0) / mean }
        let unchanged = try #require(KolmogorovSmirnov(plain) { law.cumulative($0) ?? 0 })
        #expect(unchanged.pValue < 1e-9)
    }
}
