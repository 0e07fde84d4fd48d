// A file with a request body on each line, byte-exact: any text, or the lines of OpenAI's batch
// files, whose `body` is what is sent. Checked as a whole before the clock starts.

/// Reads files of bodies.
public enum BodyFile {
    /// Finds the bodies.
    ///
    /// - Parameters:
    ///   - flag: the flag that names the file, for an error's sentence.
    ///   - path: path of the target: what a batch line's `url` has to be.
    ///   - isJSON: bodies that aren't JSON are refused, and batch lines recognised. Both are not
    ///     asked where the user says that the type is another.
    public static func rows(
        of file: MappedFile,
        for flag: String,
        path: String,
        isJSON: Bool
    ) throws(SetupError) -> RequestRows {
        var lines = LineWalk(file.bytes)
        var rows: [RequestRow] = []
        var isBatch = false
        while let line = lines.line() {
            var body = line
            if isJSON {
                do throws(JSONFault) {
                    let batch = try BatchLine(file.bytes, line)
                    if rows.isEmpty { isBatch = batch.isOne }
                    if isBatch { body = try batch.checked(path: path, line: line) }
                } catch {
                    throw SetupError(
                        .usage,
                        "\(flag): \(file.name) line \(lines.number), column "
                            + "\(error.offset - line.lowerBound + 1): \(error.problem)"
                    )
                }
            }
            guard body.count <= RequestRow.longest else {
                throw SetupError(
                    .usage,
                    "\(flag): \(file.name) line \(lines.number) has more than 64 MiB: shorten it"
                )
            }
            rows.append(RequestRow(start: UInt64(body.lowerBound), length: UInt32(body.count)))
        }
        guard !rows.isEmpty else {
            throw SetupError(
                .usage,
                "\(flag): \(file.name) has blank lines only: put a body on each"
            )
        }
        return RequestRows(file, rows: rows)
    }
}

/// What a line of a batch file holds. A line that isn't one JSON document throws.
private struct BatchLine {
    private let bytes: UnsafeRawBufferPointer
    private var hasID = false
    private var method: Range<Int>?
    private var url: Range<Int>?
    private var body: Range<Int>?

    init(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(JSONFault) {
        self.bytes = bytes
        var reader = JSONReader(bytes, in: line)
        reader.skipSpace()
        if reader.byte == UInt8(ascii: "{") {
            if try reader.enterObject() {
                repeat { try readMember(&reader) } while try reader.nextMember()
            }
        } else {
            try reader.skipValue()
        }
        reader.skipSpace()
        if !reader.isAtEnd { throw reader.fault("nothing more on the line") }
    }

    private mutating func readMember(_ reader: inout JSONReader) throws(JSONFault) {
        let key = try reader.key()
        let value = try reader.skipValue(depth: 1)
        if reader.spells(key, "custom_id") { hasID = true }
        if reader.spells(key, "method") { method = value }
        if reader.spells(key, "url") { url = value }
        if reader.spells(key, "body") { body = value }
    }

    /// Such a line has these, and no API's own body has both.
    var isOne: Bool { hasID && body != nil }

    /// The body; throws where the line asks for something else than the run does.
    func checked(path: String, line: Range<Int>) throws(JSONFault) -> Range<Int> {
        guard hasID, let body else {
            throw JSONFault(
                expected: "\"custom_id\" and an object \"body\", as on the first line",
                offset: line.lowerBound
            )
        }
        guard bytes[body.lowerBound] == UInt8(ascii: "{") else {
            throw JSONFault(expected: "an object as \"body\"", offset: body.lowerBound)
        }
        let reader = JSONReader(bytes)
        if let method, !reader.spells(method, "\"POST\"") {
            throw JSONFault(expected: "the method \"POST\"", offset: method.lowerBound)
        }
        if let url {
            let text = bytes[url].dropFirst().dropLast()
            // The target may have a prefix in front of the API's own path.
            guard path.utf8.reversed().starts(with: text.reversed()) else {
                throw JSONFault(
                    expected: "the path of the URL that the run asks (\(path)): give the URL that "
                        + "the batch is for",
                    offset: url.lowerBound
                )
            }
        }
        return body
    }
}
