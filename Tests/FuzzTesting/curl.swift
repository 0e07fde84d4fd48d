// Fuzz target: curl commands. Reading one twice must give the same request, words that are quoted
// must come back as they were, and nothing may be read from the machine's own files: the readers of
// files and the names of flags stand here in the place of the command line's.

/// In the place of the command line's own, which reads what a command names.
enum FileInput {
    static func name(of input: String) -> String { input }

    static func read(_ path: String, for flag: String) throws(SetupError) -> [UInt8] {
        if path.isEmpty { throw SetupError(.usage, "\(flag): no path") }
        return Array("a file\nof \"two\" lines\n".utf8)
    }

    static func environment(_ name: String) -> String? { name == "KEY" ? "sk value" : nil }
}

/// In the place of the command line's own, which is an argument's type.
enum TLSVersionName: String {
    case v12 = "1.2"
    case v13 = "1.3"
}

/// Reads the input as a command, and as a word of one.
func fuzzCurl(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    let first = outcome(text)
    expect(first == outcome(text), "two readings of one command differ")
    // What the command says follows from the word curl alone.
    _ = outcome("curl " + text)
    checkQuoting(Array(text.utf8))
}

/// A request, or a sentence, as text.
private func outcome(_ text: String) -> String {
    do throws(SetupError) {
        let request = try CurlCommand.read(text, environment: FileInput.environment)
        expect(!request.url.isEmpty, "a command without a URL was taken")
        let fields = request.fields.map { "\($0.name): \($0.value)" }
        return "\(request.url) \(request.method ?? "") \(fields) \(request.body ?? [])"
    } catch {
        expect(!error.sentence.isEmpty, "no sentence")
        return error.sentence
    }
}

/// Single quotes keep everything but themselves (POSIX, 2.2.2).
private func checkQuoting(_ word: [UInt8]) {
    guard !word.contains(0) else { return }
    let quote = UInt8(ascii: "'")
    let quoted = word.flatMap { $0 == quote ? Array(#"'\''"#.utf8) : [$0] }
    let line = Array("curl '".utf8) + quoted + Array("' b".utf8)
    guard
        let words = try? ShellWords(line, origin: "x", environment: FileInput.environment).words
    else { stop("a quoted word was refused") }
    expect(words.map(\.bytes) == [Array("curl".utf8), word, [UInt8(ascii: "b")]], "another word")
}
