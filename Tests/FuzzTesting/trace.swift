// Fuzz target: traces of every format, and the requests made of their rows. What a row says must
// lie in its line, a replay must give the rows that the check counted, in order, and a request must
// have the length that its row asks for.

import Glibc

/// Reads the input line by line, then as a file.
func fuzzTrace(_ input: UnsafeRawBufferPointer) {
    readLines(input)
    readFile(input)
}

/// Each line in a block of its own: a file's mapping goes on behind its end.
private func readLines(_ input: UnsafeRawBufferPointer) {
    var layout: TraceLayout?
    for line in input.split(separator: 0x0A, maxSplits: 64) where !line.isEmpty {
        Pieces().forEach(in: UnsafeRawBufferPointer(rebasing: line)) { copy in
            guard let known = layout else {
                layout = try? TraceLayout(recognising: copy)
                return false
            }
            guard let row = try? known.row(copy) else { return false }
            check(row, in: copy)
            return false
        }
    }
}

private func check(_ row: TraceRow, in line: UnsafeRawBufferPointer) {
    expect(row.time >= 0, "a time of \(row.time)")
    for part in [row.body, row.session] where !part.isEmpty {
        guard let start = part.baseAddress, let base = line.baseAddress else { continue }
        let offset = start - base
        expect(offset >= 0 && offset + part.count <= line.count, "a field outside its line")
    }
    for tokens in [row.inputTokens, row.outputTokens] {
        expect(UInt64(tokens ?? 0) <= TraceFields.mostTokens, "\(tokens ?? 0) tokens")
    }
    var blocks = row.blocks
    var count = 0
    while blocks.next() != nil { count += 1 }
    expect(count <= line.count, "more blocks than bytes")
}

/// A file without a name that holds one input after the other.
private let scratchFile: Int32 = {
    // mkstemp(3) wants six of them.
    let place = String(repeating: "X", count: 6)
    var name = Array("/tmp/ssebomb-fuzz-\(place)".utf8CString)
    let descriptor = mkstemp(&name)
    if descriptor < 0 { stop("no scratch file: errno \(errno)") }
    unlink(name)
    return descriptor
}()

private func readFile(_ input: UnsafeRawBufferPointer) {
    guard ftruncate(scratchFile, 0) == 0,
        pwrite(scratchFile, input.baseAddress, input.count, 0) == input.count
    else { stop("the scratch file can't be written: errno \(errno)") }
    // A part of the trace, taken from the bytes: a changed byte moves it.
    let cuts = Pieces(of: input).cuts.map { Int64($0) * 1_000_000 }
    for window in [TraceWindow(), TraceWindow(start: cuts[0], end: cuts[1] + 1)] {
        let path = "/proc/self/fd/\(scratchFile)"
        guard let trace = try? ArrivalTrace(path, window: window) else { continue }
        replay(trace)
    }
}

private func replay(_ trace: ArrivalTrace) {
    let summary = trace.summary
    let replay = TraceReplay(trace)
    expect(replay.duration > summary.lastOffset, "the last row is due after the end")
    var cursor = replay.cursor()
    var rows: UInt64 = 0
    var bodies: UInt64 = 0
    var last: Int64 = 0
    let source = source(trace)
    while let row = cursor.row {
        expect(row.time >= last && row.time <= summary.lastOffset, "rows out of their order")
        last = row.time
        if !row.body.isEmpty { bodies += 1 }
        // Longer ones cost time and show nothing new.
        if row.inputTokens ?? 0 < 2_000 { check(row, rows, source) }
        rows += 1
        cursor.advance()
    }
    expect(rows == summary.rows && last == summary.lastOffset, "\(rows) of \(summary.rows) rows")
    expect(bodies == summary.bodies.rows, "\(bodies) bodies")
}

private func source(_ trace: ArrivalTrace) -> RequestSource {
    var pattern = RequestPattern()
    pattern.append(insideString: .prompt)
    var parts = RequestParts()
    parts.body = .pattern(pattern)
    (parts.prompt, parts.limit) = (.recorded, .recorded)
    parts.trace = trace
    return sampleSource(parts)
}

/// The request that a row makes: its body, or as many words as it has tokens.
private func check(_ row: TraceRow, _ number: UInt64, _ source: RequestSource) {
    let pool = SpillPool()
    var scratch = RenderScratch()
    var request = Spill()
    defer {
        request.release(to: pool)
        scratch.release(to: pool)
        pool.destroy()
    }
    let head = source.render(
        number,
        seed: 1,
        recorded: row,
        into: &request,
        &scratch,
        pool
    )
    let body = UnsafeRawBufferPointer(rebasing: request.bytes[head...])
    if row.body.isEmpty {
        let words = body.split(separator: 0x20).count
        let asked = max(1, Int(row.inputTokens ?? 1))
        expect(words == asked, "\(words) words of \(asked)")
    } else {
        expect(body.elementsEqual(row.body), "another body than the row's")
        var reader = JSONReader(body)
        let isWhole = (try? reader.skipValue()) != nil && reader.isAtEnd
        expect(isWhole, "a body that isn't JSON")
    }
    let text = String(decoding: request.bytes[..<head], as: UTF8.self)
    expect(text.contains("\r\nContent-Length: \(body.count)\r\n"), "another Content-Length")
}
