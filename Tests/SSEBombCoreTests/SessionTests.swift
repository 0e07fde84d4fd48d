// What is drawn for sessions, and the requests of their turns, without a server.

import Testing

@testable import SSEBombCore

@Suite("Draws and turns of sessions") struct SessionTests {
    private static func sessions(_ turns: Distribution, think: Distribution = .constant(0))
        -> Sessions
    {
        Sessions(turns: turns, think: think, turnsText: "", thinkText: "")
    }

    private let keys = (0..<20_000).map { RequestKey(stream: 0, number: UInt64($0)) }

    @Test("Numbers of turns follow their law, and seed and session alone") func turns() {
        let plan = Self.sessions(.uniform(1, 4))
        let drawn = keys.map { plan.drawTurns(seed: 7, $0) }
        #expect(drawn == keys.map { plan.drawTurns(seed: 7, $0) })
        #expect(drawn != keys.map { plan.drawTurns(seed: 8, $0) })
        // Rounded: the bounds have half the share of what lies between them. Five standard
        // deviations of a binomial distribution.
        for (turns, share) in [(UInt32(1), 1.0 / 6), (2, 1.0 / 3), (3, 1.0 / 3), (4, 1.0 / 6)] {
            let expected = 20_000 * share
            let count = Double(drawn.filter { $0 == turns }.count)
            #expect(abs(count - expected) < 5 * (expected * (1 - share)).squareRoot())
        }
    }

    @Test("No session has less than one turn or more than the most") func bounds() {
        let wild = Self.sessions(.lognormal(median: 1, sigma: 10))
        let drawn = keys.map { wild.drawTurns(seed: 1, $0) }
        #expect(drawn.min() == 1)
        #expect(drawn.max() == Sessions.mostTurns)
    }

    @Test("Each turn is thought about anew, by the same law") func think() {
        let plan = Self.sessions(.constant(3), think: .exponential(mean: 1e9))
        let second = keys.map { plan.drawThink(before: 2, seed: 1, $0) }
        let third = keys.map { plan.drawThink(before: 3, seed: 1, $0) }
        #expect(zip(second, third).filter { $0 == $1 }.isEmpty)
        // The standard error of the mean is 1/sqrt(20,000) of it.
        let mean = second.reduce(0) { $0 + Double($1) } / 20_000
        #expect(abs(mean / 1e9 - 1) < 5 / 20_000.squareRoot())
    }

    @Test("Prompts set apart are as many as a session can have turns") func apart() {
        #expect(Self.sessions(.constant(5)).promptsApart == 5)
        #expect(Self.sessions(.uniform(1, 7)).promptsApart == 7)
        #expect(Self.sessions(.exponential(mean: 3)).promptsApart == Sessions.mostTurns)
    }

    /// The bodies of a session's turns, each answered by "a1", "a2", ...
    private func bodies(
        _ session: UInt64,
        turns: UInt32,
        change: (inout RequestParts) -> Void = { _ in }
    ) throws -> [String] {
        var pattern = RequestPattern()
        pattern.append(literal: "[".utf8)
        pattern.appendConversation()
        pattern.append(literal: "\"".utf8)
        pattern.append(insideString: .prompt)
        pattern.append(literal: "\"]".utf8)
        var parts = RequestParts()
        parts.body = .pattern(pattern)
        parts.prompt = .synthetic(SyntheticPrompts(length: .constant(3)))
        change(&parts)
        let source = try RequestSource(parts, head: try sampleTemplate())
        let pool = SpillPool()
        var (request, conversation, scratch) = (Spill(), Spill(), RenderScratch())
        defer {
            request.release(to: pool)
            conversation.release(to: pool)
            scratch.release(to: pool)
            pool.destroy()
        }
        var found: [String] = []
        for turn in 1...turns {
            let history = ConversationTurn(
                session: session,
                turn: turn,
                history: conversation.bytes
            )
            let fits = source.renderTurn(
                history,
                promptsApart: turns,
                seed: 1,
                isLast: turn == turns,
                into: &request,
                &conversation,
                &scratch,
                pool
            )
            #expect(fits)
            let text = String(decoding: request.bytes, as: UTF8.self)
            found.append(String(text.split(separator: "\r\n\r\n").last ?? ""))
            if turn == turns { break }
            Array("a\(turn)".utf8).withUnsafeBytes {
                RequestBytes.append($0, to: &conversation, pool: pool)
            }
            source.endAnswer(in: &conversation, pool)
        }
        return found
    }

    /// Between the quotes of the last text of a body.
    private func prompt(_ body: String) -> String {
        String(body.dropLast(2).split(separator: "\"").last ?? "")
    }

    @Test("A turn has all turns before it, and a prompt of its own") func history() throws {
        let bodies = try bodies(4, turns: 3)
        let prompts = bodies.map(prompt)
        #expect(Set(prompts).count == 3)
        func said(_ turn: Int) -> String {
            #"{"role":"user","content":"\#(prompts[turn])"},"#
                + #"{"role":"assistant","content":"a\#(turn + 1)"},"#
        }
        #expect(bodies[0] == "[\"\(prompts[0])\"]")
        #expect(bodies[1] == "[\(said(0))\"\(prompts[1])\"]")
        #expect(bodies[2] == "[\(said(0))\(said(1))\"\(prompts[2])\"]")
    }

    @Test("Sessions take different prompts") func different() throws {
        let all = try (0..<8).flatMap { try bodies($0, turns: 3).map(prompt) }
        #expect(Set(all).count == 24)
    }

    @Test("What is shared or unique stands at the conversation's beginning only") func prefixes()
        throws
    {
        let plain = try bodies(4, turns: 2).map(prompt)
        let marked = try bodies(4, turns: 2) {
            $0.isUnique = true
            $0.prefix = SharedPrefix(words: 5, groups: 1)
        }.map(prompt)
        #expect(marked[0].hasSuffix(" " + plain[0]))
        #expect(marked[0].split(separator: " ").count > plain[0].split(separator: " ").count + 1)
        #expect(marked[1] == plain[1])
    }

    @Test("A conversation beyond the limit is refused, and left as it was") func limit() throws {
        var parts = RequestParts()
        parts.prompt = .text(Array(repeating: 0x61, count: ConversationTurn.limit))
        let source = try RequestSource(parts, head: try sampleTemplate())
        let pool = SpillPool()
        var (request, conversation, scratch) = (Spill(), Spill(), RenderScratch())
        defer {
            request.release(to: pool)
            scratch.release(to: pool)
            pool.destroy()
        }
        let turn = ConversationTurn(
            session: 0,
            turn: 1,
            history: UnsafeRawBufferPointer(start: nil, count: 0)
        )
        for isLast in [false, true] {
            let fits = source.renderTurn(
                turn,
                promptsApart: 2,
                seed: 1,
                isLast: isLast,
                into: &request,
                &conversation,
                &scratch,
                pool
            )
            #expect(fits == isLast)
            #expect(conversation.isEmpty)
        }
    }
}
