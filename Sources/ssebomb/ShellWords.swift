// A command line as a shell would cut it into words: quotes, backslashes, line continuations,
// variables (POSIX.1-2024, Shell Command Language, 2.2 and 2.3; $'...' as in 2.2.4). Runs nothing:
// what only a shell could carry out is refused with its place.

import SSEBombCore

/// One word, quotes removed.
struct ShellWord: Equatable {
    /// Bytes, since $'\xff' is no UTF-8.
    var bytes: [UInt8]
    /// Where it begins, each from 1.
    var line: Int
    var column: Int

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var place: String { "line \(line), column \(column)" }
}

/// Cuts one simple command into words.
struct ShellWords {
    /// The words of the command.
    private(set) var words: [ShellWord] = []
    /// A pipe stood behind the command; what follows it was left out.
    private(set) var isPiped = false

    private let input: [UInt8]
    private let origin: String
    private let environment: (String) -> String?
    private var index = 0
    private var word: ShellWord?

    /// - Parameters:
    ///   - origin: how sentences name the text.
    ///   - environment: the value of a variable; nil where it isn't set.
    init(
        _ input: [UInt8],
        origin: String,
        environment: @escaping (String) -> String?
    ) throws(SetupError) {
        self.input = input
        self.origin = origin
        self.environment = environment
        try readAll()
    }

    // MARK: The command

    private mutating func readAll() throws(SetupError) {
        while let byte = current {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                endWord()
                index += 1
            case UInt8(ascii: "\n"), UInt8(ascii: ";"):
                endWord()
                if !words.isEmpty { return try expectEnd() }
                index += 1
            case UInt8(ascii: "#") where word == nil:
                while let byte = current, byte != UInt8(ascii: "\n") { index += 1 }
            case UInt8(ascii: "|"):
                endWord()
                isPiped = true
                return
            case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("),
                UInt8(ascii: ")"):
                let sign = Character(Unicode.Scalar(byte))
                throw fault("'\(sign)' outside quotes is for a shell: quote it, or leave it out")
            case UInt8(ascii: "'"):
                begin()
                try single()
            case UInt8(ascii: "\""):
                begin()
                try double()
            case UInt8(ascii: "\\"): backslash()
            case UInt8(ascii: "$"), UInt8(ascii: "`"):
                begin()
                try dollar(inQuotes: false)
            default:
                begin()
                take()
            }
        }
        endWord()
    }

    /// Only blanks and comments may stand behind the command.
    private mutating func expectEnd() throws(SetupError) {
        while let byte = current {
            if byte == UInt8(ascii: "#") {
                while let byte = current, byte != UInt8(ascii: "\n") { index += 1 }
            } else if " \t\r\n;".utf8.contains(byte) {
                index += 1
            } else {
                throw fault("a second command: give one (a line goes on behind a '\\' at its end)")
            }
        }
    }

    private mutating func begin() {
        guard word == nil else { return }
        let (line, column) = place(of: index)
        word = ShellWord(bytes: [], line: line, column: column)
    }

    private mutating func endWord() {
        if let word { words.append(word) }
        word = nil
    }

    private var current: UInt8? { index < input.count ? input[index] : nil }

    private mutating func take() {
        word?.bytes.append(input[index])
        index += 1
    }

    // MARK: Quotes

    private mutating func single() throws(SetupError) {
        let start = index
        index += 1
        while let byte = current, byte != UInt8(ascii: "'") {
            word?.bytes.append(byte)
            index += 1
        }
        try close(start, "'")
    }

    private mutating func double() throws(SetupError) {
        let start = index
        index += 1
        while let byte = current, byte != UInt8(ascii: "\"") {
            switch byte {
            case UInt8(ascii: "\\"):
                index += 1
                guard let next = current else { break }
                if next == UInt8(ascii: "\n") {
                    index += 1
                } else {
                    // Before any other character the backslash stands for itself.
                    if !"$`\"\\".utf8.contains(next) { word?.bytes.append(byte) }
                    take()
                }
            case UInt8(ascii: "$"), UInt8(ascii: "`"): try dollar(inQuotes: true)
            default: take()
            }
        }
        try close(start, "\"")
    }

