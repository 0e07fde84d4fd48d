// The request log: every request with all its stamps, one JSON object a line. The members stand in
// docs/FORMATS.md.

public import SSEBombCore

/// The file of `--per-request` while a run goes on.
public final class RequestLogFile {
    private let file: LineFile
    private let hasClasses: Bool
    private let redaction: Redaction
    private let echoes: EchoSearch
    private var lines: RequestLineWriter
    private var row = RequestRow()
    /// Places of the finish reasons that were seen: there are few.
    private var reasons: [ShortName: Int] = [:]
    private let archive: RequestArchive?

    /// A server may invent one a request.
    private static let mostReasons = 64

    /// Opens the file aside, under the name that `aside` gives.
    ///
    /// - Parameters:
    ///   - classes: the names of the run's classes of load; one that is empty for the only one.
    ///   - redaction: what is taken out of the server's texts.
    ///   - echoes: finds those that stand in the requests' files.
    ///   - isStored: the requests are also kept for the result file.
    public init(
        path: String,
        classes: [String],
        redaction: Redaction,
        echoes: EchoSearch,
        isStored: Bool
    ) throws(OutputError) {
        file = try LineFile(path: path, flag: "--per-request")
        hasClasses = classes.count > 1
        let names = RequestNames(classes: hasClasses ? classes : [])
        lines = RequestLineWriter(names)
        self.redaction = redaction
        self.echoes = echoes
        archive = isStored ? RequestArchive(names) : nil
    }

    /// The name that the file has until `finish`; nil for devices and pipes.
    public var aside: String? { file.aside }

    /// What goes into the result file; nil where nothing does.
    var stored: StoredRequests? { archive?.stored }

    /// Adds a line for each request. A failure is kept for `finish`: a run goes on without its log.
    public func append(_ requests: UnsafeBufferPointer<RequestRecord>, from start: RunStart) {
        for request in requests {
            file.add { line(request, start, &$0) }
            archive?.append(row, startedAt: start.wall)
        }
    }

    /// Writes the rest and gives the file its name; throws what went wrong at any time.
    public func finish() throws(OutputError) { try file.finish() }

    /// Appends a request's line, with its line end.
    func line(_ request: RequestRecord, _ start: RunStart, _ bytes: inout [UInt8]) {
        row.fill(
            request,
            from: start.at,
            reason: place(of: request.finishReason),
            hasClasses: hasClasses
        )
        lines.write(row, startedAt: start.wall, to: &bytes)
    }

    /// Of reasons beyond those that are remembered each has the last place in its turn.
    private func place(of reason: ShortName) -> Int? {
        guard !reason.isEmpty else { return nil }
        if let known = reasons[reason] { return known }
        let place = reasons.count
        // Files are not gone through for each of more reasons than are remembered.
        let isEchoed =
            place < Self.mostReasons
            ? !echoes.echoed([reason.text]).isEmpty : echoes.mayHide(reason.text)
        let text = isEchoed ? EchoSearch.mask : redaction.apply(to: reason.text)
        lines.setReason(text, at: place)
        if place < Self.mostReasons {
            reasons[reason] = place
            archive?.add(reason: text)
        }
        return place
    }
}
