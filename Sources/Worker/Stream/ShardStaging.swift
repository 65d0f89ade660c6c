internal import Pipeline
internal import Platform

/// One shard's row batches that wait for their ledger entry, as they came off the wire.
///
/// A cache: what is dropped here (for want of memory) or never came (the shard began behind it) is read again from the
/// receipt's range. So abandoned attempts need no bookkeeping; the oldest go first.
struct ShardStaging {
  private struct Staged {
    /// By number; repeated deliveries of a number are the same bytes.
    var frames: [Int: ArraySlice<UInt8>] = [:]
    var bytes = 0
    var lastOffset: Int64
  }

  private var attempts: [AttemptID: Staged] = [:]
  private(set) var bytes = 0
  let bytesMax: Int

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// Takes a message in. What is no row batch is passed over: if an entry counts on it, the receipt will say so.
  mutating func add(_ frame: ArraySlice<UInt8>, offset: Int64) {
    guard let header = frame.withRawBytes({ try? RowFrame($0) }) else { return }
    var staged = attempts[header.attempt] ?? Staged(lastOffset: offset)
    attempts[header.attempt] = nil
    let replaced = staged.frames.updateValue(frame, forKey: header.number)?.count ?? 0
    staged.bytes += frame.count - replaced
    bytes += frame.count - replaced
    staged.lastOffset = max(staged.lastOffset, offset)
    attempts[header.attempt] = staged
    if bytes > bytesMax { dropOldest() }
  }

  /// Takes out what there is of an attempt, in order of the batches' numbers.
  mutating func take(_ attempt: AttemptID) -> [ArraySlice<UInt8>] {
    guard let staged = attempts.removeValue(forKey: attempt) else { return [] }
    bytes -= staged.bytes
    return staged.frames.sorted { $0.key < $1.key }.map(\.value)
  }

  private mutating func dropOldest() {
    for (attempt, staged) in attempts.sorted(by: { $0.value.lastOffset < $1.value.lastOffset }) {
      if bytes <= bytesMax / 2 { break }
      attempts.removeValue(forKey: attempt)
      bytes -= staged.bytes
    }
  }
}
