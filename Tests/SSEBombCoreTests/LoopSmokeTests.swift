// Whole runs inside the test process against a scripted server: that a coordinator's loops open,
// reuse, retry, cut and count as they shall.

import Synchronization
import Testing

@testable import SSEBombCore

private func plan(
    _ addresses: [SocketAddress],
    streams: Int,
    requests: UInt64?,
    duration: Int64? = nil
) -> RunPlan {
    var plan = planWithoutTarget(streams: streams, duration: duration)
    plan.addresses = addresses
    plan.requests = requests
    plan.timeouts.total = Nanoseconds.seconds(5)
    return plan
}

private func coordinator(_ plan: RunPlan) throws -> Coordinator {
    let template = try RequestTemplate(plan.request, userAgent: "test")
    return try Coordinator(plan: plan, template: template)
}

private func run(_ plan: RunPlan) throws -> RunResult { try coordinator(plan).run() }

/// Answers every request with three tokens: the first after 20 ms, the others 60 ms apart.
@Sendable private func serveTokens(_ peer: ScriptedPeer) {
    while peer.awaitRequest() {
        peer.sleep(milliseconds: 20)
        peer.sendHead()
        peer.sendToken()
        // So far apart that they share no read on a busy machine.
        peer.sleep(milliseconds: 60)
        peer.sendToken()
        // So far apart that they share no read on a busy machine.
        peer.sleep(milliseconds: 60)
        peer.sendToken(isLast: true)
        peer.sendEnd()
    }
}

