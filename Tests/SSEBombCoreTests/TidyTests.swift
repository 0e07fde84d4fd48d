// Rules that no compiler checks, read from the project's own files: sizes, banned words, and which
// folder of the engine may name which other. Knows file names and text, nothing of what it means.

import Foundation
import Testing

/// A text file of the project.
struct ProjectFile: Sendable {
    /// Relative to the project's root.
    let path: String
    let text: String

    var suffix: String { (path as NSString).pathExtension }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var isCode: Bool { ["swift", "c", "h"].contains(suffix) }
    var isEngine: Bool { path.hasPrefix("Sources/SSEBombCore/") }

    /// Folder below the engine's, e.g. "HTTP"; nil outside.
    var engineFolder: String? {
        let parts = path.split(separator: "/")
        return isEngine && parts.count > 3 ? String(parts[2]) : nil
    }

    /// The lines without comments and the contents of string literals. Escaped quotation marks,
    /// and text after `//` inside a string, are seen for what they are.
    var code: [String] { lines.map { Self.strip(String($0)) } }

    private static func strip(_ line: String) -> String {
        var result = ""
        var isInString = false
        var isEscaped = false
        var previous: Character = " "
        for character in line {
            if isInString {
                if character == "\"" && !isEscaped { isInString = false }
                isEscaped = character == "\\" && !isEscaped
                continue
            }
            if character == "/" && previous == "/" { return String(result.dropLast()) }
            if character == "\"" { isInString = true }
            result.append(character)
            previous = character
        }
        return result
    }
}

/// The project's tracked text files, and those that are about to be.
enum Project {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()

    static let files: [ProjectFile] = paths()
        .filter { !$0.hasPrefix("Tests/FuzzTesting/corpus/") }
        .compactMap { path in
            guard let data = try? Data(contentsOf: root.appending(path: path)) else { return nil }
            guard let text = String(data: data, encoding: .utf8) else { return nil }
            return ProjectFile(path: path, text: text)
        }

    static let code = files.filter(\.isCode)
    static let engine = files.filter { $0.isEngine && $0.suffix == "swift" }
    static let documents = files.filter { $0.suffix == "md" }

    private static func paths() -> [String] {
        let listed = git(["ls-files", "--cached", "--others", "--exclude-standard"])
        if !listed.isEmpty { return listed }
        let all = FileManager.default.enumerator(atPath: root.path)
        return (all?.compactMap { $0 as? String } ?? []).filter {
            !$0.hasPrefix(".build") && !$0.hasPrefix(".git/")
        }
    }

    private static func git(_ arguments: [String]) -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "-C", root.path] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return [] }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// Reports a rule's violation at a place in a file.
private func report(_ file: ProjectFile, line index: Int, _ sentence: String) {
    Issue.record("\(file.path):\(index + 1): \(sentence)")
}

@Suite("Tidy") struct TidyTests {
    @Test("The project's files are found") func filesAreFound() {
        #expect(Project.engine.count > 20)
        #expect(Project.files.contains { $0.path == "Package.swift" })
    }

    @Test("A source file has at most 600 lines") func fileLength() {
        for file in Project.code where file.lines.count - 1 > 600 {
            report(file, line: 600, "the file has \(file.lines.count - 1) lines")
        }
    }

    @Test("A line has at most 100 columns") func columns() {
        for file in Project.code {
            for (index, line) in file.lines.enumerated() where line.count > 100 {
                // An address can't be broken; nothing else is exempt.
                if line.contains("https://") { continue }
                report(file, line: index, "\(line.count) columns")
            }
        }
    }

    @Test("A function has at most 70 lines") func functionLength() {
        var count = 0
        for file in Project.code {
            for function in functions(of: file) {
                count += 1
                guard function.length > 70 else { continue }
                report(file, line: function.index, "the function has \(function.length) lines")
            }
        }
        #expect(count > 300, "functions are no longer recognised")
    }

    @Test("A source file opens with a comment on what it holds") func opening() {
        for file in Project.code where file.path != "Package.swift" {
            if !file.text.hasPrefix("// ") { report(file, line: 0, "no opening comment") }
        }
    }

    @Test("No control characters, no tabs, no trailing blanks") func characters() {
        for file in Project.files where file.path != "LICENSE" {
            let mayHaveTabs = file.path == "Makefile" || file.suffix == "sh"
            for (index, line) in file.lines.enumerated() {
                let isClean = line.unicodeScalars.allSatisfy {
                    !isControl($0) || ($0 == "\t" && mayHaveTabs)
                }
                if !isClean { report(file, line: index, "a control character") }
                if line.last == " " { report(file, line: index, "a trailing blank") }
            }
            let isEnded = file.text.isEmpty || file.text.hasSuffix("\n")
            if !isEnded { report(file, line: file.lines.count - 1, "no newline at the end") }
        }
    }

    /// C0, DEL and C1, and what turns the direction of text around.
    private func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    @Test("No marks of unfinished work, no unchecked builds") func unfinished() {
        // Put together here, so that this file doesn't hold them.
        let banned = [
            "TO" + "DO", "FIX" + "ME", "XX" + "X", "unimple" + "mented", "-Oun" + "checked",
        ]
        for file in Project.files {
            for (index, line) in file.lines.enumerated() {
                for word in banned where line.contains(word) {
                    report(file, line: index, "holds \(word)")
                }
            }
        }
    }

