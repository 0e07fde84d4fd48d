// The request log: every request with all its stamps, one JSON object a line. The members stand in
// docs/FORMATS.md.

public import SSEBombCore

/// The file of `--per-request` while a run goes on.
public final class RequestLogFile {
    private let file: LineFile
    /// Of each class, its name as JSON.
    private let classes: [[UInt8]]
    private let redaction: Redaction
    /// Finish reasons as JSON, as far as they were seen: there are few.
    private var reasons: [ShortName: [UInt8]] = [:]

    /// A server may invent one a request.
    private static let mostReasons = 64

    /// Opens the file aside, under the name that `aside` gives.
    ///
    /// - Parameters:
    ///   - classes: the names of the run's classes of load; empty for the only one.
    ///   - redaction: what is taken out of the server's texts.
    public init(path: String, classes: [String], redaction: Redaction) throws(OutputError) {
        file = try LineFile(path: path, flag: "--per-request")
        self.classes = classes.map(Self.literal)
        self.redaction = redaction
    }

    /// The name that the file has until `finish`; nil for devices and pipes.
    public var aside: String? { file.aside }

    /// Adds a line for each request. A failure is kept for `finish`: a run goes on without its log.
    public func append(_ requests: UnsafeBufferPointer<RequestRecord>, from start: RunStart) {
        for request in requests { file.add { line(request, start, &$0) } }
    }

    /// Writes the rest and gives the file its name; throws what went wrong at any time.
    public func finish() throws(OutputError) { try file.finish() }

    // MARK: Lines

    /// Appends a request's line, with its line end.
    func line(_ request: RequestRecord, _ start: RunStart, _ bytes: inout [UInt8]) {
        bytes.put("{\"run_started_unix_ns\":")
        bytes.put(start.wall)
        identity(request, &bytes)
        end(request, &bytes)
        stamps(request, start, &bytes)
        counts(request, &bytes)
        bytes.put("}\n")
    }

    private func identity(_ request: RequestRecord, _ bytes: inout [UInt8]) {
        bytes.put(",\"class\":")
        let number = Int(request.classNumber)
        bytes += classes.indices.contains(number) ? classes[number] : Self.literal("")
        bytes.put(",\"loop\":")
        bytes.put(UInt64(request.loop))
        bytes.put(",\"stream\":")
        bytes.put(request.stream)
        bytes.put(",\"request\":")
        bytes.put(request.request)
        bytes.put(",\"number\":")
        bytes.put(request.number)
        bytes.put(",\"turn\":")
        bytes.put(request.turn > 0 ? Int64(request.turn) : nil)
    }

    private func end(_ request: RequestRecord, _ bytes: inout [UInt8]) {
        switch request.outcome {
        case .completed: bytes.put(",\"outcome\":\"completed\"")
        case .failed: bytes.put(",\"outcome\":\"failed\"")
        case .cancelled: bytes.put(",\"outcome\":\"cancelled\"")
        case .cut: bytes.put(",\"outcome\":\"cut\"")
        }
        bytes.put(",\"failure\":")
        if let kind = request.failure { bytes.put(quoting: kind.name) } else { bytes.put("null") }
        bytes.put(",\"status\":")
        bytes.put(request.status > 0 ? Int64(request.status) : nil)
        bytes.put(",\"finish_reason\":")
        bytes += reason(request.finishReason)
        bytes.put(request.isMeasured ? ",\"measured\":true" : ",\"measured\":false")
        bytes.put(request.isSlowReader ? ",\"slow_reader\":true" : ",\"slow_reader\":false")
    }

    private func stamps(
        _ request: RequestRecord,
        _ start: RunStart,
        _ bytes: inout [UInt8]
    ) {
        func put(_ name: StaticString, _ stamp: Instant) {
            bytes.put(name)
            bytes.put(stamp.isSet ? stamp - start.at : nil)
        }
        put(",\"sched_ns\":", request.sched)
        put(",\"conn0_ns\":", request.conn0)
        put(",\"conn1_ns\":", request.conn1)
        put(",\"tls1_ns\":", request.tls1)
        put(",\"send0_ns\":", request.send0)
        put(",\"sendN_ns\":", request.sendN)
        put(",\"hdr_ns\":", request.hdr)
        put(",\"ev0_ns\":", request.ev0)
        put(",\"tok0_ns\":", request.tok0)
        put(",\"out0_ns\":", request.out0)
        put(",\"tokN_ns\":", request.tokN)
        put(",\"done_ns\":", request.done)
        bytes.put(",\"max_gap_ns\":")
        bytes.put(known(request.maxGap))
    }

    private func counts(_ request: RequestRecord, _ bytes: inout [UInt8]) {
        bytes.put(",\"events\":")
        bytes.put(UInt64(request.events))
        bytes.put(",\"token_events\":")
        bytes.put(UInt64(request.tokenEvents))
        bytes.put(",\"window_events\":")
        bytes.put(UInt64(request.windowEvents))
        bytes.put(",\"window_token_events\":")
        bytes.put(UInt64(request.windowTokenEvents))
        bytes.put(",\"tokens\":")
        bytes.put(request.tokens)
        bytes.put(request.hasUsage ? ",\"basis\":\"usage\"" : ",\"basis\":\"event\"")
        bytes.put(",\"prompt_tokens\":")
        bytes.put(known(request.promptTokens))
        bytes.put(",\"cached_tokens\":")
        bytes.put(known(request.cachedTokens))
        bytes.put(",\"reasoning_tokens\":")
        bytes.put(known(request.reasoningTokens))
        bytes.put(",\"request_bytes\":")
        bytes.put(request.requestBytes)
        bytes.put(",\"body_bytes\":")
        bytes.put(request.bodyBytes)
    }

    private func known(_ count: Int64) -> Int64? { count >= 0 ? count : nil }

    private func reason(_ name: ShortName) -> [UInt8] {
        if let known = reasons[name] { return known }
        let literal = Self.literal(redaction.apply(to: name.text))
        if reasons.count < Self.mostReasons { reasons[name] = literal }
        return literal
    }

    /// Text as JSON; null where there is none.
    private static func literal(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        if text.isEmpty { bytes.put("null") } else { bytes.put(quoting: text) }
        return bytes
    }
}
