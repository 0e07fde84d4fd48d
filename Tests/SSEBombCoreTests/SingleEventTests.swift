// Runs whose events carry their own send times, and whose events are logged, inside the test
// process against a scripted server: that each event has the delay that its stamps say, that what
// has none is counted, and that a log that is too slow loses events and nothing else.

import CSupport
import Glibc
import Synchronization
import Testing

@testable import SSEBombCore

private func plan(_ server: ScriptedServer, streams: Int = 1, requests: UInt64 = 1) -> RunPlan {
    var plan = planWithoutTarget(streams: streams, duration: nil)
    plan.addresses = [server.address]
    plan.requests = requests
    plan.dialect = .raw
    plan.timeouts.total = Nanoseconds.seconds(20)
    plan.sendTime = SendTimePath(
        path: JSONPath(steps: [.init(key: Array("t".utf8), index: nil)]),
        unit: .ns
    )
    plan.loggedStreams = streams
    return plan
}

private struct Run {
    let result: RunResult
    let events: [LoggedEvent]

    init(_ plan: RunPlan) throws {
        let template = try RequestTemplate(plan.request, userAgent: "test")
        let coordinator = try Coordinator(plan: plan, template: template)
        var events: [LoggedEvent] = []
        result = try coordinator.run { events += Array($0) }
        self.events = events
    }
}

extension Coordinator {
    fileprivate func run(_ events: @escaping EventSink) throws(SetupError) -> RunResult {
        try run(progress: nil, events: events)
    }
}

private func stamp(_ nanoseconds: Int64) -> String { "{\"t\":\(nanoseconds)}" }

