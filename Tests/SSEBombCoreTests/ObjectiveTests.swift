// How one request is judged by its objectives: each metric on both sides of its limit, what never
// came, what can't be there, and what becomes of requests that didn't complete.

import Testing

@testable import SSEBombCore

private func at(_ milliseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + Nanoseconds.milliseconds(milliseconds))
}

/// A request on a connection of its own: 10 tokens, the last at 250 ms, with a gap of 60 ms.
private func request() -> StreamSlot {
    var slot = StreamSlot(limits: WireLimits())
    slot.sched = at(0)
    slot.conn0 = at(10)
    slot.conn1 = at(15)
    slot.tls1 = at(23)
    slot.send0 = at(30)
    slot.hdr = at(40)
    slot.ev0 = at(50)
    slot.tok0 = at(70)
    slot.out0 = at(90)
    slot.tokN = at(250)
    slot.maxGap = Nanoseconds.milliseconds(60)
    slot.tokens = 10
    return slot
}

private func limit(_ metric: Metric, _ milliseconds: Int64) -> Objective {
    Objective(metric: metric, greatest: Nanoseconds.milliseconds(milliseconds), text: "")
}

@Suite("Objectives") struct ObjectiveTests {
    @Test(
        "a completed request keeps a limit up to its very value, and misses it 1 ns below",
        arguments: [
            (.ttft, 40), (.ttftFresh, 60), (.ttftSched, 70), (.ttfe, 20), (.ttfo, 60), (.tpot, 20),
            (.e2e, 270), (.e2eSched, 300), (.lastToken, 220), (.maxGap, 60), (.headers, 10),
            (.connect, 5), (.tls, 8),
        ] as [(Metric, Int64)]
    )
    func values(metric: Metric, milliseconds: Int64) {
        let value = Nanoseconds.milliseconds(milliseconds)
        for (greatest, expected) in [(value, ObjectiveState.kept), (value - 1, .missed)] {
            let limit = Objective(metric: metric, greatest: greatest, text: "")
            #expect(limit.state(request(), now: at(300), isCompleted: true) == expected)
        }
    }

