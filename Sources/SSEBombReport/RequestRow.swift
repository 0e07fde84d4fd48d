// A request as `--per-request` tells it: the members of its line in their order (docs/FORMATS.md
// says what each is), and the row of numbers they are written from, which is the same whether the
// request has just ended or was stored. Must not know files.

import SSEBombCore

/// A member of a request's line, in the order of the line; `run_started_unix_ns` is before them.
enum RequestMember: String, CaseIterable, Sendable {
    case classNumber = "class"
    case loop, stream, request, number, turn
    case outcome, failure, status
    case finishReason = "finish_reason"
    case measured
    case slowReader = "slow_reader"
    case sched = "sched_ns"
    case conn0 = "conn0_ns"
    case conn1 = "conn1_ns"
    case tls1 = "tls1_ns"
    case send0 = "send0_ns"
    case sendN = "sendN_ns"
    case hdr = "hdr_ns"
    case ev0 = "ev0_ns"
    case tok0 = "tok0_ns"
    case out0 = "out0_ns"
    case tokN = "tokN_ns"
    case done = "done_ns"
    case maxGap = "max_gap_ns"
    case events
    case tokenEvents = "token_events"
    case windowEvents = "window_events"
    case windowTokenEvents = "window_token_events"
    case tokens, basis
    case promptTokens = "prompt_tokens"
    case cachedTokens = "cached_tokens"
    case reasoningTokens = "reasoning_tokens"
    case requestBytes = "request_bytes"
    case bodyBytes = "body_bytes"

    /// How its number is read.
    enum Kind: Sendable {
        /// As it is.
        case number
        /// Nanoseconds from the start of the run.
        case stamp
        /// 0 or 1.
        case flag
        /// Place in the list of `RequestNames`.
        case name
    }

    var kind: Kind {
        switch self {
        case .classNumber, .outcome, .failure, .finishReason, .basis: .name
        case .measured, .slowReader: .flag
        case .sched, .conn0, .conn1, .tls1, .send0, .sendN, .hdr, .ev0, .tok0, .out0, .tokN, .done:
            .stamp
        case .loop, .stream, .request, .number, .turn, .status, .maxGap, .events, .tokenEvents,
            .windowEvents, .windowTokenEvents, .tokens, .promptTokens, .cachedTokens,
            .reasoningTokens, .requestBytes, .bodyBytes:
            .number
        }
    }

    /// Each with its kind: a line is written in this order.
    static let ordered = allCases.map { (member: $0, kind: $0.kind) }
}

/// What members that are names can be.
struct RequestNames: Codable, Equatable, Sendable {
    /// Classes of load; none where the run has one.
    var classes: [String]
    var outcomes = ["completed", "failed", "cancelled", "cut"]
    var failures = StreamFailure.allCases.map(\.name)
    /// Those that were seen, secrets taken out.
    var finishReasons: [String] = []
    var bases = [TokenBasis.event.rawValue, TokenBasis.usage.rawValue]

    init(classes: [String]) { self.classes = classes }

    enum CodingKeys: String, CodingKey {
        case classes = "class"
        case outcomes = "outcome"
        case failures = "failure"
        case finishReasons = "finish_reason"
        case bases = "basis"
    }

    /// Empty for members that are no names.
    func list(_ member: RequestMember) -> [String] {
        switch member {
        case .classNumber: classes
        case .outcome: outcomes
        case .failure: failures
        case .finishReason: finishReasons
        case .basis: bases
        default: []
        }
    }
}

/// The numbers of one line, in the order of `RequestMember`.
struct RequestRow {
    /// Where a member has no value.
    static let none = Int64.min
    static let width = RequestMember.allCases.count

    private(set) var values: [Int64] = []

    init() { values.reserveCapacity(Self.width) }

    /// Takes the numbers of a stored row.
    mutating func fill(_ next: (RequestMember.Kind) -> Int64) {
        values.removeAll(keepingCapacity: true)
        for (_, kind) in RequestMember.ordered { values.append(next(kind)) }
    }