@Suite("Single events", .serialized, .timeLimit(.minutes(2))) struct SingleEventTests {
    @Test("one_way is each event's arrival minus its stamp, on either clock")
    func oneWay() throws {
        let server = try ScriptedServer { peer in
            while peer.awaitRequest() {
                peer.sendHead()
                for number in 0..<10 {
                    let ago = Nanoseconds.milliseconds(Int64(number))
                    let now = number % 2 == 0 ? csup_now() : csup_realtime()
                    peer.sendEvent(stamp(now - ago))
                    peer.sleep(milliseconds: 2)
                }
                peer.send("0\r\n\r\n")
            }
        }
        defer { server.stop() }
        let run = try Run(plan(server, streams: 2, requests: 6))
        let times = try #require(run.result.counts.sendTimes)
        #expect(run.result.counts.completed == 6)
        #expect(times.read == 60 && times.missing == 0 && times.beforeSend == 0)
        #expect(run.events.count == 60)
        for event in run.events {
            let ago = Nanoseconds.milliseconds(Int64(event.event) - 1)
            let oneWay = try #require(event.oneWay)
            // The offset of the two clocks is known to a microsecond or so.
            #expect(oneWay >= ago - 5_000, "event \(event.event) took \(oneWay)")
            #expect(oneWay < ago + Nanoseconds.seconds(5))
        }
        // Sums of a histogram are exact: the metric holds these delays and no others.
        let metric = try #require(run.result.histograms[.oneWay])
        let sum = run.events.reduce(0) { $0 + ($1.oneWay ?? 0) }
        #expect(metric.count == 60 && metric.sum == UInt64(sum))
    }

    @Test("Events without a time, and those before their time, are counted and recorded nowhere")
    func unusable() throws {
        let hour = Nanoseconds.seconds(3_600)
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            for data in ["none", "{}", "{\"t\":\"x\"}", "{\"t\":0}", "{\"t\":-5}"] {
                peer.sendEvent(data)
            }
            peer.sendEvent(stamp(csup_now() + hour))
            peer.sendEvent(stamp(csup_realtime() + hour))
            peer.sendEvent(stamp(csup_now()))
            peer.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let run = try Run(plan(server))
        let times = try #require(run.result.counts.sendTimes)
        #expect(times.read == 3 && times.missing == 5 && times.beforeSend == 2)
        #expect(run.result.histograms[.oneWay]?.count == 1)
        #expect(
            run.events.map { $0.sent == nil } == [
                true, true, true, true, true, false, false, false,
            ]
        )
        let early = run.events.compactMap(\.oneWay).filter { $0 < 0 }
        #expect(early.count == 2)
        #expect(early.allSatisfy { -$0 <= hour && -$0 > hour - Nanoseconds.seconds(60) })
    }

    @Test("An API's events carry times, too; its end marker is no event without one")
    func api() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            for _ in 0..<3 {
                peer.sendEvent(
                    "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                        + "\"delta\":{\"content\":\"x\"}}],\"t\":\(csup_now())}"
                )
            }
            peer.sendToken(isLast: true)
            peer.sendEnd()
        }
        defer { server.stop() }
        var plan = plan(server)
        plan.dialect = .openaiChat
        let run = try Run(plan)
        let times = try #require(run.result.counts.sendTimes)
        #expect(times.read == 3 && times.missing == 1)
        // The log has every event, the marker included.
        #expect(run.events.count == 5 && run.result.counts.events == 5)
        #expect(run.events.map(\.isToken) == [true, true, true, true, false])
    }

    @Test("Without the flags nothing is read and nothing logged")
    func off() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            peer.sendEvent(stamp(csup_now()))
            peer.send("0\r\n\r\n")
        }
        defer { server.stop() }
        var plan = plan(server)
        plan.sendTime = nil
        plan.loggedStreams = 0
        let run = try Run(plan)
        #expect(run.result.counts.completed == 1 && run.result.counts.events == 1)
        #expect(run.events.isEmpty && run.result.histograms[.oneWay] == nil)
        #expect(run.result.counts.sendTimes == nil && run.result.counts.eventLog == nil)
    }

    @Test(
        "Streams, requests and events are numbered from 1, and of the sample only",
        arguments: [1, 3]
    )
    func numbers(threads: Int) throws {
        let server = try ScriptedServer { peer in
            while peer.awaitRequest() {
                peer.sendHead()
                for _ in 0..<3 { peer.sendEvent(stamp(csup_now())) }
                // The slots take turns: no stream may get all requests.
                peer.sleep(milliseconds: 100)
                peer.send("0\r\n\r\n")
            }
        }
        defer { server.stop() }
        var plan = plan(server, streams: 7, requests: 21)
        plan.threads = threads
        plan.loggedStreams = 4
        let run = try Run(plan)
        #expect(run.result.counts.completed == 21)
        let streams = Dictionary(grouping: run.events, by: \.stream)
        #expect(streams.count == 4)
        #expect(streams.keys.allSatisfy { (1...7).contains($0) })
        for events in streams.values {
            let requests = events.count / 3
            let expected = (0..<requests).flatMap { request in
                (1...3).map { [UInt64(request + 1), UInt64($0)] }
            }
            #expect(requests > 0 && events.map { [$0.request, $0.event] } == expected)
        }
        #expect(run.result.counts.eventLog?.written == UInt64(run.events.count))
        #expect(run.result.counts.eventLog?.lost == 0)
    }

    @Test("Several events in one read may have come earlier, but for the last")
    func sharedRead() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            peer.sleep(milliseconds: 200)
            let now = csup_now()
            let event = "data: \(stamp(now))\n\n"
            let chunk = "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n"
            peer.send(chunk + chunk + chunk)
            peer.sleep(milliseconds: 200)
            peer.send(chunk)
            peer.sleep(milliseconds: 200)
            peer.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let run = try Run(plan(server))
        try #require(run.events.count == 4)
        #expect(run.events[0].at == run.events[2].at)
        #expect(run.events[2].window == 0 && run.events[3].window == 0)
        // Sent together: they can't have arrived before they were sent, nor before the socket was
        // known to be empty.
        let windows = run.events[..<2].map(\.window)
        #expect(windows[0] == windows[1] && windows[0] >= 0)
        #expect(windows[0] == run.result.histograms[.stampWindow]?.max)
        #expect(run.events[3].at - run.events[2].at >= Nanoseconds.milliseconds(150))
    }

    @Test("Where the body ends behind an event in one read, the stamp is not the event's own")
    func sharedWithEnd() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            peer.sleep(milliseconds: 200)
            let event = "data: \(stamp(csup_now()))\n\n"
            let chunk = "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n"
            peer.send(chunk)
            peer.sleep(milliseconds: 200)
            peer.send(chunk + "0\r\n\r\n")
        }
        defer { server.stop() }
        let run = try Run(plan(server))
        try #require(run.events.count == 2)
        let windows = try #require(run.result.histograms[.stampWindow])
        #expect(run.events[0].window == 0)
        #expect(windows.count == 1 && windows.max == run.events[1].window)
    }

    @Test("Without kernel stamps no event's stamp is its own")
    func userClock() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            for _ in 0..<3 {
                peer.sleep(milliseconds: 20)
                peer.sendEvent(stamp(csup_now()))
            }
            peer.send("0\r\n\r\n")
        }
        defer { server.stop() }
        var plan = plan(server)
        plan.clock = .user
        let run = try Run(plan)
        try #require(run.events.count == 3)
        for event in run.events {
            #expect(event.window > 0)
            // Sent while the socket was not known to be anything but empty.
            let sent = try #require(event.sent)
            #expect(event.at - sent >= 0 && event.at + -event.window <= event.at)
        }
    }

    @Test("A log that is behind loses events, counts them, and holds up no stream")
    func slowLog() throws {
        let total = 200_000
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            let event = "data: {\"t\":5}\n\n"
            let chunk = "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n"
            let block = String(repeating: chunk, count: 1_000)
            for _ in 0..<(total / 1_000) { peer.send(block) }
            peer.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let plan = plan(server)
        let template = try RequestTemplate(plan.request, userAgent: "test")
        let coordinator = try Coordinator(plan: plan, template: template)
        var taken: [UInt64] = []
        let result = try coordinator.run { events in
            taken += events.map(\.event)
            // The loop must reach its end meanwhile.
            if taken.count == events.count { usleep(3_000_000) }
        }
        let log = try #require(result.counts.eventLog)
        #expect(result.counts.completed == 1 && result.counts.events == UInt64(total))
        #expect(log.written + log.lost == UInt64(total))
        #expect(log.written == UInt64(taken.count))
        #expect(log.lost > 0)
        #expect(zip(taken, taken.dropFirst()).allSatisfy { $0 < $1 })
        // What isn't logged is measured all the same.
        #expect(result.counts.sendTimes?.read == UInt64(total))
    }
}
