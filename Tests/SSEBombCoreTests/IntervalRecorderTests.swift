// The time line: what each second gained, what merging keeps, and how many entries a long run has.

import Testing

@testable import SSEBombCore

/// Two loops and a recorder over them.
private final class TimeLine {
    let loops = [LoopStats(), LoopStats()]
    var recorder: IntervalRecorder
    private(set) var now = Instant(nanoseconds: 1_000)

    init() { recorder = IntervalRecorder(stats: loops, loops: loops, start: now) }
    deinit { for loop in loops { loop.destroy() } }

    func setInFlight(_ values: UInt64...) {
        for (loop, value) in zip(loops, values) {
            loop.setInFlight(Int(value), at: now)
        }
    }

    func pass(_ milliseconds: Int64) { now = now + Nanoseconds.milliseconds(milliseconds) }

    func closeSecond() {
        pass(1_000)
        recorder.closeSecond(at: now)
    }
}

@Suite("Interval recorder") struct IntervalRecorderTests {
    @Test("An interval holds what all loops gained in it, and nothing twice") func gains() {
        let line = TimeLine()
        line.loops[0].count(.started, 3)
        line.loops[1].count(.started, 4)
        line.loops[1].count(.failed, 2)
        line.loops[1].failures.add(2, at: Int(StreamFailure.reset.rawValue))
        line.loops[0].ttft.record(1_000)
        line.loops[1].ttft.record(2_000)
        line.closeSecond()
        line.closeSecond()
        line.loops[0].count(.completed, 3)
        line.loops[1].count(.windowCompletedInside, 2)
        line.loops[0].count(.good, 2)
        line.loops[0].count(.windowGoodInside)
        line.loops[0].count(.events, 5)
        line.loops[0].count(.tokenEvents, 4)
        line.loops[1].failures.add(1, at: Int(StreamFailure.send.rawValue))
        line.loops[0].gap.record(7, count: 4)
        line.closeSecond()
        line.recorder.finish()
        let all = line.recorder.intervals
        #expect(all.map(\.startSeconds) == [0, 1, 2] && all.allSatisfy { $0.seconds == 1 })
        #expect(all.map(\.started) == [7, 0, 0] && all.map(\.failed) == [2, 0, 0])
        #expect(all.map(\.completed) == [0, 0, 3] && all.map(\.events) == [0, 0, 5])
        #expect(all.map(\.completedInWindow) == [0, 0, 2])
        #expect(all.map(\.good) == [0, 0, 2] && all.map(\.goodInWindow) == [0, 0, 1])
        #expect(all.map(\.tokenEvents) == [0, 0, 4])
        #expect(all.map(\.failures) == [[.reset: 2], [:], [.send: 1]])
        #expect(all.map(\.ttft.count) == [2, 0, 0] && all[0].ttft.sum == 3_000)
        #expect(all.map(\.gap.count) == [0, 0, 4])
        #expect(line.recorder.ttft.count == 2 && line.recorder.gap.count == 4)
    }

    @Test("A loop that is over is not busy") func ended() {
        let line = TimeLine()
        line.loops[0].count(.idleNanoseconds, 900_000_000)
        line.loops[1].count(.idleNanoseconds, 700_000_000)
        line.closeSecond()
        line.loops[0].count(.idleNanoseconds, 800_000_000)
        line.loops[1].count(.loopsEnded)
        line.closeSecond()
        line.loops[0].count(.loopsEnded)
        line.closeSecond()
        line.recorder.finish()
        let busiest = line.recorder.intervals.map { ($0.busiest * 10).rounded() / 10 }
        #expect(busiest == [0.3, 0.2, 0])
    }

    @Test("Streams in flight are stream-time over time, of all loops") func inFlight() {
        let line = TimeLine()
        line.setInFlight(10, 20)
        line.pass(250)
        line.setInFlight(0, 10)
        line.pass(250)
        line.setInFlight(0, 0)
        line.pass(500)
        line.recorder.closeSecond(at: line.now)
        // Nothing changes: what is in flight counts all the same.
        line.setInFlight(1, 2)
        line.closeSecond()
        line.closeSecond()
        #expect(line.recorder.intervals.map(\.inFlight) == [10, 3, 3])
    }

    @Test("Streams shorter than the looks are seen") func shortStreams() {
        let line = TimeLine()
        for _ in 0..<10 {
            line.setInFlight(5, 5)
            line.pass(50)
            line.setInFlight(0, 0)
            line.pass(50)
        }
        line.recorder.closeSecond(at: line.now)
        #expect(line.recorder.intervals.map(\.inFlight) == [5])
    }

