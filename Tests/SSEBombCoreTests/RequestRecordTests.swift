// Requests that are handed over when they are over, inside the test process against a scripted
// server: that their stamps are those that the metrics are made of, that each is told once, and
// that a log that is too slow loses requests and nothing else.

import CSupport
import Glibc
import Testing

@testable import SSEBombCore

private func plan(_ server: ScriptedServer, streams: Int = 1, requests: UInt64 = 1) -> RunPlan {
    var plan = planWithoutTarget(streams: streams, duration: nil)
    plan.addresses = [server.address]
    plan.requests = requests
    plan.timeouts.total = Nanoseconds.seconds(20)
    plan.recordsRequests = true
    return plan
}

private struct Run {
    let result: RunResult
    var records: [RequestRecord] = []
    var start = RunStart(at: .none, wall: 0)

    init(_ plan: RunPlan, pause: UInt32 = 0) throws {
        let template = try RequestTemplate(plan.request, userAgent: "test")
        let coordinator = try Coordinator(plan: plan, template: template)
        var taken: [RequestRecord] = []
        var from = start
        result = try coordinator.run { records, start in
            if taken.isEmpty { usleep(pause) }
            taken += Array(records)
            from = start
        }
        (records, start) = (taken, from)
    }
}

extension Coordinator {
    fileprivate func run(_ requests: @escaping RequestSink) throws(SetupError) -> RunResult {
        try run(progress: nil, requests: requests)
    }
}

@Sendable private func serveTokens(_ peer: ScriptedPeer) {
    while peer.awaitRequest() {
        peer.sendHead()
        for number in 0..<4 {
            peer.sleep(milliseconds: 2)
            peer.sendToken(isLast: number == 3)
        }
        peer.sendEnd()
    }
}

