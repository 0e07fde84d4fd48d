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
        line.loops[0].count(.completed, 1)
        line.loops[0].count(.events, 5)
        line.loops[0].count(.tokenEvents, 4)
        line.loops[1].failures.add(1, at: Int(StreamFailure.send.rawValue))
        line.loops[0].gap.record(7, count: 4)
        line.closeSecond()
        line.recorder.finish()
        let all = line.recorder.intervals
        #expect(all.map(\.startSeconds) == [0, 1, 2] && all.allSatisfy { $0.seconds == 1 })
        #expect(all.map(\.started) == [7, 0, 0] && all.map(\.failed) == [2, 0, 0])
        #expect(all.map(\.completed) == [0, 0, 1] && all.map(\.events) == [0, 0, 5])
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
            #expect(line.recorder.intervals.count <= IntervalRecorder.mostIntervals)
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
}
