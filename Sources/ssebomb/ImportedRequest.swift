// A request that stands elsewhere, in a curl command or a HAR file, and what becomes of it beside
// the flags: a flag always wins. Knows neither notation.

import SSEBombCore

/// What a curl command or an entry of a HAR file says.
struct ImportedRequest {
    /// How sentences name it: a flag, and the file where one holds it.
    var origin: String
    var url = ""
    var method: String?
    var fields: [HeaderField] = []
    var body: [UInt8]?
    /// Content-Type of `body` where no field says it.
    var impliedType: String?
    /// One sentence each on what is left out of the command and matters.
    var notes: [String] = []

    var insecure = false
    var cacert: String?
    var cert: String?
    var key: String?
    var tlsMin: TLSVersionName?
    var tlsMax: TLSVersionName?
    var ciphers: String?
    var connectTo: [String] = []
    var unix: String?
    var ipv4Only = false
    var ipv6Only = false
    var noKeepAlive = false
    /// Nanoseconds.
    var connectTimeout: Int64?
    /// Nanoseconds.
    var timeout: Int64?

    /// How sentences name its body.
    var bodyOrigin: String { "the body of \(origin)" }

    init(origin: String) { self.origin = origin }

    /// Fields that say how a message is framed or coded: the body's length is computed, and event
    /// streams aren't decoded.
    static let ownFields: Set<String> = ["content-length", "transfer-encoding", "accept-encoding"]

    /// The fields and the implied type, but for those that `given` names.
    func fields(without given: [HeaderField], usesBody: Bool) -> [HeaderField] {
        let names = Set(given.map { $0.name.lowercased() })
        var kept = fields.filter { !names.contains($0.name.lowercased()) }
        let hasType = (kept + given).contains { $0.name.lowercased() == "content-type" }
        if usesBody, !hasType, let impliedType {
            kept.append(HeaderField(name: "Content-Type", value: impliedType))
        }
        return kept
    }
}
