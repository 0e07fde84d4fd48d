// The ring that hands events from a loop to the coordinator: order, windows, what doesn't fit, and
// both sides at work at once.

import Glibc
import Synchronization
import Testing

@testable import SSEBombCore

private func event(_ number: UInt64) -> LoggedEvent {
    LoggedEvent(
        stream: 1,
        request: 1,
        event: number,
        at: Instant(nanoseconds: Int64(number) * 10),
        sent: nil,
        window: -1,
        isToken: false
    )
}

private func drained(_ ring: EventRing) -> [LoggedEvent] {
    var events: [LoggedEvent] = []
    ring.drain { events += Array($0) }
    return events
}

@Suite("Event ring") struct EventRingTests {
    @Test("Events of a read become visible together, the last with its own window")
    func reads() {
        let ring = EventRing(capacity: 8)
        defer { ring.destroy() }
        for number in 1...3 as ClosedRange<UInt64> { #expect(ring.append(event(number))) }
        #expect(drained(ring).isEmpty)
        ring.publish(window: 70, last: 0)
        #expect(ring.append(event(4)))
        ring.publish(window: 70, last: 5)
        let events = drained(ring)
        #expect(events.map(\.event) == [1, 2, 3, 4])
        #expect(events.map(\.window) == [70, 70, 0, 5])
        #expect(drained(ring).isEmpty)
        ring.publish(window: 1, last: 1)
        #expect(drained(ring).isEmpty, "a read without an event has nothing to show")
    }

    @Test("What doesn't fit is refused, and what did fit before it is not its read's last")
    func overflow() {
        let ring = EventRing(capacity: 3)
        defer { ring.destroy() }
        let fits = (1...5 as ClosedRange<UInt64>).map { ring.append(event($0)) }
        #expect(fits == [true, true, true, false, false])
        ring.publish(window: 9, last: 0)
        #expect(!ring.append(event(6)))
        let events = drained(ring)
        #expect(events.map(\.event) == [1, 2, 3])
        #expect(events.map(\.window) == [9, 9, 9])
        // There is room again.
        #expect(ring.append(event(7)))
        ring.publish(window: 9, last: 0)
        #expect(drained(ring).map(\.event) == [7])
    }

    @Test("What is no event has no window, and changes none of the events beside it")
    func notes() {
        let ring = EventRing(capacity: 8)
        defer { ring.destroy() }
        var note = event(9)
        note.kind = .completed
        ring.note(note)
        #expect(drained(ring).map(\.kind) == [.completed], "outside a read it is seen at once")
        #expect(ring.append(event(1)))
        #expect(ring.append(event(2)))
        ring.note(note)
        #expect(drained(ring).isEmpty, "inside one it comes behind the events")
        ring.publish(window: 70, last: 5)
        let records = drained(ring)
        #expect(records.map(\.kind) == [.event, .event, .completed])
        #expect(records.map(\.window) == [70, 5, -1])
        for number in 1...8 as ClosedRange<UInt64> { #expect(ring.append(event(number))) }
        ring.note(note)
        ring.publish(window: 1, last: 2)
        #expect(drained(ring).map(\.window) == [1, 1, 1, 1, 1, 1, 1, 2], "a full ring takes none")
    }

    @Test("It goes round and round without a loss")
    func around() {
        let ring = EventRing(capacity: 5)
        defer { ring.destroy() }
        var next: UInt64 = 1
        var seen: [UInt64] = []
        for round in 0..<1_000 {
            for _ in 0..<(1 + round % 5) {
                #expect(ring.append(event(next)))
                next += 1
            }
            ring.publish(window: 1, last: 0)
            seen += drained(ring).map(\.event)
        }
        #expect(seen == Array(1..<next))
    }

    private final class Progress: Sendable {
        let refused = Atomic<UInt64>(0)
        let isDone = Atomic<Bool>(false)
    }

    @Test("A reader beside the writer gets every event that was not refused, whole and in order")
    func concurrent() throws {
        let ring = EventRing(capacity: 64)
        defer { ring.destroy() }
        let total: UInt64 = 200_000
        let progress = Progress()
        let writer = try PinnedThread(name: "writer", cpus: []) {
            for number in 1...total {
                if !ring.append(event(number)) { progress.refused.add(1, ordering: .relaxed) }
                if number % 3 == 0 { ring.publish(window: 7, last: 0) }
                // Lets the reader keep up for a while.
                if number % 1_024 == 0 { usleep(50) }
            }
            ring.publish(window: 7, last: 0)
            progress.isDone.store(true, ordering: .releasing)
        }
        var seen: UInt64 = 0
        var last: UInt64 = 0
        var isWhole = true
        var isOver = false
        while !isOver {
            // Asked before the look: what was published before the end must still be seen.
            isOver = progress.isDone.load(ordering: .acquiring)
            ring.drain { events in
                for event in events {
                    let isNext =
                        event.event > last && event.at.nanoseconds == Int64(event.event) * 10
                    isWhole = isWhole && isNext && (event.window == 7 || event.window == 0)
                    last = event.event
                    seen += 1
                }
            }
        }
        writer.join()
        #expect(isWhole)
        #expect(seen + progress.refused.load(ordering: .relaxed) == total)
        #expect(seen > 64, "the ring was emptied while it was filled")
    }
}
