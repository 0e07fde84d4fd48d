// Scripts of the mock's responses: the same for the same ordinals, cut by the request's limit, and
// faults where their phase says; also the faults' grammar and the plan's refusals.

import Testing

@testable import SSEBombCore

@Suite struct TokenScriptTests {
    private func plan(_ faults: [FaultRule] = []) -> MockPlan {
        var plan = MockPlan()
        plan.ttft = .exponential(mean: 200e6)
        plan.itl = .lognormal(median: 20e6, sigma: 0.5)
        plan.tokens = .uniform(10, 200)
        plan.faults = faults
        return plan
    }

    private func script(
        _ plan: MockPlan,
        limit: UInt32? = nil,
        request: UInt32 = 0
    ) -> TokenScript {
        let random = SeededRandom(seed: plan.seed, loop: 0, connection: 3, request: request)
        return TokenScript(plan: plan, limit: limit, random: random)
    }

    private func gaps(_ script: TokenScript) -> [Int64] {
        var script = script
        return (0..<20).map { _ in script.nextGap() }
    }

    @Test("the same ordinals give the same script, other ones another")
    func repeats() {
        let first = script(plan())
        let again = script(plan())
        let other = script(plan(), request: 1)
        #expect(first.firstDelay == again.firstDelay && first.tokens == again.tokens)
        #expect(first.identity == again.identity && gaps(first) == gaps(again))
        #expect(first.identity != other.identity && gaps(first) != gaps(other))
    }

    @Test("ordinals of loop, connection and request are not interchangeable")
    func ordinals() {
        var seen = Set<UInt64>()
        for loop in 0..<4 as Range<UInt32> {
            for connection in 0..<16 as Range<UInt32> {
                for request in 0..<16 as Range<UInt32> {
                    var random = SeededRandom(
                        seed: 1,
                        loop: loop,
                        connection: connection,
                        request: request
                    )
                    seen.insert(random.next())
                }
            }
        }
        #expect(seen.count == 4 * 16 * 16)
    }

    @Test("faults leave tokens and times as they are")
    func faultsChangeNothing() {
        for request in 0..<50 as Range<UInt32> {
            let plain = script(plan(), request: request)
            let faulty = script(plan([FaultRule(.reset, at: .stream)]), request: request)
            #expect(plain.firstDelay == faulty.firstDelay && plain.tokens == faulty.tokens)
            #expect(gaps(plain) == gaps(faulty))
            #expect(plain.fault == nil && faulty.fault != nil)
        }
    }

    @Test(
        "the request's limit cuts a longer script, and only that is called cut",
        arguments: [
            (UInt32?.none, UInt32(50), false), (49, 49, true), (50, 50, false), (51, 50, false),
            (0, 1, true), (.max, 50, false),
        ]
    )
    func limit(limit: UInt32?, tokens: UInt32, isCut: Bool) {
        var plan = plan()
        plan.tokens = .constant(50)
        let script = script(plan, limit: limit)
        #expect(script.tokens == tokens)
        #expect(script.isCut == isCut)
    }

    @Test("a drawn number of tokens is at least 1 and bounded, a constant 0 is kept")
    func tokenBounds() {
        var plan = plan()
        plan.tokens = .exponential(mean: 0.1)
        #expect((0..<50).allSatisfy { script(plan, request: $0).tokens >= 1 })
        plan.tokens = .constant(1e12)
        #expect(script(plan).tokens == TokenScript.mostTokens)
        plan.tokens = .constant(0)
        #expect(script(plan).tokens == 0)
    }

    @Test("a fault in the stream comes after the first token and before the end")
    func streamFaultPlaces() {
        var plan = plan([FaultRule(.close, at: .stream)])
        plan.tokens = .constant(5)
        let places = (0..<400).map { script(plan, request: $0).tokensBeforeFault }
        #expect(Set(places) == [1, 2, 3, 4])
        plan.tokens = .constant(1)
        #expect(script(plan).tokensBeforeFault == 1)
        plan.tokens = .constant(0)
        #expect(script(plan).tokensBeforeFault == 0)
    }

