// What the rows of a replayed trace have to do with requests: which of their bodies and lengths are
// sent, and every sentence about those that can't be. Flags go before rows.

import SSEBombCore

extension SourceAssembly {
    /// Refuses what bodies of the trace's own leave no room for, and rows that have nothing to send
    /// beside them.
    func checkTrace(hasBody: Bool) throws(SetupError) {
        guard let trace, trace.summary.bodies.rows > 0 else { return }
        if options.bodies != nil {
            throw SetupError(
                .usage,
                "--bodies and rows of \(trace.path) both give bodies: keep one of them"
            )
        }
        guard let line = trace.summary.bodies.missing else {
            let flags =
                (hasBody ? ["--post or --body"] : []) + options.builderFlags + options.promptFlags
                + (options.maxTokens == nil ? [] : ["--max-tokens"])
            guard let flag = flags.first else { return }
            throw SetupError(
                .usage,
                "\(flag): every row of \(trace.path) has a body of its own: leave it out"
            )
        }
        guard !hasBody, !options.wantsBody, !canBuildRecorded else { return }
        throw SetupError(
            .usage,
            "--trace: \(trace.path), line \(line): no body, as other rows have, and neither --api"
                + " nor the URL's path says how to build one: add --api, or give it with --post"
        )
    }

    /// A body can be built around what rows say, though no flag asks for it.
    var canBuildRecorded: Bool {
        guard let rows = trace?.summary, rows.bodies.missing != nil,
            rows.inputs.rows + rows.outputs.rows + rows.bodies.rows > 0
        else { return false }
        return BodyShape(api: api?.rawValue, path: path) != nil
    }

    /// Whether rows say what `member` names; that some of them do and others don't is refused.
    func hasRecorded(
        _ said: KeyPath<TraceSummary, TraceSummary.Said>,
        _ member: String,
        _ flags: String
    ) throws(SetupError) -> Bool {
        guard let trace, trace.summary[keyPath: said].rows > 0 else { return false }
        guard let line = trace.summary[keyPath: said].missing else { return true }
        throw SetupError(
            .usage,
            "--trace: \(trace.path), line \(line): no \(member), as other rows have: add it, or"
                + " give \(flags) for all rows"
        )
    }

    /// Lets the rows' bodies and lengths into the requests, and says what of them stays out.
    func addTrace(to body: inout AssembledBody) throws(SetupError) {
        guard let trace else { return }
        var needsRows = trace.summary.bodies.rows > 0
        if case .recorded = body.parts?.prompt { needsRows = true }
        if case .recorded = body.parts?.limit { needsRows = true }
        if needsRows {
            if body.parts == nil {
                var parts = RequestParts()
                if let content = body.content {
                    var pattern = RequestPattern()
                    pattern.append(literal: content)
                    parts.body = .pattern(pattern)
                }
                body.parts = parts
            }
            body.parts?.trace = trace
            body.fallback?.trace = trace
        }
        if let warning = unsent(trace, body) { body.warnings.append(warning) }
        guard trace.summary.beginsWithBody else { return }
        // The first request shows nothing of the body that others get.
        if isJSON, case .pattern(let pattern) = body.parts?.body {
            do throws(JSONFault) {
                _ = try JSONCheck.outline(of: pattern.sample)
            } catch {
                throw SetupError(.usage, "\(body.origin) isn't JSON: \(error.problem)")
            }
        }
        body.origin = "the first body of \(trace.path)"
    }

    /// Which lengths of the rows aren't sent, and why; nil where all are.
    private func unsent(_ trace: ArrivalTrace, _ body: AssembledBody) -> String? {
        let rows = trace.summary
        var kinds: [String] = []
        var reasons: [String] = []
        func add(_ kind: String, _ reason: String) {
            kinds.append(kind)
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        func noPlace(_ name: TemplateName) -> String {
            if options.bodies != nil { return "--bodies gives the bodies" }
            if body.content != nil || body.parts != nil {
                return "\(body.origin) has no {{\(name.rawValue)}}"
            }
            return
                "requests have no body: give one with {{prompt}} and {{max_tokens}}, or add --api"
                + " to have it built"
        }
        let prompts = options.promptFlags.filter { $0 != "--prefix-tokens" && $0 != "--unique" }
        if rows.inputs.rows > 0 {
            if case .recorded = body.parts?.prompt {
            } else {
                add("prompts", prompts.first.map { "\($0) gives prompts" } ?? noPlace(.prompt))
            }
        }
        if rows.outputs.rows > 0 {
            switch body.parts?.limit ?? .none {
            case .recorded: break
            case .fixed: add("answers", "--max-tokens gives the limit")
            case .drawn: add("answers", "--synthetic gives the limit")
            case .row: add("answers", "--dataset gives the limit")
            case .none: add("answers", noPlace(.maxTokens))
            }
        }
        guard !kinds.isEmpty else { return nil }
        return "\(trace.path): the lengths of its \(kinds.joined(separator: " and ")) aren't sent: "
            + reasons.joined(separator: ", ")
    }
}
