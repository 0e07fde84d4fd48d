// Finds names off the wire in which a server gives back what the requests' files say: an event type
// or a finish reason that is a piece of somebody's prompt must not reach a report. Looks for names
// alone that no API has. Must not know reports.

/// Searches the files that requests are made of.
public struct EchoSearch: Sendable {
    /// What stands in a report in place of such a name.
    public static let mask = "***"
    /// Shorter pieces are words of any text.
    private static let shortest = 12

    private let sources: [RequestSource]

    /// - Parameter sources: of all classes of a run.
    public init(_ sources: [RequestSource]) { self.sources = sources.filter(\.hasTexts) }

    /// Whether `name` may have to be hidden: it is long enough, no API has it, and there are files.
    public func mayHide(_ name: String) -> Bool {
        !sources.isEmpty && name.utf8.count >= Self.shortest && !Self.isKnown(name)
    }

    /// Those of these names in which 12 bytes in a row stand in a file, as they are,
    /// percent-encoded or in base64.
    public func echoed(_ names: some Collection<String>) -> Set<String> {
        var windows = Windows()
        for name in names where mayHide(name) {
            for form in Self.forms(of: name) { windows.add(form, of: name) }
        }
        guard !windows.isEmpty else { return [] }
        var found: Set<String> = []
        for source in sources { source.forEachText { windows.search($0, &found) } }
        return found
    }

    /// The counts with the names hidden that are echoed.
    func hidden(_ counts: [String: UInt64]) -> [String: UInt64] {
        let echoed = echoed(counts.keys)
        guard !echoed.isEmpty else { return counts }
        return Dictionary(
            counts.map { (echoed.contains($0.key) ? Self.mask : $0.key, $0.value) },
            uniquingKeysWith: +
        )
    }

    /// Long names of the APIs that ssebomb knows.
    private static let known: Set<String> = [
        "message_start", "message_delta", "message_stop", "content_block_start",
        "content_block_delta", "content_block_stop", "content_filter", "function_call",
        "stop_sequence", "model_context_window_exceeded", "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "PROHIBITED_CONTENT", "IMAGE_SAFETY",
        "max_output_tokens", "max_completion_tokens", "max_new_tokens", "guardrail_intervened",
    ]
    /// OpenAI's Responses alone have some fifty.
    private static let families = ["response.", "conversation.", "thread.", "session."]

    private static func isKnown(_ name: String) -> Bool {
        known.contains(name) || families.contains { name.hasPrefix($0) }
    }

    private static func forms(of name: String) -> [[UInt8]] {
        let plain = Array(name.utf8)
        return [plain, PercentEncoding.decoded(plain)]
            + (0..<4).compactMap { try? Base64.decode(wholeGroups(plain.dropFirst($0))) }
    }

    /// Base64 from here on, as far as it goes.
    private static func wholeGroups(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let digits = text.prefix { byte in
            (97...122).contains(byte | 0x20) || (48...57).contains(byte) || byte == 43 || byte == 47
        }
        return Array(digits.prefix(digits.count / 4 * 4))
    }

    /// Pieces of names, found by their first eight bytes.
    private struct Windows {
        private var byStart: [UInt64: [(piece: [UInt8], name: String)]] = [:]
        /// One bit for each hash of a start: most places of a text begin none.
        private var filter = [UInt64](repeating: 0, count: 1_024)

        var isEmpty: Bool { byStart.isEmpty }

        mutating func add(_ text: [UInt8], of name: String) {
            guard text.count >= EchoSearch.shortest else { return }
            for start in 0...(text.count - EchoSearch.shortest) {
                let piece = Array(text[start..<(start + EchoSearch.shortest)])
                let key = piece.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
                byStart[key, default: []].append((piece, name))
                let (word, bit) = Self.place(key)
                filter[word] |= bit
            }
        }

        private static func place(_ key: UInt64) -> (Int, UInt64) {
            let hash = key &* 0x9E37_79B9_7F4A_7C15
            return (Int(hash >> 54), 1 << (hash >> 48 & 63))
        }

        func search(_ text: UnsafeRawBufferPointer, _ found: inout Set<String>) {
            let length = EchoSearch.shortest
            guard text.count >= length else { return }
            filter.withUnsafeBufferPointer { filter in
                for start in 0...(text.count - length) {
                    let key = text.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                    let (word, bit) = Self.place(key)
                    guard filter[word] & bit != 0, let pieces = byStart[key] else { continue }
                    let here = text[start..<(start + length)]
                    for (piece, name) in pieces where here.elementsEqual(piece) {
                        found.insert(name)
                    }
                }
            }
        }
    }
}

extension RequestSource {
    /// Whether what requests say comes from files.
    fileprivate var hasTexts: Bool {
        if parts.trace?.texts != nil { return true }
        if case .rows = parts.prompt { return true }
        switch parts.body {
        case .rows, .patterns: return true
        case .pattern, .none: return false
        }
    }

    /// Lets `body` see the texts of the files.
    fileprivate func forEachText(_ body: (UnsafeRawBufferPointer) -> Void) {
        if let trace = parts.trace?.texts { body(trace) }
        if case .rows(let rows) = parts.prompt { body(rows.file.bytes) }
        switch parts.body {
        case .rows(let rows): body(rows.file.bytes)
        case .patterns(let patterns): for pattern in patterns { pattern.text.withUnsafeBytes(body) }
        case .pattern, .none: break
        }
    }
}