@Suite("Request records", .serialized, .timeLimit(.minutes(2))) struct RequestRecordTests {
    @Test("Each request is told once, with the stamps that the metrics are made of")
    func stamps() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var plan = plan(server, streams: 3, requests: 9)
        plan.threads = 2
        let run = try Run(plan)
        #expect(run.result.counts.completed == 9 && run.records.count == 9)
        #expect(Set(run.records.map(\.number)) == Set(0..<9))
        #expect(run.result.counts.requestLog?.written == 9)
        #expect(run.result.counts.requestLog?.lost == 0)
        #expect(run.start.at == run.result.start && run.start.wall == run.result.startedAt)
        for record in run.records {
            #expect(record.outcome == .completed && record.failure == nil && record.status == 200)
            #expect(record.finishReason.text == "stop" && record.isMeasured)
            #expect(record.events == 5 && record.tokenEvents == 4 && record.tokens == 4)
            #expect(!record.hasUsage && record.promptTokens == -1 && record.turn == 0)
            // Its own clock's stamps first, then arrivals; the kernel's clock is known to 1 µs.
            let order = [record.sched, record.send0, record.sendN, record.done]
            #expect(order == order.sorted() && order.allSatisfy(\.isSet))
            let arrivals = [record.hdr, record.ev0, record.tok0, record.tokN]
            #expect(arrivals == arrivals.sorted() && record.hdr - record.send0 > -1_000)
            #expect(record.ev0 == record.tok0 && record.out0 == record.tok0)
            #expect(record.tokN - record.tok0 >= record.maxGap && record.maxGap > 0)
            #expect(record.conn0.isSet == record.conn1.isSet && !record.tls1.isSet)
            if record.conn0.isSet { #expect(record.conn0 <= record.conn1) }
        }
        // Only the first request of a stream opens a connection.
        #expect(run.records.filter(\.conn0.isSet).allSatisfy { $0.request == 1 })
        #expect(run.records.count(where: \.conn0.isSet) == run.result.counts.connectionsOpened)
        // A histogram's sum is exact: it holds these values and no others.
        for (metric, from) in [(Metric.ttft, \RequestRecord.send0), (.ttftSched, \.sched)] {
            let sum = run.records.reduce(0) { $0 + ($1.tok0 - $1[keyPath: from]) }
            #expect(run.result.histograms[metric]?.sum == UInt64(sum), "\(metric)")
        }
        let whole = run.records.reduce(0) { $0 + ($1.done - $1.send0) }
        #expect(run.result.histograms[.e2e]?.sum == UInt64(whole))
        let sent = run.records.reduce(0) { $0 + $1.requestBytes }
        let body = run.records.reduce(0) { $0 + $1.bodyBytes }
        #expect(sent == run.result.counts.bytesSent && body == run.result.counts.bytesBody)
        #expect(Set(run.records.map(\.bodyBytes)).count == 1)
    }

    @Test("Events that came in the measured window add up to the run's, before it and behind it")
    func windowEvents() throws {
        // Each answer takes 60 ms and more, of which some of either end of the window lie in it.
        let server = try ScriptedServer { peer in
            while peer.awaitRequest() {
                peer.sendHead()
                for number in 0..<20 {
                    peer.sleep(milliseconds: 3)
                    peer.sendToken(isLast: number == 19)
                }
                peer.sendEnd()
            }
        }
        defer { server.stop() }
        var plan = plan(server, streams: 4)
        plan.requests = nil
        plan.warmup = Nanoseconds.milliseconds(200)
        plan.duration = Nanoseconds.milliseconds(300)
        plan.drain = Nanoseconds.seconds(2)
        let run = try Run(plan)
        let counts = run.result.counts
        func sum(_ path: KeyPath<RequestRecord, UInt32>) -> UInt64 {
            run.records.reduce(0) { $0 + UInt64($1[keyPath: path]) }
        }
        #expect(sum(\.windowEvents) == counts.events && counts.events > 0)
        #expect(sum(\.windowTokenEvents) == counts.tokenEvents && counts.tokenEvents > 0)
        #expect(sum(\.events) > counts.events && sum(\.tokenEvents) > counts.tokenEvents)
        let cut = run.records.filter { (1..<$0.events).contains($0.windowEvents) }
        #expect(Set(cut.map(\.isMeasured)) == [true, false])
    }

    @Test("Requests that end otherwise say so, and have the stamps that they came to")
    func ends() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            switch peer.number {
            case 0: peer.send("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
            case 1:
                peer.sendHead()
                peer.sendToken()
            default: peer.sleep(milliseconds: 3_000)
            }
        }
        defer { server.stop() }
        var plan = plan(server, requests: 3)
        plan.duration = Nanoseconds.milliseconds(900)
        plan.drain = 0
        plan.keepAlive = false
        let run = try Run(plan)
        #expect(run.records.map(\.outcome) == [.failed, .failed, .cut])
        #expect(run.records.map(\.failure) == [.httpStatus, .closedEarly, nil])
        #expect(run.records.map(\.status) == [503, 200, 0])
        #expect(run.records.map(\.request) == [1, 2, 3])
        #expect(run.records.map(\.tok0.isSet) == [false, true, false])
        #expect(run.records.map(\.hdr.isSet) == [true, true, false])
        #expect(run.records.allSatisfy { $0.sendN.isSet && $0.finishReason.isEmpty })
        #expect(run.records.map(\.bodyBytes)[0] == 2)
    }

    @Test("A log that is behind loses requests, counts them, and holds up no stream")
    func slowLog() throws {
        let server = try ScriptedServer { peer in
            while peer.awaitRequest() {
                peer.sendHead()
                peer.sendToken(isLast: true)
                peer.sendEnd()
            }
        }
        defer { server.stop() }
        var plan = plan(server, streams: 2, requests: 2_000)
        plan.requestRoom = 1
        let run = try Run(plan, pause: 300_000)
        let log = try #require(run.result.counts.requestLog)
        #expect(run.result.counts.completed == 2_000)
        #expect(log.lost > 0 && log.written + log.lost == 2_000)
        #expect(log.written == UInt64(run.records.count))
        // What isn't told is measured all the same.
        #expect(run.result.histograms[.ttft]?.count == 2_000)
    }

    @Test("Without the plan's wish nothing is told and nothing counted")
    func off() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var plan = plan(server)
        plan.recordsRequests = false
        let run = try Run(plan)
        #expect(run.result.counts.completed == 1 && run.records.isEmpty)
        #expect(run.result.counts.requestLog == nil)
    }

    @Test("A ring refuses what it has no room for, and takes on where it was emptied")
    func ring() {
        let ring = BoundedRing<Int>(capacity: 3)
        defer { ring.destroy() }
        var taken: [Int] = []
        var expected: [Int] = []
        for round in 0..<5 {
            for number in 0..<5 {
                let fits = ring.put(round * 10 + number)
                #expect(fits == (number < 3))
                if fits { expected.append(round * 10 + number) }
                // Unseen until it is published.
                ring.drain { taken += Array($0) }
                #expect(taken.count == round * 3)
            }
            ring.publish()
            ring.drain { taken += Array($0) }
            #expect(taken == expected)
        }
    }

    @Test("What docs/FORMATS.md says a request, and a stream, costs the log") func sizes() {
        #expect(MemoryLayout<RequestRecord>.stride == 304)
        #expect(MemoryLayout<RequestLog.Notes>.stride == 96)
    }

    @Test("A short name holds 48 bytes; what is longer is other")
    func names() {
        func name(_ text: String) -> ShortName {
            var text = text
            return text.withUTF8 { ShortName(UnsafeRawBufferPointer($0)) }
        }
        let most = String(repeating: "é", count: 24)
        #expect(name(most).text == most && name("stop").text == "stop")
        #expect(name(most + "x").text == "other")
        #expect(name("").isEmpty && ShortName().isEmpty && !name("x").isEmpty)
        #expect(name("stop") == name("stop") && name("stop") != name("sto"))
    }
}
