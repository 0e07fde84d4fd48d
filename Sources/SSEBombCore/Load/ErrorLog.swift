// One example of each kind of failure: what was said about it and the first 2 KiB of a body. Cold:
// touched once per failed request.

/// Failures of one loop by kind and status.
final class ErrorLog {
    /// Bytes kept of one error body.
    static let sampleBytes = 2_048
    /// Kinds times statuses that a hostile server could make up; what exceeds it is not kept apart.
    static let mostEntries = 64

    struct Entry {
        let kind: StreamFailure
        let status: UInt16
        var count: UInt64
        let first: Instant
        /// Number of the request that failed first.
        let request: UInt64
        var detail: String
        var sample: [UInt8] = []
        var retryAfterSeconds: Int32?
    }

    private(set) var entries: [Entry] = []

    /// Counts a failure; the first of its kind and status is described by `detail`, and by what it
    /// said of a time to wait.
    ///
    /// - Returns: index of the entry if it is new, and so wants a sample; else nil.
    func record(
        _ kind: StreamFailure,
        status: UInt16,
        at instant: Instant,
        of request: UInt64,
        retryAfterSeconds: Int32? = nil,
        detail: () -> String
    ) -> Int? {
        if let index = entries.firstIndex(where: { $0.kind == kind && $0.status == status }) {
            entries[index].count += 1
            return nil
        }
        guard entries.count < Self.mostEntries else { return nil }
        entries.append(
            Entry(
                kind: kind,
                status: status,
                count: 1,
                first: instant,
                request: request,
                detail: detail(),
                retryAfterSeconds: retryAfterSeconds
            )
        )
        return entries.count - 1
    }

    /// Adds body bytes to an entry, up to 2 KiB in all.
    func append(_ bytes: UnsafeRawBufferPointer, to index: Int) {
        let room = Self.sampleBytes - entries[index].sample.count
        entries[index].sample.append(contentsOf: bytes.prefix(max(0, room)))
    }
}
