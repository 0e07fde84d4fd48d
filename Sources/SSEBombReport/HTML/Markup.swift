// HTML and SVG as text. Whatever is put in as a `String` is escaped, and only literals of the
// program become tags, so that no text from the wire can become markup. Must not know what a page
// holds.

/// A piece of a page.
struct Markup {
    /// An attribute of an element: the value is escaped.
    typealias Attribute = (name: StaticString, value: String)

    private(set) var text = ""

    /// Text between tags, without anything that could turn its direction or hide.
    mutating func write(_ string: String) { text += Self.escaped(PrintableText.line(string)) }

    /// A literal of the program, as it is.
    mutating func literal(_ markup: StaticString) { text += "\(markup)" }

    /// Another piece, as it is.
    mutating func append(_ markup: Markup) { text += markup.text }

    /// An element on a line of its own, with what `content` writes inside.
    mutating func element(
        _ name: StaticString,
        _ attributes: [Attribute] = [],
        _ content: (inout Markup) -> Void
    ) {
        text += "\n"
        open(name, attributes)
        content(&self)
        text += "</\(name)>"
    }

    /// An element that holds text alone, on the line where it stands.
    mutating func leaf(_ name: StaticString, _ string: String) { leaf(name, [], string) }

    /// The same with attributes.
    mutating func leaf(_ name: StaticString, _ attributes: [Attribute], _ string: String) {
        open(name, attributes)
        write(string)
        text += "</\(name)>"
    }

    /// An SVG element without content, on a line of its own.
    mutating func shape(_ name: StaticString, _ attributes: [Attribute]) {
        text += "\n<\(name)"
        append(attributes)
        text += "/>"
    }

    private mutating func open(_ name: StaticString, _ attributes: [Attribute]) {
        text += "<\(name)"
        append(attributes)
        text += ">"
    }

    private mutating func append(_ attributes: [Attribute]) {
        for attribute in attributes {
            text += " \(attribute.name)=\"\(Self.escaped(attribute.value))\""
        }
    }

    /// What HTML gives a meaning to, in text and in quoted attributes alike, as references.
    static func escaped(_ string: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(string.utf8.count)
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes += "&amp;".utf8
            case UInt8(ascii: "<"): bytes += "&lt;".utf8
            case UInt8(ascii: ">"): bytes += "&gt;".utf8
            case UInt8(ascii: "\""): bytes += "&quot;".utf8
            case UInt8(ascii: "'"): bytes += "&#39;".utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Coordinates as SVG takes them, to a tenth of a unit.
enum Coordinate {
    /// A finite number: "12.3", "-0.5", "7".
    static func text(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "0" }
        let tenths = Int((value * 10).rounded())
        let (whole, rest) = (abs(tenths) / 10, abs(tenths) % 10)
        return (tenths < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
    }

    /// A share of the width, "12.3%".
    static func percent(_ share: Double) -> String { text(share * 100) + "%" }
}
