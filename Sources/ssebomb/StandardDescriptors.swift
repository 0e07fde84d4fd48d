// What a process may find missing or deadly where its parent was careless, put right before
// anything is opened.

import Glibc

/// The three standard descriptors, and the signals of failed writes.
enum StandardDescriptors {
    /// Fills closed descriptors 0 to 2, so that no socket or eventfd lands on one of them and gets
    /// the report; and makes a write to a closed pipe, or beyond a file-size limit, an error.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        for number in 0...2 where fcntl(Int32(number), F_GETFD) < 0 {
            // Opened for reading: writes to it fail, and are reported, as they would have been.
            guard open("/dev/null", O_RDONLY) == number else { return }
        }
    }
}
