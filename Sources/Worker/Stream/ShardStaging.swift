internal import Pipeline
internal import Platform

/// One shard's row batches that wait for their ledger entry, as they came off the wire or were sent.
///
/// A cache: what is dropped here (for want of memory) or never came (the shard began behind it) is read again from the
/// receipt's range. So abandoned attempts need no bookkeeping; the oldest go first.
///
/// A message that was fetched is a piece of what came with it, all of which it keeps in memory. Most are wanted together,
/// and soon; one that still waits when many others have come is copied out.
struct ShardStaging {
  private struct Staged {
    /// By number; repeated deliveries of a number are the same batch.
    var frames: [Int: ArraySlice<UInt8>] = [:]
    var bytes = 0
    var lastOffset: Int64
    /// How much had come when the last of them came.
    var lastTotal = 0
    var isCopied = false
  }

  private var attempts: [AttemptID: Staged] = [:]
  private(set) var bytes = 0
  let bytesMax: Int
  /// Bytes of all messages that ever came, and when those that wait were last looked at.
  private var total = 0
  private var lookedAt = 0

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// Takes a message in. What is no row batch is passed over: if an entry counts on it, the receipt will say so.
  /// `isAlone`: it keeps nothing else in memory.
  mutating func add(_ frame: ArraySlice<UInt8>, offset: Int64, isAlone: Bool = false) {
    guard let header = frame.withRawBytes({ try? RowFrame($0) }) else { return }
    var staged = attempts[header.attempt] ?? Staged(lastOffset: offset)
    attempts[header.attempt] = nil
    // Of a batch and of where it lies, the batch is kept.
    let held = staged.frames[header.number]
    if held == nil || !header.isReference || isReference(held) {
      staged.frames[header.number] = frame
      staged.bytes += frame.count - (held?.count ?? 0)
      bytes += frame.count - (held?.count ?? 0)
    }
    staged.lastOffset = max(staged.lastOffset, offset)
    total += frame.count
    staged.lastTotal = total
    staged.isCopied = isAlone && (staged.isCopied || staged.frames.count == 1)
    attempts[header.attempt] = staged
    if bytes > bytesMax { dropOldest() }
    if total - lookedAt > bytesMax / 2 { copyOld() }
  }

  /// Whether all that is known of a message's batch is where it lies.
  func lacksBatch(of frame: ArraySlice<UInt8>) -> Bool {
    guard let header = frame.withRawBytes({ try? RowFrame($0) }) else { return false }
    return isReference(attempts[header.attempt]?.frames[header.number])
  }

  private func isReference(_ frame: ArraySlice<UInt8>?) -> Bool {
    frame?.withRawBytes { (try? RowFrame($0))?.isReference } == true
  }

  /// Copies what has waited while as much came as may wait.
  private mutating func copyOld() {
    lookedAt = total
    for (attempt, staged) in attempts where !staged.isCopied && total - staged.lastTotal > bytesMax / 2 {
      attempts[attempt]?.frames = staged.frames.mapValues { ArraySlice(Array($0)) }
      attempts[attempt]?.isCopied = true
    }
  }

  /// Whether all of an attempt's batches are here that lie before an offset where they are said to end: none is missing among
  /// their numbers, and the last one is there.
  func isWhole(_ attempt: AttemptID, end: Int64) -> Bool {
    guard let staged = attempts[attempt], staged.lastOffset + 1 >= end else { return false }
    return (0..<staged.frames.count).allSatisfy { staged.frames[$0] != nil }
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
