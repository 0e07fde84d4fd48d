// Requests of sessions: a turn's body has the messages before it, and what its user says becomes
// one of those of the next. Knows no slot.

/// Which turn of which session a request is, and what was said before.
struct ConversationTurn {
    /// Bytes that a session's conversation may have; one that would be longer ends. It bounds what
    /// a server that never ends its answer can make a stream keep.
    static let limit = 1 << 20

    /// Number of the session in the run, from 0.
    var session: UInt64
    /// From 1.
    var turn: UInt32
    /// Messages before this turn's as JSON, each with a comma behind it. Valid while the request is
    /// rendered.
    var history: UnsafeRawBufferPointer
}

extension RequestSource {
    /// Makes a turn's request as `render` does, and appends its user's message to `conversation`,
    /// up to where the answer belongs.
    ///
    /// - Parameters:
    ///   - promptsApart: numbers of prompts set apart for each session.
    ///   - isLast: nobody needs the conversation any more.
    ///   - conversation: what `turn` has as history.
    /// - Returns: whether the conversation is within its limit; else nothing was appended.
    func renderTurn(
        _ turn: ConversationTurn,
        promptsApart: UInt32,
        seed: UInt64,
        isLast: Bool,
        into request: inout Spill,
        _ conversation: inout Spill,
        _ scratch: inout RenderScratch,
        _ pool: SpillPool
    ) -> Bool {
        let number = turn.session &* UInt64(promptsApart) &+ UInt64(turn.turn - 1)
        let values = RequestValues(
            number: number,
            seed: seed,
            row: row(number, seed),
            recorded: nil,
            turn: turn
        )
        render(values, into: &request, &scratch, pool)
        if isLast { return true }
        var prompt = Spill()
        defer { prompt.release(to: pool) }
        makePrompt(values, in: &prompt, pool)
        let length = conversation.count + prompt.count + Self.user.count + Self.assistant.count
        guard length <= ConversationTurn.limit else { return false }
        Self.append(Self.user, to: &conversation, pool)
        RequestBytes.append(prompt.bytes, to: &conversation, pool: pool)
        Self.append(Self.assistant, to: &conversation, pool)
        return true
    }

    /// The answer is in `conversation`: another message may follow.
    func endAnswer(in conversation: inout Spill, _ pool: SpillPool) {
        Self.append(Self.end, to: &conversation, pool)
    }

    // Messages as the chat APIs have them in common.
    private static let user = Array(#"{"role":"user","content":""#.utf8)
    private static let assistant = Array(#""},{"role":"assistant","content":""#.utf8)
    private static let end = Array(#""},"#.utf8)

    private static func append(_ text: [UInt8], to target: inout Spill, _ pool: SpillPool) {
        text.withUnsafeBytes { RequestBytes.append($0, to: &target, pool: pool) }
    }
}