    @Test("A document has one title") func title() {
        for file in Project.documents {
            var isFenced = false
            var titles = 0
            for line in file.lines {
                if line.hasPrefix("```") { isFenced.toggle() }
                if !isFenced && line.hasPrefix("# ") { titles += 1 }
            }
            if titles != 1 { report(file, line: 0, "\(titles) titles") }
        }
    }

    @Test("The engine imports nothing but libc, CSupport and Synchronization")
    func engineImports() {
        let allowed = ["Glibc", "CSupport", "Synchronization"]
        for file in Project.engine {
            for (index, line) in file.code.enumerated() {
                let words = line.split(separator: " ")
                guard let place = words.firstIndex(of: "import"), place <= 1 else { continue }
                let module = String(words[words.count - 1])
                if !allowed.contains(module) { report(file, line: index, "imports \(module)") }
            }
        }
    }

    @Test("The engine prints nothing and throws typed errors only") func engineManners() {
        for file in Project.engine {
            for (index, line) in file.code.enumerated() {
                let words = line.split { !$0.isLetter && !$0.isNumber && !"(_".contains($0) }
                if words.contains(where: { $0.hasPrefix("print(") }) {
                    report(file, line: index, "prints")
                }
                // An untyped throw allocates its error.
                if words.contains("throws") { report(file, line: index, "throws without a type") }
            }
        }
    }
}

// MARK: - Layers

/// Which folders of the engine each folder may name, besides itself. CSupport is open to all.
private let layers: [String: Set<String>] = [
    "System": [],
    "Memory": ["System"],
    "Stats": ["System", "Memory"],
    "HTTP": ["System", "Memory"],
    "SSE": ["System", "Memory"],
    "Transport": ["System", "Memory", "Stats"],
    "Traces": ["System", "SSE"],
    "Requests": ["System", "Memory", "HTTP", "SSE", "Traces"],
    "Load": ["System", "Memory", "Stats", "HTTP", "SSE", "Transport", "Requests", "Traces"],
    "Mock": ["System", "Memory", "Stats", "HTTP", "SSE", "Transport"],
]

@Suite("Layers") struct LayerTests {
    @Test("Every folder of the engine is a known layer") func foldersAreKnown() {
        for file in Project.engine {
            #expect(file.engineFolder.map { layers.keys.contains($0) } == true, "\(file.path)")
        }
    }

    @Test("A folder names only types of the layers below it", arguments: layers.keys.sorted())
    func namesOnlyBelow(folder: String) throws {
        let allowed = try #require(layers[folder]).union([folder])
        let owners = declaredTypes()
        for file in Project.engine where file.engineFolder == folder {
            let named = Set(file.code.flatMap { words(of: $0) })
            for word in named.sorted() {
                guard let owner = owners[word], !allowed.contains(owner) else { continue }
                Issue.record("\(file.path) names \(word), which belongs to \(owner)")
            }
        }
    }

    /// The folder of each type that is declared at the top level and not private to its file.
    private func declaredTypes() -> [String: String] {
        let kinds: Set<Substring> = ["struct", "enum", "class", "protocol", "actor", "typealias"]
        var owners: [String: String] = [:]
        for file in Project.engine {
            for line in file.code where line.first?.isLetter == true {
                let words = words(of: line)
                guard words.first != "private", words.first != "fileprivate" else { continue }
                guard let place = words.firstIndex(where: { kinds.contains(Substring($0)) })
                else { continue }
                let isDeclaration = place <= 3 && place + 1 < words.count
                if isDeclaration { owners[words[place + 1]] = file.engineFolder }
            }
        }
        return owners
    }

    private func words(of line: String) -> [String] {
        line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
    }
}

// MARK: - Functions

private struct FoundFunction {
    /// Of its first line, from 0.
    let index: Int
    let length: Int
}

/// The functions with a body of their own, found by indentation: the formatter puts the closing
/// brace of a body under the first letter of its declaration.
private func functions(of file: ProjectFile) -> [FoundFunction] {
    let lines = file.code
    var found: [FoundFunction] = []
    for (index, line) in lines.enumerated() where declaresFunction(line, file) {
        let indent = String(line.prefix { $0 == " " })
        for end in index..<lines.count {
            if end == index && line.hasSuffix("}") { break }
            let isClosing = end > index && lines[end].hasPrefix(indent + "}")
            if isClosing {
                found.append(FoundFunction(index: index, length: end - index + 1))
                break
            }
            // Back at the declaration's own level without a brace: it has no body.
            let isDeeper = lines[end].hasPrefix(indent + " ") || lines[end].isEmpty
            let isContinued = [")", "where", "{", "->"].contains {
                lines[end].dropFirst(indent.count).hasPrefix($0)
            }
            if end > index && !isDeeper && !isContinued { break }
        }
    }
    return found
}

private func declaresFunction(_ line: String, _ file: ProjectFile) -> Bool {
    if file.suffix != "swift" {
        // In C a definition begins in the first column and ends its first line with the brace.
        return line.first?.isLetter == true && line.hasSuffix(") {")
    }
    let words = line.split { $0 == " " || $0 == "(" || $0 == "<" }
    return words.prefix(5).contains { ["func", "init", "deinit", "subscript"].contains($0) }
        && !line.contains("=")
}