    private mutating func close(_ start: Int, _ quote: String) throws(SetupError) {
        guard current != nil else {
            index = start
            throw fault("the quote that opens here has no closing \(quote)")
        }
        index += 1
    }

    private mutating func backslash() {
        index += 1
        if current == UInt8(ascii: "\r"), index + 1 < input.count,
            input[index + 1] == UInt8(ascii: "\n")
        {
            index += 1
        }
        guard let byte = current else { return }
        if byte == UInt8(ascii: "\n") {
            index += 1
        } else {
            begin()
            take()
        }
    }

    // MARK: Dollar signs

    private mutating func dollar(inQuotes: Bool) throws(SetupError) {
        let next = index + 1 < input.count ? input[index + 1] : UInt8(ascii: " ")
        switch next {
        case _ where current == UInt8(ascii: "`"), UInt8(ascii: "("):
            throw fault("a command inside the command: no shell is run; put its output here")
        case UInt8(ascii: "'") where !inQuotes: try ansi()
        case UInt8(ascii: "{"): try variable(from: index + 2, braced: true)
        case _ where Self.isNameStart(next): try variable(from: index + 1, braced: false)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "?"), UInt8(ascii: "@"),
            UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"):
            throw fault("a parameter that only a shell knows: put its value here")
        default: take()
        }
    }

    private mutating func variable(from start: Int, braced: Bool) throws(SetupError) {
        var end = start
        while end < input.count, Self.isNameStart(input[end]) || Self.isDigit(input[end]) {
            end += 1
        }
        let name = String(decoding: input[start..<end], as: UTF8.self)
        if braced {
            guard end > start, end < input.count, input[end] == UInt8(ascii: "}") else {
                throw fault("expected ${NAME}: put the value here instead")
            }
        }
        guard let value = environment(name) else {
            throw fault("environment variable \(name) isn't set: export it")
        }
        word?.bytes += Array(value.utf8)
        index = braced ? end + 1 : end
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    // MARK: $'...'

    private mutating func ansi() throws(SetupError) {
        let start = index
        index += 2
        while let byte = current, byte != UInt8(ascii: "'") {
            if byte == UInt8(ascii: "\\") {
                try escape()
            } else {
                take()
            }
        }
        try close(start, "'")
    }

    private mutating func escape() throws(SetupError) {
        index += 1
        guard let byte = current else { return }
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "e"): 27,
            UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13,
            UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 0x5C,
            UInt8(ascii: "'"): 0x27, UInt8(ascii: "\""): 0x22, UInt8(ascii: "?"): 0x3F,
        ]
        if let value = plain[byte] {
            word?.bytes.append(value)
            index += 1
            return
        }
        switch byte {
        case UInt8(ascii: "x"):
            index += 1
            let value = UInt8(try number(base: 16, digits: 2))
            word?.bytes.append(value)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            index += 1
            let value = try number(base: 16, digits: byte == UInt8(ascii: "u") ? 4 : 8)
            guard let scalar = Unicode.Scalar(value) else { throw fault("no Unicode character") }
            word?.bytes += Array(String(Character(scalar)).utf8)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            let value = UInt8(truncatingIfNeeded: try number(base: 8, digits: 3))
            word?.bytes.append(value)
        default:
            // Unknown escapes keep their backslash, as in bash.
            word?.bytes.append(UInt8(ascii: "\\"))
            take()
        }
    }

    private mutating func number(base: Int, digits: Int) throws(SetupError) -> UInt32 {
        let start = index
        while index < input.count, index - start < digits,
            Character(Unicode.Scalar(input[index])).hexDigitValue.map({ $0 < base }) ?? false
        {
            index += 1
        }
        let text = String(decoding: input[start..<index], as: UTF8.self)
        guard let value = UInt32(text, radix: base) else { throw fault("expected a hex digit") }
        return value
    }

    // MARK: Faults

    private func place(of index: Int) -> (Int, Int) {
        let before = input[..<min(index, input.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return (line, index - start + 1)
    }

    private func fault(_ sentence: String) -> SetupError {
        let (line, column) = place(of: index)
        return SetupError(.usage, "\(origin) line \(line), column \(column): \(sentence)")
    }
}
