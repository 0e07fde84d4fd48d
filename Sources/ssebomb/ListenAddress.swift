// ADDR:PORT as flags name a place to listen.

import SSEBombCore

/// A place to listen; port 0 lets the kernel choose.
struct ListenAddress: Sendable {
    var host: String
    var port: UInt16

    /// - Parameters:
    ///   - text: the value of `--listen`.
    ///   - usualHost: what `:PORT` alone means; nil where that is refused.
    ///   - example: a port that the sentence of an error names.
    init(parsing text: String, usualHost: String?, example: UInt16) throws(SetupError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            colon > text.startIndex || usualHost != nil
        else {
            throw SetupError(
                .usage,
                "--listen can't be \"\(text)\": write ADDR:PORT, such as 127.0.0.1:\(example)"
                    + " or [::1]:0"
            )
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.host = host.isEmpty ? usualHost ?? "" : String(host)
        self.port = port
    }
}
