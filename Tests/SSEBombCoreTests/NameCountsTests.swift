// What a loop counts by name and by number: names off the wire, errors, unfinished waits, counters.

import Testing

@testable import SSEBombCore

private func count(_ names: [String], in counts: NameCounts) {
    for name in names { Array(name.utf8).withUnsafeBytes { counts.count($0) } }
}

private func counted(_ names: [String]) -> [String: UInt64] {
    let counts = NameCounts()
    defer { counts.destroy() }
    count(names, in: counts)
    return counts.all()
}

@Suite("Name counts") struct NameCountsTests {
    @Test("Each name has its count, in any order of coming") func counts() {
        let names = ["stop", "stop", "length", "stop", "", "length", "st", "stopp", "stop"]
        let expected: [String: UInt64] = ["stop": 4, "length": 2, "": 1, "st": 1, "stopp": 1]
        #expect(counted(names) == expected)
        #expect(counted([]) == [:])
    }

    @Test("The seventeenth name is counted as other, the sixteen before it go on") func bound() {
        let names = (0..<20).map { "n\($0)" }
        var expected = Dictionary(uniqueKeysWithValues: names.prefix(16).map { ($0, UInt64(2)) })
        expected["other"] = 8
        #expect(counted(names + names) == expected)
    }

    @Test("A name of 48 bytes is kept, a longer one is other", arguments: [47, 48, 49, 300, 4_096])
    func length(bytes: Int) {
        let name = String(repeating: "x", count: bytes)
        #expect(counted([name, name]) == [bytes <= 48 ? name : "other": 2])
    }

    @Test("A name that is called other adds to what is counted so") func calledOther() {
        let names = ["other"] + (0..<16).map { "n\($0)" }
        #expect(counted(names)["other"] == 2)
    }

    @Test("Invalid UTF-8 is replaced, and no count is lost") func invalid() {
        let counts = NameCounts()
        defer { counts.destroy() }
        for bytes in [[0xFF], [0xFE], [0x61]] as [[UInt8]] {
            bytes.withUnsafeBytes { counts.count($0) }
        }
        #expect(counts.all() == ["\u{FFFD}": 2, "a": 1])
    }
}

@Suite("Error log") struct ErrorLogTests {
    private func record(_ log: ErrorLog, _ kind: StreamFailure, _ status: UInt16) -> Int? {
        log.record(kind, status: status, at: Instant(nanoseconds: 9), of: 4) { "\(kind) \(status)" }
    }

    @Test("The first of a kind and status is described, the others are counted") func counts() {
        let log = ErrorLog()
        #expect(record(log, .httpStatus, 503) == 0)
        #expect(record(log, .httpStatus, 429) == 1)
        let again = log.record(.httpStatus, status: 503, at: Instant(nanoseconds: 99), of: 5) {
            Issue.record("a detail was put into words for a failure that is known")
            return ""
        }
        #expect(again == nil)
        #expect(record(log, .reset, 503) == 2)
        #expect(log.entries.map(\.count) == [2, 1, 1])
        #expect(log.entries[0].detail == "httpStatus 503")
        #expect(log.entries[0].first == Instant(nanoseconds: 9))
    }

    @Test(
        "The first 2 KiB of a body are kept, however it was cut",
        arguments: [1, 7, 2_048, 5_000]
    )
    func sample(step: Int) {
        let log = ErrorLog()
        let entry = record(log, .httpStatus, 500) ?? -1
        let body = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        for start in stride(from: 0, to: body.count, by: step) {
            body[start..<min(body.count, start + step)].withUnsafeBytes {
                log.append($0, to: entry)
            }
        }
        #expect(log.entries[0].sample == Array(body.prefix(2_048)))
    }

    @Test("A server that makes up statuses can't grow the log") func bound() {
        let log = ErrorLog()
        for status in UInt16(100)..<600 { _ = record(log, .httpStatus, status) }
        #expect(log.entries.count == ErrorLog.mostEntries)
        #expect(record(log, .httpStatus, 599) == nil)
        #expect(record(log, .httpStatus, 100) == nil)
        #expect(log.entries[0].count == 2)
    }
}

@Suite("Unfinished waits") struct UnfinishedTableTests {
    private func slot(_ change: (inout StreamSlot) -> Void) -> StreamSlot {
        var slot = StreamSlot(limits: WireLimits())
        change(&slot)
        return slot
    }
    private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

    @Test("A request that was never sent waited for its connection alone") func neverSent() {
        var table = UnfinishedTable()
        table.add(slot { $0.conn0 = at(5) }, now: at(100))
        table.add(
            slot {
                $0.sched = at(2)
                $0.conn0 = at(5)
                $0.conn1 = at(50)
            },
            now: at(100)
        )
        let all = table.all.mapValues { [Int64($0.count), $0.greatestAge] }
        #expect(
            all == [.connect: [1, 95], .tls: [1, 50], .ttftSched: [1, 98], .e2eSched: [1, 98]]
        )
    }

    @Test("What a wait would have become depends on how far the stream had come") func stages() {
        var table = UnfinishedTable()
        table.add(slot { $0.send0 = at(10) }, now: at(100))
        table.add(
            slot {
                $0.send0 = at(10)
                $0.ev0 = at(20)
            },
            now: at(50)
        )
        table.add(
            slot {
                $0.send0 = at(10)
                $0.ev0 = at(20)
                $0.hdr = at(15)
                $0.tok0 = at(30)
                $0.out0 = at(30)
                $0.tokN = at(40)
            },
            now: at(41)
        )
        let all = table.all.mapValues { [Int64($0.count), $0.greatestAge] }
        #expect(
            all == [
                .e2e: [3, 90], .headers: [2, 90], .ttfe: [1, 90], .ttft: [2, 90],
                .ttfo: [2, 90], .gap: [1, 1], .itl: [1, 1],
            ]
        )
    }
}

@Suite("Counters") struct CounterTests {
    @Test("Cells add up apart from each other, and a gauge is set") func cells() {
        let block = CounterBlock(count: 5)
        defer { block.destroy() }
        #expect((0..<5).allSatisfy { block.value(at: $0) == 0 })
        for index in 0..<5 { block.add(UInt64(index), at: index) }
        block.add(10, at: 4)
        block.set(3, at: 0)
        #expect((0..<5).map { block.value(at: $0) } == [3, 1, 2, 3, 14])
    }

    @Test("Every metric of a loop has a recorder of its own") func histograms() {
        let stats = LoopStats()
        defer { stats.destroy() }
        for (index, metric) in Metric.allCases.enumerated() {
            stats.histogram(metric).record(5, count: UInt64(index + 1))
        }
        for (index, metric) in Metric.allCases.enumerated() {
            let count = HistogramSnapshot(reading: stats.histogram(metric)).count
            #expect(count == UInt64(index + 1), "\(metric)")
        }
        #expect(HistogramSnapshot(reading: stats.coalescedGapWindow).isEmpty)
    }
}