    @Test(
        "Beyond 600 entries neighbours merge and the step doubles",
        arguments: [
            (1, 1, 1), (599, 599, 1), (600, 600, 1), (601, 301, 2), (602, 301, 2), (603, 302, 2),
            (1_199, 600, 2), (1_200, 600, 2), (1_201, 301, 4), (1_203, 301, 4), (1_205, 302, 4),
            (2_401, 301, 8),
        ]
    )
    func bounded(seconds: Int, entries: Int, step: Int) {
        let line = TimeLine()
        for second in 0..<seconds {
            line.loops[second % 2].count(.started, UInt64(second))
            line.loops[0].count(.events)
            line.loops[1].failures.add(1, at: second % StreamFailure.count)
            line.loops[0].ttft.record(Int64(second))
            line.setInFlight(UInt64(second), 0)
            line.closeSecond()
            #expect(line.recorder.count <= IntervalRecorder.mostIntervals)
        }
        line.recorder.finish()
        let all = line.recorder.intervals
        #expect(all.count == entries && line.recorder.step == step)
        #expect(all.dropLast().allSatisfy { $0.seconds == step })
        #expect(all.last.map { (1...step).contains($0.seconds) } == true)
        // Without a hole or an overlap, and nothing lost in any of them.
        var start = 0
        for interval in all {
            #expect(interval.startSeconds == start)
            let covered = start..<(start + interval.seconds)
            #expect(interval.started == UInt64(covered.reduce(0, +)))
            #expect(interval.events == UInt64(interval.seconds))
            #expect(interval.ttft.count == UInt64(interval.seconds))
            #expect(interval.failures.values.reduce(0, +) == UInt64(interval.seconds))
            let mean = Double(covered.reduce(0, +)) / Double(interval.seconds)
            #expect(abs(interval.inFlight - mean) < 1e-6)
            start += interval.seconds
        }
        #expect(start == seconds)
        #expect(line.recorder.ttft.count == UInt64(seconds))
    }

    @Test("An hour's histograms stay within their bytes, and no sample is lost") func bytes() {
        let line = TimeLine()
        let loops = line.loops
        var random = SeededRandom(seed: 5)
        // A run of two classes, whose second one is the second loop.
        var all = [
            IntervalRecorder(stats: loops, loops: loops, start: line.now),
            IntervalRecorder(stats: [loops[1]], loops: loops, start: line.now),
        ]
        var most = 0
        for second in 0..<3_600 {
            loops[second % 2].count(.events)
            for _ in 0..<1_000 {
                let spread = Int64.random(in: 1_000_000...900_000_000, using: &random)
                loops[Int.random(in: 0...1, using: &random)].gap.record(spread)
            }
            line.pass(1_000)
            for index in all.indices { all[index].closeSecond(at: line.now) }
            IntervalRecorder.bound(&all)
            #expect(all[0].bytes + all[1].bytes <= IntervalRecorder.mostBytes)
            #expect(all[0].step == all[1].step && all[0].count == all[1].count)
            most = max(most, all[0].bytes + all[1].bytes)
        }
        // More than a minute's, so that the bound is what holds it.
        #expect(most > IntervalRecorder.mostBytes / 2 && all[0].step > 8)
        for index in all.indices { all[index].finish() }
        let (whole, part) = (all[0].intervals, all[1].intervals)
        #expect(whole.count >= IntervalRecorder.leastIntervals)
        var gaps = (HistogramSnapshot(), HistogramSnapshot())
        var start = 0
        for (one, two) in zip(whole, part) {
            #expect(one.startSeconds == start && two.startSeconds == start)
            #expect(one.events == UInt64(one.seconds))
            start += one.seconds
            gaps.0.merge(one.gap)
            gaps.1.merge(two.gap)
        }
        #expect(start == 3_600 && gaps.0 == all[0].gap && gaps.1 == all[1].gap)
        #expect(gaps.0.count == 3_600_000)
    }
}

@Suite("Interval store") struct IntervalStoreTests {
    @Test("What is packed comes back, whatever its counts and cells") func round() {
        var store = IntervalStore(reserve: 10, most: 4)
        var given: [RunInterval] = []
        let samples: [[Int64]] = [[], [0], [1, 1, 70_000, 86_400_000_000_000], [5]]
        for (place, samples) in samples.enumerated() {
            var interval = RunInterval(from: place, length: 1)
            for sample in samples {
                interval.ttft.record(sample)
                interval.e2e.merge(HistogramSnapshot(1 << 40, of: sample))
            }
            interval.completed = UInt64(place)
            given.append(interval)
            store.append(interval)
        }
        #expect(store.count == 4 && store.used > 10)
        for (one, two) in zip(store.all, given) {
            #expect(one.ttft == two.ttft && one.e2e == two.e2e && one.gap.isEmpty)
            #expect(one.completed == two.completed && one.startSeconds == two.startSeconds)
        }
        let rest = store.halve { one, two in
            var both = one
            both.ttft.merge(two.ttft)
            both.e2e.merge(two.e2e)
            return both
        }
        #expect(rest == nil && store.count == 2)
        #expect(store[0].ttft == given[1].ttft)
        #expect(store[1].ttft.count == 5 && store[1].e2e.count == 5 << 40)
    }
}
