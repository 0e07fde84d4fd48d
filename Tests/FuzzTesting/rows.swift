// Fuzz target: files of bodies and of prompts. A row that was taken must be what it is taken for,
// and a prompt must be harmless wherever a template puts it.

/// Reads the input as bodies, as a batch file, and as a dataset.
func fuzzRows(_ input: UnsafeRawBufferPointer) {
    let file = MappedFile(Array(input), name: "f")
    for isJSON in [false, true] {
        let bodies = try? BodyFile.rows(of: file, for: "--bodies", path: "/v1/x", isJSON: isJSON)
        for row in bodies?.rows ?? [] {
            guard let body = bodies?.bytes(row) else { continue }
            expect(!body.contains(0x0A), "a body of two lines")
            if isJSON { expect(isJSONDocument(body), "a body that isn't JSON") }
        }
    }
    var lax = DatasetFilter()
    (lax.leastTurns, lax.leastWords) = (1, 0)
    for filter in [DatasetFilter(), lax] {
        let prompts = try? DatasetFile.rows(of: file, filter: filter, for: "--dataset")
        for row in prompts?.rows ?? [] {
            if let prompts { check(prompt: prompts.bytes(row)) }
        }
    }
}

/// Whether these bytes are one JSON document, blanks around it apart.
func isJSONDocument(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var reader = JSONReader(bytes)
    reader.skipSpace()
    guard (try? reader.skipValue()) != nil else { return false }
    reader.skipSpace()
    return reader.isAtEnd
}

/// The inside of a JSON string, in every notation.
private func check(prompt: UnsafeRawBufferPointer) {
    Pieces().forEach(in: prompt) { copy in
        let value = written(copy, as: .jsonValue)
        expect(value.withUnsafeBytes { isJSONDocument($0) }, "a prompt that is no JSON string")
        for byte in written(copy, as: .target) {
            let isUnreserved =
                byte == UInt8(ascii: "%") || "-._~".utf8.contains(byte)
                || Character(Unicode.Scalar(byte)).isLetter || byte &- 0x30 <= 9
            expect(isUnreserved && byte < 0x80, "byte \(byte) in a URL")
        }
        for byte in written(copy, as: .header) {
            expect(byte >= 0x20 && byte != 0x7F, "byte \(byte) in a header field")
        }
        _ = written(copy, as: .plain)
        return false
    }
}

private func written(_ text: UnsafeRawBufferPointer, as notation: TextNotation) -> [UInt8] {
    let pool = SpillPool()
    var target = Spill()
    defer {
        target.release(to: pool)
        pool.destroy()
    }
    RequestBytes.append(text, as: notation, to: &target, pool: pool)
    return Array(target.bytes)
}
