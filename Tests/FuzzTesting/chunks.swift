// Fuzz target: the chunked decoder. The payload and the end must be the same wherever the bytes are
// cut, and no range may lie outside what was given.

/// What became of one chunked body.
struct ChunkedBody: Equatable {
    var payload: [UInt8] = []
    /// Bytes of input used up.
    var used = 0
    /// How it ended; `needMore` when the input did first.
    var last = ChunkedOutput.needMore
}

/// Decodes whole and in pieces.
func fuzzChunks(_ input: UnsafeRawBufferPointer) {
    let whole = decodeChunks(input, Pieces())
    let cut = decodeChunks(input, Pieces(of: input))
    expect(whole.payload == cut.payload, "cut input gives another payload")
    expect(whole.last == cut.last, "cut input ends in \(cut.last), whole in \(whole.last)")
    if whole.last == .end {
        expect(whole.used == cut.used, "cut input ends the body at another byte")
    }
}

private func decodeChunks(_ input: UnsafeRawBufferPointer, _ pieces: Pieces) -> ChunkedBody {
    var body = ChunkedBody()
    var decoder = ChunkedDecoder(limits: WireLimits(chunkLineBytes: 64, trailerBytes: 128))
    pieces.forEach(in: input) { piece in
        var offset = 0
        while true {
            let before = offset
            let output = decoder.next(piece, &offset)
            expect(offset >= before && offset <= piece.count, "the offset leaves its input")
            switch output {
            case .payload(let start, let length):
                expect(length > 0, "an empty payload was handed out")
                expect(start >= before && length <= offset - start, "a payload outside the input")
                body.payload.append(contentsOf: piece[start..<start + length])
            case .needMore:
                expect(offset == piece.count, "needMore with input left")
                body.used += offset
                return true
            case .end, .failure:
                body.used += offset
                body.last = output
                expect(decoder.isComplete == (output == .end), "isComplete contradicts the end")
                return false
            }
        }
    }
    return body
}
