// Error numbers of the kernel as a type, with the C library's words for them.

import Glibc

/// A positive errno value.
public struct Errno: Error, Sendable, Hashable {
    /// The number, e.g. `ECONNREFUSED`.
    public let code: Int32

    /// Wraps a positive errno.
    public init(code: Int32) { self.code = code }

    /// The C library's text, e.g. "Connection refused".
    public var sentence: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            guard let base = text.baseAddress, strerror_r(code, base, text.count) == 0 else {
                return "error \(code)"
            }
            return String(cString: base)
        }
    }
}

/// Turns "value or negated errno", the convention of CSupport, into a typed throw.
func checked<Value: SignedInteger & FixedWidthInteger>(
    _ result: Value
) throws(Errno) -> Value {
    guard result >= 0 else { throw Errno(code: Int32(-result)) }
    return result
}

/// An error that stops the program before any load: one sentence that names the thing, and the
/// remedy in the same breath.
public struct SetupError: Error, Sendable {
    /// What kind of remedy applies; decides the exit status.
    public enum Kind: Sendable {
        /// The user's arguments or files are at fault (exit 64).
        case usage
        /// The target can't be reached at all, e.g. its name can't be resolved (exit 69).
        case unavailable
        /// The machine refused something ssebomb needs (exit 1).
        case system
    }
    /// Decides the exit status.
    public let kind: Kind
    /// Full sentence for the user.
    public let sentence: String

    /// Makes a set-up error.
    public init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    /// A file that can't be read: `path` is the value of `flag`, `code` an error number.
    ///
    /// What has the form of a body or a key in PEM (RFC 7468) isn't repeated: it may be secret.
    public static func unreadable(_ path: String, for flag: String, _ code: Int32) -> SetupError {
        let isBody = path.split(separator: "/").contains { $0.first == "{" || $0.first == "[" }
        let isText = isBody || path.hasPrefix("-----") || path.utf8.contains(UInt8(ascii: "\n"))
        if isText, [ENOENT, ENOTDIR, ENAMETOOLONG].contains(code) {
            return SetupError(
                .usage,
                "\(flag) takes the name of a file, and none has that name: put a text in a file"
                    + (isBody ? ", or give a body itself with --body" : "")
            )
        }
        let words = Errno(code: code).sentence
        return SetupError(.usage, "\(flag): can't read \(path): \(words); check the path")
    }
}
