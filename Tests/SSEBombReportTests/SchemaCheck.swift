// A reader of the part of JSON Schema that the schemas in docs/ use, so that the tests can check
// documents without leaving the process.

import Foundation

struct SchemaCheck {
    private let root: [String: Any]

    /// A schema beside the documentation.
    init(_ name: String = "result") throws {
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: package.appendingPathComponent("docs/\(name).schema.json"))
        root = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// A definition's list of allowed words.
    func words(_ path: String...) -> [String] {
        var schema = root
        for name in path { schema = schema[name] as? [String: Any] ?? [:] }
        return schema["enum"] as? [String] ?? []
    }

    /// What the schema objects to in a document; empty when it is valid.
    func errors(in document: [UInt8]) throws -> [String] {
        errors(try JSONSerialization.jsonObject(with: Data(document)), root, "$")
    }

    private func errors(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        if let place = schema["$ref"] as? String {
            let target = place.split(separator: "/").dropFirst().reduce(root as [String: Any]?) {
                $0?[String($1)] as? [String: Any]
            }
            guard let target else { return ["\(path): nothing at \(place)"] }
            return errors(value, target, path)
        }
        var found: [String] = []
        if let type = schema["type"] as? String, !Self.isType(value, type) {
            return ["\(path): not of type \(type)"]
        }
        if let constant = schema["const"] as? NSObject, constant != value as? NSObject {
            found.append("\(path): not \(constant)")
        }
        if let words = schema["enum"] as? [String], !words.contains(value as? String ?? "") {
            found.append("\(path): \(value) is none of \(words)")
        }
        if let least = schema["minimum"] as? NSNumber, let number = value as? NSNumber,
            number.doubleValue < least.doubleValue
        {
            found.append("\(path): below \(least)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(path): doesn't match \(pattern)")
        }
        if let items = schema["items"] as? [String: Any], let elements = value as? [Any] {
            for (index, element) in elements.enumerated() {
                found += errors(element, items, "\(path)[\(index)]")
            }
        }
        if let object = value as? [String: Any] { found += members(of: object, schema, path) }
        return found
    }

    private func members(
        of object: [String: Any],
        _ schema: [String: Any],
        _ path: String
    ) -> [String] {
        var found: [String] = []
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        for name in schema["required"] as? [String] ?? [] where object[name] == nil {
            found.append("\(path): lacks \(name)")
        }
        for (name, member) in object {
            if let names = schema["propertyNames"] as? [String: Any] {
                found += errors(name, names, "\(path).\(name)")
            }
            if let property = properties[name] {
                found += errors(member, property, "\(path).\(name)")
            } else if let other = schema["additionalProperties"] as? [String: Any] {
                found += errors(member, other, "\(path).\(name)")
            } else if schema["additionalProperties"] as? Bool == false {
                found.append("\(path): \(name) is not allowed")
            }
        }
        return found
    }

    private static func isType(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "number": value is NSNumber
        case "integer":
            (value as? NSNumber).map { $0.doubleValue == $0.doubleValue.rounded() } ?? false
        default: false
        }
    }
}
