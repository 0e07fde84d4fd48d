// The bond between a process and the one that started it. Knows neither.

import CSupport

/// Has this process end, as SIGTERM would end it, when the thread of `parent` that started it does.
///
/// Throws `ESRCH` when `parent` isn't this process's parent, or is no more.
public func endProcess(with parent: Int32) throws(Errno) {
    _ = try checked(csup_end_with(parent))
}
