// The notation of `--sent-at`: steps into a JSON text, and the unit of the number at their end.
// Pure functions; knows no event.

import SSEBombCore

/// Reads `PATH[:UNIT]`.
enum SendTimeParsing {
    private static let remedy =
        "write a path into the event's JSON such as sent_at, meta.sent:ms or stamps[0]:us, with "
        + "ns (default), us, ms or s as unit"

    /// "meta.sent:ms", "stamps.0", "stamps[0]:us"; "." is the data itself.
    static func path(_ text: String) throws(ValueError) -> SendTimePath {
        var path = text[...]
        var unit = SendTimePath.Unit.ns
        if let colon = text.lastIndex(of: ":") {
            let name = String(text[text.index(after: colon)...])
            guard let known = SendTimePath.Unit(rawValue: name) else {
                throw ValueError("'\(name)' isn't a unit: use ns, us, ms or s")
            }
            unit = known
            path = text[..<colon]
        }
        return SendTimePath(path: try JSONPathParsing.path(path, remedy), unit: unit)
    }
}