@Suite("Loop", .serialized, .timeLimit(.minutes(1))) struct LoopSmokeTests {
    @Test(
        "Streams of three tokens complete, on kept connections, and the counts add up",
        arguments: [1, 2]
    )
    func completes(threads: Int) throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var plan = plan([server.address], streams: 2, requests: 6)
        plan.threads = threads
        let result = try run(plan)
        let counts = result.counts
        #expect(counts.started == 6 && counts.completed == 6)
        #expect(counts.failed == 0 && counts.cut == 0 && counts.failures.isEmpty)
        #expect(counts.status == [200: 6] && counts.finishReasons == ["stop": 6])
        #expect(counts.tokenEvents == 18 && counts.events == 24)
        #expect(counts.completionTokens == 18 && counts.tokenBasis == .event)
        #expect(counts.connectionsOpened == 2 && counts.connectionsReused == 4)
        #expect(counts.kernelClockStreams + counts.userClockStreams == 6)
        let expected: [Metric: UInt64] = [
            .ttft: 6, .ttfe: 6, .ttfo: 6, .headers: 6, .e2e: 6, .tpot: 6, .maxGap: 6, .gap: 12,
            .itl: 12, .connect: 2, .ttftFresh: 2, .sendLag: 6, .lastToken: 6,
        ]
        for (metric, count) in expected {
            #expect(result.histograms[metric]?.count == count, "\(metric)")
        }
        #expect(result.loops.count == threads && result.dialect == .openaiChat)
        #expect(result.intervals.reduce(0) { $0 + $1.completed } == 6)
        #expect(result.unfinished.isEmpty && result.errors.isEmpty)
    }

    @Test("Latencies are those the server made") func latencies() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        let result = try run(plan([server.address], streams: 2, requests: 4))
        let ttft = try #require(result.histograms[.ttft])
        let gap = try #require(result.histograms[.gap])
        let e2e = try #require(result.histograms[.e2e])
        // The server slept 20 ms between reading the request and its first byte, and 120 after.
        #expect(ttft.min >= Nanoseconds.milliseconds(19))
        #expect(e2e.min >= Nanoseconds.milliseconds(138))
        #expect(e2e.max < Nanoseconds.seconds(5))
        // The stamp of one event may be late, and the gap behind it short, where the machine is
        // busy.
        #expect(gap.max >= Nanoseconds.milliseconds(59))
    }

    @Test("A kept connection that the server closed unanswered is replaced, and the retry counted")
    func staleConnection() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            peer.sendToken(isLast: true)
            peer.sendEnd()
            _ = peer.awaitRequest()
        }
        defer { server.stop() }
        let counts = try run(plan([server.address], streams: 1, requests: 3)).counts
        #expect(counts.completed == 3 && counts.failed == 0 && counts.started == 3)
        #expect(counts.retriedStale == 2 && counts.connectionsOpened == 3)
    }

    @Test("An interrupt cuts what still runs, and shows for how long it had waited")
    func interrupt() throws {
        let server = try ScriptedServer { peer in
            guard peer.awaitRequest() else { return }
            peer.sendHead()
            peer.sendToken()
            _ = peer.awaitRequest()
        }
        defer { server.stop() }
        var plan = plan(
            [server.address],
            streams: 3,
            requests: nil,
            duration: Nanoseconds.seconds(60)
        )
        plan.timeouts.total = Nanoseconds.seconds(20)
        let coordinator = try coordinator(plan)
        var seenInFlight: UInt64 = 0
        let result = try coordinator.run { progress in
            guard progress.tokenEvents == 3 else { return }
            seenInFlight = progress.inFlight
            coordinator.interrupt(signal: 2)
        }
        #expect(seenInFlight == 3)
        #expect(result.interruptedBy == 2)
        #expect(result.counts.started == 3 && result.counts.cut == 3)
        #expect(result.counts.completed == 0 && result.counts.failed == 0)
        #expect(result.measured < Nanoseconds.seconds(20))
        #expect(result.unfinished.mapValues(\.count) == [.e2e: 3, .e2eSched: 3, .gap: 3, .itl: 3])
        #expect(result.unfinished[.gap].map { $0.greatestAge > 0 } == true)
    }

    @Test("A judge sees the result as it stands once a second, and ends the run")
    func judge() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var seen: [RunResult] = []
        let duration = Nanoseconds.seconds(30)
        let plan = plan([server.address], streams: 2, requests: nil, duration: duration)
        let result = try coordinator(plan).run(judge: { standing in
            seen.append(standing)
            return seen.count == 2
        })
        #expect(seen.count == 2, "it is not asked again")
        #expect(result.isAborted && result.interruptedBy == nil)
        #expect(result.measured < Nanoseconds.seconds(10))
        let counts = result.counts
        #expect(counts.started == counts.completed + counts.failed + counts.cut)
        for (second, standing) in seen.enumerated() {
            #expect(standing.measured >= Nanoseconds.seconds(Int64(second) + 1))
            #expect(standing.counts.completed > 0 && standing.counts.tokensInWindow > 0)
            let ttft = try #require(standing.histograms[.ttft])
            #expect(ttft.count > 0 && standing.unfinished.isEmpty && standing.loops.isEmpty)
        }
        #expect(seen[0].counts.completed < seen[1].counts.completed)
        #expect(seen[1].counts.completed <= counts.completed)
    }

    @Test("A judge that is content changes nothing") func contentJudge() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        let plan = plan([server.address], streams: 2, requests: 80)
        var asked = 0
        let result = try coordinator(plan).run(judge: { _ in
            asked += 1
            return false
        })
        #expect(!result.isAborted && result.counts.completed == 80)
        #expect(asked > 0)
    }

    @Test("A refused status is a failure with a sample of its body") func refusedStatus() throws {
        let server = try ScriptedServer { peer in
            while peer.awaitRequest() {
                peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ntoo busy!")
            }
        }
        defer { server.stop() }
        let result = try run(plan([server.address], streams: 1, requests: 2))
        #expect(result.counts.failures == [.httpStatus: 2] && result.counts.status == [503: 2])
        #expect(result.counts.completed == 0 && result.counts.connectionsOpened == 1)
        // The second request waited for at least half of 100 ms.
        #expect(result.counts.backoff >= Nanoseconds.milliseconds(50))
        #expect(result.errors.count == 1 && result.errors.first?.count == 2)
        #expect(
            result.errors.first.map { String(decoding: $0.sample, as: UTF8.self) } == "too busy!"
        )
    }

    @Test("An address that refuses is left for one that answers") func secondAddress() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        let addresses = [try ScriptedServer.closedAddress(), server.address]
        let counts = try run(plan(addresses, streams: 4, requests: 4)).counts
        #expect(counts.completed == 4 && counts.failed == 0)
    }

    @Test("With no address left that answers, every request fails as refused") func refused() throws
    {
        let addresses = [try ScriptedServer.closedAddress(), try ScriptedServer.closedAddress()]
        let result = try run(plan(addresses, streams: 2, requests: 2))
        #expect(result.counts.failures == [.connectRefused: 2])
        #expect(result.errors.first.map { $0.detail.contains("127.0.0.1:") } == true)
    }

    @Test(
        "A paced connect whose turn comes after the measured window never starts",
        arguments: [nil, 40] as [UInt64?]
    )
    func pacedBeyondEnd(requests: UInt64?) throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var plan = plan(
            [server.address],
            streams: 40,
            requests: requests,
            duration: Nanoseconds.milliseconds(300)
        )
        // A turn every second: the first at once, the last 39 s after it.
        plan.connectRate = 1
        let began = Instant.now()
        let counts = try run(plan).counts
        #expect(Instant.now() - began < Nanoseconds.seconds(20))
        #expect(counts.connectionsOpened == 1 && counts.startedOutsideWindow == 0)
        #expect(counts.started >= 1 && counts.started == counts.completed)
    }

    @Test("A connect that waits for its turn isn't late: the turn is when it was wanted")
    func pacedIsNotLate() throws {
        let server = try ScriptedServer(script: serveTokens)
        defer { server.stop() }
        var plan = plan([server.address], streams: 2, requests: 2)
        plan.connectRate = 2.5
        let result = try run(plan)
        #expect(result.counts.completed == 2)
        let lag = try #require(result.histograms[.sendLag])
        #expect(lag.count == 2 && lag.max < Nanoseconds.milliseconds(200))
        #expect(result.measured >= Nanoseconds.milliseconds(400))
    }

    @Test("Streams still running when the drain ends are cut") func cutAfterDrain() throws {
        let server = try ScriptedServer { peer in _ = peer.awaitRequest() && peer.awaitRequest() }
        defer { server.stop() }
        var plan = plan(
            [server.address],
            streams: 2,
            requests: nil,
            duration: Nanoseconds.milliseconds(100)
        )
        plan.drain = Nanoseconds.milliseconds(100)
        let result = try run(plan)
        #expect(result.counts.cut == 2 && result.counts.started == 2)
        #expect(result.measured == Nanoseconds.milliseconds(100))
        let waiting: [Metric] = [
            .ttft, .ttfe, .ttfo, .ttftFresh, .ttftSched, .e2e, .e2eSched, .headers,
        ]
        #expect(Set(result.unfinished.keys) == Set(waiting))
        #expect(result.unfinished.values.allSatisfy { $0.count == 2 })
        let age = try #require(result.unfinished[.ttft]?.greatestAge)
        #expect(age > Nanoseconds.milliseconds(100) && age < Nanoseconds.seconds(20))
    }
}
