// The formats of recorded arrivals, how a file is recognised as one of them by its first line, and
// how a line becomes a row. Knows nothing of files and of what rows are used for.

/// Whose format a trace is in.
public enum TraceFormat: String, Sendable, BitwiseCopyable {
    /// JSON lines of Mooncake (Qin et al., FAST '25): milliseconds, lengths, numbers of blocks.
    case mooncake
    /// CSV of BurstGPT (Wang et al., 2024), with six columns or eight: seconds, tokens.
    case burstgpt
    /// CSV of the Azure LLM inference traces (Patel et al., ISCA '24): date-times, tokens.
    case azure
    /// JSON lines of this program's own: offsets, and bodies or lengths.
    case ssebomb

    /// Whether the first row is at time 0, whenever it was recorded.
    var countsFromFirstRow: Bool { self != .ssebomb }
}

/// What is wrong with a line, and what was expected.
struct TraceProblem: Error, Equatable {
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}

/// A format with what the first line says about it.
struct TraceLayout: BitwiseCopyable {
    let format: TraceFormat
    /// Of CSV, where the columns stand; `none` for one that isn't there.
    private var time = none
    private var input = none
    private var output = none
    private var session = none
    /// Number of CSV's columns; 0 of JSON lines.
    private(set) var columns = 0

    private static let none = -1
    private static let expected =
        "expected JSON lines with timestamp, input_length, output_length and hash_ids (Mooncake)"
        + " or with offset_ms or at (docs/TRACES.md), or a CSV header with Timestamp, Request"
        + " tokens and Response tokens (BurstGPT) or TIMESTAMP, ContextTokens and GeneratedTokens"
        + " (Azure)"

    /// Whether the first line is a header and not a row.
    var hasHeader: Bool { columns > 0 }

    /// Recognises a format by the first line that isn't blank.
    init(recognising line: UnsafeRawBufferPointer) throws(TraceProblem) {
        if line.first == UInt8(ascii: "{") {
            let members = try TraceMembers(line)
            if members[.offsetMilliseconds] != nil || members[.at] != nil {
                format = .ssebomb
            } else if members[.timestamp] != nil {
                format = .mooncake
            } else {
                throw TraceProblem(Self.expected)
            }
            return
        }
        var names: [String] = []
        for field in CSVFields(line) {
            guard names.count < 64 else { throw TraceProblem(Self.expected) }
            names.append(String(decoding: field, as: UTF8.self).lowercased())
        }
        func column(_ name: String) -> Int { names.firstIndex(of: name) ?? Self.none }
        time = column("timestamp")
        if column("contexttokens") != Self.none {
            format = .azure
            (input, output) = (column("contexttokens"), column("generatedtokens"))
        } else {
            format = .burstgpt
            (input, output) = (column("request tokens"), column("response tokens"))
            session = column("session id")
        }
        guard time != Self.none, input != Self.none, output != Self.none else {
            throw TraceProblem(Self.expected)
        }
        columns = names.count
    }

    /// The row that stands in `line`; block numbers are not looked at.
    func row(_ line: UnsafeRawBufferPointer) throws(TraceProblem) -> TraceRow {
        hasHeader ? try csvRow(line) : try jsonRow(line)
    }

    // MARK: CSV

    private func csvRow(_ line: UnsafeRawBufferPointer) throws(TraceProblem) -> TraceRow {
        var row = TraceRow()
        var fields = CSVFields(line)
        var count = 0
        while let field = fields.next() {
            switch count {
            case time: row.time = try csvTime(field)
            case input: row.inputTokens = try Self.tokens(field, "prompt tokens")
            case output: row.outputTokens = try Self.tokens(field, "answer tokens")
            case session: row.session = field
            default: break
            }
            count += 1
        }
        if fields.isMalformed {
            throw TraceProblem("a quotation mark is not where CSV may have one")
        }
        guard count == columns else {
            throw TraceProblem("\(count) columns: expected \(columns), as in the header")
        }
        return row
    }

    private func csvTime(_ field: UnsafeRawBufferPointer) throws(TraceProblem) -> Int64 {
        let isAzure = format == .azure
        let time = isAzure ? TraceFields.dateTime(field) : TraceFields.decimal(field, unit: 9)
        if let time { return time }
        throw TraceProblem(
            "the time is '\(Self.shown(field))': expected "
                + (isAzure ? "a date-time such as 2023-11-16 18:15:46.6805900" : "seconds")
        )
    }

    static func tokens(
        _ field: UnsafeRawBufferPointer,
        _ name: String
    ) throws(TraceProblem) -> UInt32 {
        guard let tokens = TraceFields.tokens(field) else {
            throw TraceProblem("\(name) are '\(shown(field))': expected a whole number")
        }
        guard tokens <= TraceFields.mostTokens else {
            throw TraceProblem(
                "\(name) are \(tokens): no more than \(TraceFields.mostTokens) are taken"
            )
        }
        return UInt32(tokens)
    }

    /// The beginning of what stands in the file, fit for a sentence.
    static func shown(_ field: UnsafeRawBufferPointer) -> String {
        let printable = field.prefix(40).map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
        return String(decoding: printable, as: UTF8.self) + (field.count > 40 ? "..." : "")
    }
}