    @Test("faults at first and end have their one place")
    func fixedPlaces() {
        var plan = plan([FaultRule(.stall, at: .end)])
        plan.tokens = .constant(5)
        #expect(script(plan).tokensBeforeFault == 5)
        plan.faults = [FaultRule(.stall, at: .first)]
        #expect(script(plan).tokensBeforeFault == 0)
    }

    @Test("rules happen as often as they say, at most one a request")
    func shares() {
        let plan = plan([
            FaultRule(.reset, at: .first, probability: 0.2),
            FaultRule(.http503, at: .head, probability: 0.3),
            FaultRule(.close, at: .accept, probability: 1),
        ])
        var counts: [FaultKind?: Int] = [:]
        for request in 0..<10_000 as Range<UInt32> {
            counts[script(plan, request: request).fault?.kind, default: 0] += 1
        }
        // Five standard deviations.
        #expect(abs((counts[.reset] ?? 0) - 2_000) < 200)
        #expect(abs((counts[.http503] ?? 0) - 3_000) < 230)
        #expect(counts[.close] == nil)
        let atAccept = FaultChoice.choose(from: plan.faults, atAccept: true, draw: 0.99)
        #expect(atAccept?.kind == .close)
    }

    @Test("every kind is read in each of its phases and refused in all others")
    func grammar() throws {
        for kind in FaultKind.allCases {
            for phase in FaultPhase.allCases {
                let text = "\(kind.word)@\(phase.word):0.25"
                if kind.phases.contains(phase) {
                    let rule = FaultRule(kind, at: phase, probability: 0.25)
                    #expect(try FaultRule(parsing: text) == rule)
                } else {
                    #expect(throws: SetupError.self) { try FaultRule(parsing: text) }
                }
            }
        }
    }

    @Test(
        "what is no fault is refused",
        arguments: [
            "", "reset", "reset@", "reset@stream:", "reset@stream:2", "reset@stream:-1",
            "reset@stream:nan", "@stream:1", "boom@stream:1", "reset@never:1", "a@b@c",
            "reset@stream:0.1:0.2",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: SetupError.self) { try FaultRule(parsing: text) }
        #expect(error?.sentence.contains("--fault") == true)
    }

    @Test("a plan that contradicts itself is refused")
    func contradictions() {
        func isRefused(_ change: (inout MockPlan) -> Void) -> Bool {
            var plan = MockPlan()
            change(&plan)
            do throws(SetupError) { try plan.validate() } catch { return error.kind == .usage }
            return false
        }
        #expect(!isRefused { _ in })
        let half = FaultRule(.reset, at: .first, probability: 0.6)
        #expect(isRefused { $0.faults = [half, half] })
        #expect(
            !isRefused { $0.faults = [half, FaultRule(.reset, at: .accept, probability: 0.6)] }
        )
        #expect(isRefused { ($0.framing, $0.ping) = (.length, 1) })
        #expect(
            isRefused { ($0.framing, $0.faults) = (.close, [FaultRule(.malformedChunk, at: .end)]) }
        )
        #expect(
            isRefused { ($0.framing, $0.faults) = (.length, [FaultRule(.errorEvent, at: .end)]) }
        )
        #expect(
            isRefused { ($0.framing, $0.faults) = (.close, [FaultRule(.garbageAfter, at: .end)]) }
        )
        #expect(isRefused { $0.contentType = "text/html\r\nX: y" })
        #expect(isRefused { $0.chunking = .events(0) })
        #expect(isRefused { $0.chunking = .bytes(0) })
    }

    @Test("chunkings are read, and nonsense is not")
    func chunkings() {
        #expect(MockPlan.Chunking(parsing: "event") == .events(1))
        #expect(MockPlan.Chunking(parsing: "16-events") == .events(16))
        #expect(MockPlan.Chunking(parsing: "7-bytes") == .bytes(7))
        for text in ["", "events", "0-events", "0-bytes", "257-events", "-1-bytes", "3-x", "3"] {
            #expect(MockPlan.Chunking(parsing: text) == nil)
        }
    }
}
