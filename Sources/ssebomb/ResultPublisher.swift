// What becomes of a finished run: files first, for the report may wait for its reader, then
// standard output, then a job's summary. Nothing is lost: what standard output can't take goes to
// standard error. Must not know where the run came from.

import Glibc
import SSEBombCore
import SSEBombReport

/// Writes a finished run to wherever flags say.
struct ResultPublisher {
    /// What standard output gets.
    private enum Standard {
        case text
        case file
        case export(RunExport, flag: String)
    }

    private var files: [(flag: String, path: String, export: RunExport?)] = []
    private var standard = Standard.text
    private var delivery: OTLPDelivery?

    /// The file named by this variable shows what is appended to it, up to 1 MiB a step
    /// (GitHub Actions, "Adding a job summary").
    private static let summaryVariable = "GITHUB_STEP_SUMMARY"
    private static let largestSummary = 1 << 20
    private static var summaryPath: String? {
        FileInput.environment(summaryVariable).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Refuses outputs that couldn't be written at the end, two of them in one place, and more
    /// than one on standard output. A job's summary is an output.
    ///
    /// - Parameters:
    ///   - more: what else is wanted, by flag.
    ///   - inputs: files that were read: no output may take the place of one.
    ///   - others: files that somebody else writes, by flag.
    init(
        output: String?,
        format: OutputFormat,
        exports: ExportOptions,
        more: [(flag: String, path: String, export: RunExport)] = [],
        inputs: [String] = [],
        others: [(flag: String, path: String)] = []
    ) throws(SetupError) {
        switch format {
        case .text: break
        case .json: standard = .file
        case .markdown: standard = .export(.markdown, flag: "--format markdown")
        }
        delivery = try exports.otlp.map { (text) throws(SetupError) in
            try OTLPDelivery(parsing: text)
        }
        var wanted = (exports.wanted + more).map { ($0.flag, $0.path, Optional($0.export)) }
        if let output { wanted.insert(("-o", output, nil), at: 0) }
        var owners: [String: String] = [:]
        func claim(_ path: String, for flag: String) throws(SetupError) {
            let place = path == "-" ? path : AtomicFile.place(of: path) ?? path
            if let owner = owners[place] {
                throw SetupError(.usage, "\(owner) and \(flag) name the same file: use two")
            }
            owners[place] = flag
        }
        if let path = Self.summaryPath, let place = AtomicFile.place(of: path) {
            if let input = inputs.first(where: { FileInput.isSame(path, $0) }) {
                throw SetupError(
                    .usage,
                    "\(Self.summaryVariable) names \(FileInput.name(of: input)), which is read: "
                        + "unset it, or name another file there"
                )
            }
            owners[place] = Self.summaryVariable
        }
        for (flag, path) in others { try claim(path, for: flag) }
        for (flag, path, export) in wanted {
            try claim(path, for: flag)
            if let input = inputs.first(where: { FileInput.isSame(path, $0) }) {
                throw SetupError(
                    .usage,
                    "\(flag) \(path) would overwrite \(FileInput.name(of: input)), which is read: "
                        + "name another file"
                )
            }
            do throws(OutputError) { try AtomicFile.check(path, flag: flag) } catch {
                throw SetupError(.usage, error.sentence)
            }
            guard path == "-" else {
                files.append((flag, path, export))
                continue
            }
            let isAsked = export == nil && format == .json
            guard format == .text || isAsked else {
                throw SetupError(
                    .usage,
                    "\(flag) - and --format \(format.rawValue) both want standard output: name a "
                        + "file with \(flag)"
                )
            }
            standard = export.map { .export($0, flag: flag) } ?? .file
        }
    }

    /// Writes everything; false where something couldn't be.
    ///
    /// - Parameters:
    ///   - watch: may end what waits for others.
    ///   - isQuiet: whether only errors are told.
    ///   - others: finishes the files of somebody else, and says which couldn't be.
    func publish(
        _ run: FinishedRun,
        _ watch: SignalWatch? = nil,
        isQuiet: Bool = false,
        others: () -> [OutputError] = { [] }
    ) -> Bool {
        var complaints: [String] = []
        for (flag, path, export) in files {
            do throws(OutputError) {
                let bytes = if let export { try export.render(run) } else { try run.file.encoded() }
                try AtomicFile.write(bytes, to: path, flag: flag)
            } catch {
                complaints.append(error.sentence)
            }
        }
        complaints += others().map(\.sentence)
        if let complaint = printed(run) { complaints.append(complaint) }
        // Last: a collector may keep everybody waiting.
        if let complaint = delivery?.send(run, watch, isQuiet: isQuiet) {
            complaints.append(complaint)
        }
        for complaint in complaints { Terminal.message(complaint) }
        if let warning = summarized(run) { Terminal.message("warning: \(warning)") }
        return complaints.isEmpty
    }

    // MARK: Standard output

    /// Nil, or why standard output doesn't have it; standard error then has the text.
    private func printed(_ run: FinishedRun) -> String? {
        switch standard {
        case .text:
            let text = run.text(color: Terminal.canColor())
            guard case .failed(let cause) = Terminal.output(text) else { return nil }
            Terminal.error(text)
            return "can't write the report to standard output: \(cause.sentence); it stands above"
        case .file:
            return printed(run, flag: "-o") { () throws(OutputError) in try run.file.encoded() }
        case .export(let export, let flag):
            return printed(run, flag: flag) { () throws(OutputError) in try export.render(run) }
        }
    }

    private func printed(
        _ run: FinishedRun,
        flag: String,
        _ bytes: () throws(OutputError) -> [UInt8]
    ) -> String? {
        do throws(OutputError) {
            try AtomicFile.write(bytes(), to: "-", flag: flag)
            return nil
        } catch {
            guard !error.isBrokenPipe else { return nil }
            Terminal.error(run.text(color: false))
            return error.sentence
        }
    }

    // MARK: Job summary

    /// Appends the Markdown to a job's summary where there is one; nil, or why it couldn't.
    private func summarized(_ run: FinishedRun) -> String? {
        let variable = Self.summaryVariable
        guard let path = Self.summaryPath else { return nil }
        guard var bytes = try? RunExport.markdown.render(run) else { return nil }
        // A pipe without a reader would keep the process.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC
        let descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else {
            return "can't append to \(path) (\(variable)): \(Errno(code: errno).sentence)"
        }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else { return "can't append to \(path) (\(variable)): it isn't a file" }
        // A heading is one at the beginning of a line alone.
        if size > 0, Self.lastByte(of: path, size) != UInt8(ascii: "\n") {
            bytes.insert(UInt8(ascii: "\n"), at: 0)
        }
        guard Int(size) + bytes.count <= Self.largestSummary else {
            return "\(path) (\(variable)) would exceed 1 MiB, which is all that is shown: nothing "
                + "was appended"
        }
        // In one piece, so that what others append can't get between.
        let written = write(descriptor, bytes, bytes.count)
        guard written == bytes.count else {
            // What fitted was all that the disk had room for; half of a summary is none.
            let code = written < 0 ? errno : ENOSPC
            if written > 0, lseek(descriptor, 0, SEEK_END) == size + written {
                ftruncate(descriptor, size)
            }
            return "can't append to \(path) (\(variable)): \(Errno(code: code).sentence)"
        }
        return nil
    }

    /// nil where it can't be read.
    private static func lastByte(of path: String, _ size: Int) -> UInt8? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        return pread(descriptor, &byte, 1, size - 1) == 1 ? byte : nil
    }
}
