// What of a request is shown: which header values may be read by others, and a mask for the rest
// where a server echoes it.

import SSEBombCore

/// Hides the values that a user's headers carried.
struct SecretMask {
    /// Fields whose values can't be secrets and say what will happen.
    private static let harmless: Set<String> = [
        "accept", "accept-encoding", "accept-language", "cache-control", "connection",
        "content-type", "expect", "host", "user-agent",
    ]
    /// Shorter values would mask ordinary text.
    private static let shortest = 8

    /// Longest first, so that a part never hides the whole.
    private let secrets: [String]

    init(_ request: RequestSpecification) {
        var found: [String] = []
        for field in request.headers where Self.isSecret(field.name) {
            found.append(field.value)
            found += field.value.split { " ;,=".contains($0) }.map { String($0) }
        }
        secrets = found.filter { $0.utf8.count >= Self.shortest }.sorted { $0.count > $1.count }
    }

    /// Whether the value of a field with this name is kept from view.
    static func isSecret(_ name: some StringProtocol) -> Bool {
        !harmless.contains(name.lowercased())
    }

    /// `text` with every secret replaced by `***`.
    func apply(to text: String) -> String {
        secrets.reduce(text) { $0.replacing($1, with: "***") }
    }
}
