// Reading JSON documents in tests: a path that doesn't exist is a value that isn't there, which an
// expectation then shows. Knows no particular document.

import Foundation

/// A JSON value, or nothing.
struct JSONValue {
    private let value: Any?

    init(parsing text: String) throws {
        value = try JSONSerialization.jsonObject(
            with: Data(text.utf8),
            options: [.fragmentsAllowed]
        )
    }

    private init(_ value: Any?) { self.value = value }

    subscript(name: String) -> JSONValue { JSONValue((value as? [String: Any])?[name]) }
    subscript(index: Int) -> JSONValue {
        guard let array = value as? [Any], array.indices.contains(index) else {
            return JSONValue(nil as Any?)
        }
        return JSONValue(array[index])
    }

    var exists: Bool { value != nil }
    var isNull: Bool { value is NSNull }
    var int: Int? { (value as? NSNumber)?.intValue }
    var double: Double? { (value as? NSNumber)?.doubleValue }
    var bool: Bool? { (value as? NSNumber)?.boolValue }
    var text: String? { value as? String }
    var array: [JSONValue]? { (value as? [Any])?.map { JSONValue($0) } }
    var keys: [String]? { (value as? [String: Any]).map { $0.keys.sorted() } }
    /// The members whose values are whole numbers.
    var counts: [String: Int]? {
        (value as? [String: Any])?.compactMapValues { ($0 as? NSNumber)?.intValue }
    }
}

/// Why a test's surroundings could not be set up.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