    @Test("every metric that a request has one value of can be limited, and the client's can't")
    func metrics() {
        let others = Set(Metric.allCases).subtracting(ServiceObjectives.metrics)
        #expect(
            others == [
                .gap, .itl, .oneWay, .reconnect, .serverPrefill, .serverDecode, .serverQueue,
                .deliveryLag, .sendLag, .stampWindow,
            ]
        )
        #expect(ServiceObjectives.metrics.count == 13)
    }

    @Test("a completed request without a token misses what asks for one: empty answers aren't good")
    func empty() {
        var slot = request()
        slot.tok0 = .none
        slot.out0 = .none
        slot.tokN = .none
        slot.maxGap = -1
        slot.tokens = 0
        for metric in [.ttft, .ttftFresh, .ttftSched, .ttfo, .lastToken] as [Metric] {
            let state = limit(metric, 1_000_000).state(slot, now: at(300), isCompleted: true)
            #expect(state == .missed, "\(metric)")
        }
        #expect(limit(.e2e, 1_000).state(slot, now: at(300), isCompleted: true) == .kept)
    }

    @Test("what a request can't have is kept: gaps of one token, the connect of a kept connection")
    func absent() {
        var slot = request()
        slot.tokN = slot.tok0
        slot.maxGap = -1
        slot.tokens = 1
        slot.conn0 = .none
        slot.conn1 = .none
        slot.tls1 = .none
        for metric in [.maxGap, .tpot, .connect, .tls, .ttftFresh] as [Metric] {
            let state = limit(metric, 0).state(slot, now: at(300), isCompleted: true)
            #expect(state == .kept, "\(metric)")
        }
    }

    @Test("of a request that was given up, a wait longer than its limit is missed, others are open")
    func givenUp() {
        var slot = request()
        slot.tok0 = .none
        slot.out0 = .none
        slot.tokN = .none
        slot.maxGap = -1
        slot.tokens = 0
        for metric in [.ttft, .ttftSched, .ttftFresh, .ttfo, .e2e, .e2eSched, .lastToken]
            as [Metric]
        {
            let states = [299, 100, 1_000].map {
                limit(metric, $0).state(slot, now: at(300), isCompleted: false)
            }
            let isFromSched = metric == .ttftSched || metric == .e2eSched
            #expect(
                states == [isFromSched ? .missed : .undecided, .missed, .undecided],
                "\(metric)"
            )
        }
        #expect(limit(.headers, 10).state(slot, now: at(300), isCompleted: false) == .kept)
        #expect(limit(.headers, 9).state(slot, now: at(300), isCompleted: false) == .missed)
        #expect(limit(.tpot, 0).state(slot, now: at(300), isCompleted: false) == .undecided)
    }

    @Test("a stream that was given up in a long silence has missed max_gap") func silence() {
        let states = [49, 50, 59, 60].map {
            limit(.maxGap, $0).state(request(), now: at(300), isCompleted: false)
        }
        #expect(states == [.missed, .missed, .missed, .undecided])
        #expect(limit(.maxGap, 60).state(request(), now: at(311), isCompleted: false) == .missed)
    }

    @Test("a stream that the client ended keeps what only its end would tell, and no wait")
    func cancelled() {
        func state(_ metric: Metric, _ limit: Int64, _ slot: StreamSlot) -> ObjectiveState {
            Objective(metric: metric, greatest: Nanoseconds.milliseconds(limit), text: "")
                .state(slot, now: at(300), .cancelled)
        }
        for metric in [.e2e, .e2eSched, .lastToken, .maxGap, .tpot] as [Metric] {
            #expect(state(metric, 1_000, request()) == .kept, "\(metric)")
            let cut = limit(metric, 1_000).state(request(), now: at(300), .cut)
            #expect(cut == .undecided, "\(metric)")
            var waiting = request()
            (waiting.tok0, waiting.out0, waiting.tokN) = (.none, .none, .none)
            (waiting.maxGap, waiting.tokens) = (-1, 0)
            #expect(state(metric, 1_000, waiting) == .undecided, "\(metric)")
        }
        for (metric, missed) in [(.e2e, 269), (.e2eSched, 299), (.lastToken, 219), (.maxGap, 59)]
            as [(Metric, Int64)]
        {
            #expect(state(metric, missed, request()) == .missed, "\(metric)")
        }
        var thinking = request()
        thinking.out0 = .none
        #expect(state(.ttfo, 1_000, thinking) == .undecided)
    }

    @Test("a request that was never sent has no server's latency yet, but waits since it was due")
    func unsent() {
        var slot = StreamSlot(limits: WireLimits())
        slot.sched = at(0)
        slot.conn0 = at(10)
        let ttft = limit(.ttft, 1).state(slot, now: at(300), isCompleted: false)
        #expect(ttft == .undecided)
        let due = limit(.ttftSched, 299).state(slot, now: at(300), isCompleted: false)
        #expect(due == .missed)
        #expect(limit(.connect, 289).state(slot, now: at(300), isCompleted: false) == .missed)
    }

    @Test("failed is bad, whatever was kept; cut is bad or undecided, never good") func judgement()
    {
        #expect(RequestJudgement(.completed, .kept) == .good)
        #expect(RequestJudgement(.completed, .missed) == .bad)
        for state in [.kept, .undecided, .missed] as [ObjectiveState] {
            #expect(RequestJudgement(.failed(.reset), state) == .bad)
        }
        #expect(RequestJudgement(.cut, .kept) == .undecided)
        #expect(RequestJudgement(.cut, .undecided) == .undecided)
        #expect(RequestJudgement(.cut, .missed) == .bad)
        #expect(RequestJudgement(.cancelled, .kept) == .good)
        #expect(RequestJudgement(.cancelled, .undecided) == .undecided)
        #expect(RequestJudgement(.cancelled, .missed) == .bad)
    }

    @Test("a run's objectives are its classes' where these agree, and nameless where they differ")
    func classes() {
        let one = ServiceObjectives([limit(.ttft, 1)])
        let other = ServiceObjectives([limit(.ttft, 2)])
        #expect(ServiceObjectives.joint([nil, nil]) == nil)
        #expect(ServiceObjectives.joint([one, one]) == one)
        #expect(ServiceObjectives.joint([one, other]) == ServiceObjectives([]))
        #expect(ServiceObjectives.joint([nil, other]) == ServiceObjectives([]))
    }
}
