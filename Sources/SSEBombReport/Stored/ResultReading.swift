// From the bytes of a stored result to a run. A file is input from anywhere: it is read whole or
// refused with one sentence, whatever is in it. Must not know how a file is opened.

import FoundationEssentials
import SSEBombCore

/// Why a file can't be used as a result.
public struct StoredResultError: Error, Equatable, Sendable {
    /// One sentence that names the file, what is wrong, and the remedy.
    public let sentence: String
}

/// What is wrong with a document, as the middle of a sentence about its file.
struct ResultFault: Error, Equatable {
    let cause: String
    let remedy: String

    init(
        _ cause: String,
        remedy: String = "name a result that 'ssebomb -o FILE' wrote"
    ) {
        self.cause = cause
        self.remedy = remedy
    }

    /// A field that holds what it can't.
    static func field(_ name: String) -> ResultFault { ResultFault("is damaged (\(name))") }

    /// A word that a later version may have given meaning to.
    static func unknown(_ name: String, _ word: String) -> ResultFault {
        let shown = PrintableText.line(word, limit: 40)
        return ResultFault("has \(name) '\(shown)', which this ssebomb doesn't know")
    }
}

extension FinishedRun {
    /// Reads what `-o` wrote, by this version or an older one.
    ///
    /// - Parameter path: names the file in sentences.
    public init(reading bytes: [UInt8], path: String) throws(StoredResultError) {
        do throws(ResultFault) {
            self = try FinishedRun(restoring: ResultDocument.decode(bytes))
        } catch {
            throw StoredResultError(
                sentence: "\(path) \(error.cause): \(error.remedy)"
            )
        }
    }
}

extension ResultDocument {
    /// The document in `bytes`, with every number in a range that sums of them can't leave.
    static func decode(_ bytes: [UInt8]) throws(ResultFault) -> ResultDocument {
        let data = Data(bytes)
        let decoder = JSONDecoder()
        let kind: Kind
        do {
            kind = try decoder.decode(Kind.self, from: data)
        } catch DecodingError.dataCorrupted {
            throw ResultFault("isn't JSON, or was cut")
        } catch {
            throw ResultFault("isn't a result of ssebomb")
        }
        guard kind.tool?.name == "ssebomb", let version = kind.schemaVersion else {
            throw ResultFault("isn't a result of ssebomb")
        }
        guard version >= 1 else { throw .field("schema_version is below 1") }
        guard version <= schemaVersion else {
            let writer = PrintableText.line(kind.tool?.version ?? "of unknown version", limit: 40)
            throw ResultFault(
                "has version \(version) of the format, written by ssebomb \(writer), and this "
                    + "ssebomb reads up to \(schemaVersion)",
                remedy: "use a newer ssebomb"
            )
        }
        guard ResultChecksum.isSound(bytes) else {
            throw ResultFault(
                "isn't what was written, says its checksum",
                remedy: "take a sound copy; if it was changed on purpose, take the checksum out"
            )
        }
        do {
            _ = try decoder.decode(NumberCheck.self, from: data)
            return try decoder.decode(ResultDocument.self, from: data)
        } catch let fault as ResultFault {
            throw fault
        } catch {
            throw .field(Self.place(of: error))
        }
    }

    /// The fields that no version may change.
    private struct Kind: Decodable {
        struct Writer: Decodable {
            var name: String?
            var version: String?
        }

        var schemaVersion: Int?
        var tool: Writer?

        enum CodingKeys: String, CodingKey {
            case schemaVersion = "schema_version"
            case tool
        }
    }

    /// Which field a decoder stopped at.
    private static func place(of error: any Error) -> String {
        let path: [any CodingKey] =
            switch error {
            case DecodingError.keyNotFound(let key, let context): context.codingPath + [key]
            case DecodingError.valueNotFound(_, let context): context.codingPath
            case DecodingError.typeMismatch(_, let context): context.codingPath
            case DecodingError.dataCorrupted(let context): context.codingPath
            default: []
            }
        return NumberCheck.name(path) + " is missing or wrong"
    }
}

/// Goes through a document of any shape and stops at a number that no counter or time can be: below
/// 0, or above 2^53, up to which numbers in JSON are exact and a thousand of them add up without
/// overflow. Bounds the members of each object and list, too.
private struct NumberCheck: Decodable {
    /// May be any number of their type: nothing is computed with them but saturating sums.
    private static let free: Set<String> = ["seed", "sum", "value", "bound"]
    private static let greatest = 9_007_199_254_740_992.0
    private static let mostMembers = 4_096

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int?
        init(stringValue: String) { (self.stringValue, intValue) = (stringValue, nil) }
        init(intValue: Int) { (stringValue, self.intValue) = ("\(intValue)", intValue) }
    }

    init(from decoder: any Decoder) throws {
        func refuse(_ what: String) -> ResultFault {
            .field("\(Self.name(decoder.codingPath)) \(what)")
        }
        if let object = try? decoder.container(keyedBy: Key.self) {
            guard object.allKeys.count <= Self.mostMembers else { throw refuse("is too long") }
            for key in object.allKeys where !Self.free.contains(key.stringValue) {
                _ = try object.decode(NumberCheck.self, forKey: key)
            }
        } else if var list = try? decoder.unkeyedContainer() {
            guard list.count ?? 0 <= Self.mostMembers else { throw refuse("is too long") }
            while !list.isAtEnd { _ = try list.decode(NumberCheck.self) }
        } else if let number = try? decoder.singleValueContainer().decode(Double.self) {
            guard number >= 0, number <= Self.greatest else { throw refuse("is out of range") }
        }
    }

    /// A path as people write it, e.g. "client.loops.0.busy".
    static func name(_ path: [any CodingKey]) -> String {
        let names = path.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }
        let text = PrintableText.line(names.joined(separator: "."), limit: 80)
        return text.isEmpty ? "the document" : text
    }
}
