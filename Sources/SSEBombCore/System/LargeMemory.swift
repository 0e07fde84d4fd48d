// How the allocator comes by large pieces of memory. Knows nothing of who asks for them.

import CSupport

/// Has pieces of `bytes` or more come from the kernel alone and go back when they are freed.
///
/// A run makes snapshots of some ten kilobytes every second, each a little larger than the one
/// before: from the heap they would leave holes, and memory would grow with time.
public func mapMemory(from bytes: Int) { csup_map_from(bytes) }