    /// Takes those of a request that has just ended.
    ///
    /// - Parameters:
    ///   - reason: place of its finish reason among the names; nil where it has none.
    ///   - hasClasses: the run has several classes of load.
    mutating func fill(
        _ request: RequestRecord,
        from start: Instant,
        reason: Int?,
        hasClasses: Bool
    ) {
        values.removeAll(keepingCapacity: true)
        put(hasClasses ? Int64(request.classNumber) : Self.none)
        put(Int64(request.loop))
        put(Int64(clamping: request.stream))
        put(Int64(clamping: request.request))
        put(Int64(clamping: request.number))
        put(request.turn > 0 ? Int64(request.turn) : Self.none)
        put(Int64(request.outcome.rawValue))
        put(request.failure.map { Int64($0.rawValue) } ?? Self.none)
        put(request.status > 0 ? Int64(request.status) : Self.none)
        put(reason.map { Int64($0) } ?? Self.none)
        put(request.isMeasured ? 1 : 0)
        put(request.isSlowReader ? 1 : 0)
        putStamps(request, from: start)
        put(known(request.maxGap))
        put(Int64(request.events))
        put(Int64(request.tokenEvents))
        put(Int64(request.windowEvents))
        put(Int64(request.windowTokenEvents))
        put(request.tokens)
        put(request.hasUsage ? 1 : 0)
        put(known(request.promptTokens))
        put(known(request.cachedTokens))
        put(known(request.reasoningTokens))
        put(Int64(clamping: request.requestBytes))
        put(Int64(clamping: request.bodyBytes))
    }

    private mutating func putStamps(_ request: RequestRecord, from start: Instant) {
        func stamp(_ at: Instant) -> Int64 { at.isSet ? at - start : Self.none }
        put(stamp(request.sched))
        put(stamp(request.conn0))
        put(stamp(request.conn1))
        put(stamp(request.tls1))
        put(stamp(request.send0))
        put(stamp(request.sendN))
        put(stamp(request.hdr))
        put(stamp(request.ev0))
        put(stamp(request.tok0))
        put(stamp(request.out0))
        put(stamp(request.tokN))
        put(stamp(request.done))
    }

    private mutating func put(_ value: Int64) { values.append(value) }

    private func known(_ count: Int64) -> Int64 { count >= 0 ? count : Self.none }
}

/// Writes rows as lines.
struct RequestLineWriter {
    /// What stands before each value.
    private let labels: [[UInt8]]
    /// Of members that are names, each name as JSON.
    private var names: [[[UInt8]]]

    init(_ names: RequestNames) {
        labels = RequestMember.allCases.map { Array(",\"\($0.rawValue)\":".utf8) }
        self.names = RequestMember.allCases.map { names.list($0).map(Self.literal) }
    }

    /// Gives a place among the finish reasons its text.
    mutating func setReason(_ text: String, at place: Int) {
        guard let member = RequestMember.allCases.firstIndex(of: .finishReason) else { return }
        if place < names[member].count {
            names[member][place] = Self.literal(text)
        } else {
            names[member].append(Self.literal(text))
        }
    }

    /// Appends a row's line, with its line end.
    ///
    /// - Parameter wall: start of the run, nanoseconds since 1970.
    func write(_ row: RequestRow, startedAt wall: Int64, to bytes: inout [UInt8]) {
        bytes.put("{\"run_started_unix_ns\":")
        bytes.put(wall)
        for (place, (_, kind)) in RequestMember.ordered.enumerated() {
            bytes += labels[place]
            let value = row.values[place]
            guard value != RequestRow.none else {
                bytes.put("null")
                continue
            }
            switch kind {
            case .number, .stamp: bytes.put(value)
            case .flag: value == 0 ? bytes.put("false") : bytes.put("true")
            case .name: bytes += names[place][Int(value)]
            }
        }
        bytes.put("}\n")
    }

    private static func literal(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.put(quoting: text)
        return bytes
    }
}
