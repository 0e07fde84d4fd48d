// The times that servers report of their own work, in the spellings that are in use. Runs once a
// request, or where a server repeats them with each event; knows no stream.

/// Readers of the objects that hold such times; each is called behind its key.
enum ServerTimeReader {
    /// `timings` of llama.cpp (tools/server, README): milliseconds, and how many tokens of the
    /// prompt were computed and how many came from the cache.
    @inline(never)  // Off the usual way.
    static func coldReadTimings(
        _ scanner: inout JSONScanner,
        _ facts: inout EventFacts,
        computed: inout Int64,
        cached: inout Int64
    ) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"prompt_ms\"") {
                    scanner.readTime(&facts.times.prefill, exponent: 6, depth: 2)
                } else if scanner.take("\"predicted_ms\"") {
                    scanner.readTime(&facts.times.decode, exponent: 6, depth: 2)
                } else if scanner.take("\"prompt_n\"") {
                    scanner.readMemberCount(&computed, depth: 2)
                } else if scanner.take("\"cache_n\"") {
                    scanner.readMemberCount(&cached, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// `metrics` of vLLM (per-request metrics): milliseconds. Its time to the first token begins
    /// where the queue ends.
    @inline(never)  // As above.
    static func coldReadMetrics(
        _ scanner: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"time_to_first_token_ms\"") {
                    scanner.readTime(&facts.times.prefill, exponent: 6, depth: 2)
                } else if scanner.take("\"generation_time_ms\"") {
                    scanner.readTime(&facts.times.decode, exponent: 6, depth: 2)
                } else if scanner.take("\"queue_time_ms\"") {
                    scanner.readTime(&facts.times.queue, exponent: 6, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// `time_info` of Cerebras: an object of members as `coldReadUsageMember` reads them.
    @inline(never)  // As above.
    static func coldReadTimeInfo(
        _ scanner: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            guard coldReadUsageMember(&scanner, &facts) else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// A member of a `usage` that is none of OpenAI's: the times in seconds that Groq and others
    /// add, or something to skip.
    @inline(never)  // As above.
    static func coldReadUsageMember(
        _ scanner: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        if scanner.take("\"prompt_time\"") {
            return scanner.readTime(&facts.times.prefill, exponent: 9, depth: 2)
        }
        if scanner.take("\"completion_time\"") {
            return scanner.readTime(&facts.times.decode, exponent: 9, depth: 2)
        }
        if scanner.take("\"queue_time\"") {
            return scanner.readTime(&facts.times.queue, exponent: 9, depth: 2)
        }
        return scanner.skipMember(depth: 2)
    }
}
