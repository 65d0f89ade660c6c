internal import Columns

extension RowBatch {
  /// A copy with only the rows of inputs that are kept; the batch itself if that is all of them.
  public func filtered(keepingInputs isKept: (Int) -> Bool) -> RowBatch {
    var kept: [Int] = []
    for row in 0..<count where isKept(origins[row].input) { kept.append(row) }
    if kept.count == count { return self }
    let copy = RowBatch(
      shard: shard, types: columns.map(\.type), capacity: max(kept.count, 1), arenaBytes: arena.count)
    for row in kept { copy.append(row, of: self) }
    return copy
  }

  /// Appends one row of a batch with the same columns; for cold paths. There must be room.
  func append(_ row: Int, of other: RowBatch, inputOffset: Int = 0) {
    let at = count
    precondition(at < capacity)
    keys[at] = copy(other.keys[row], of: other.arena)
    hashes[at] = other.hashes[row]
    origins[at] = RowOrigin(packed: other.origins[row].packed &+ UInt64(inputOffset) &<< 40)
    times[at] = other.times[row]
    for (from, to) in zip(other.columns, columns) {
      to.validity[at] = from.validity[row]
      if from.type == .string {
        to.views[at] = copy(from.views[row], of: other.arena)
      } else {
        let stride = from.type.stride
        (to.values + at * stride).copyMemory(from: from.values + row * stride, byteCount: stride)
      }
    }
    count = at + 1
  }

  private func copy(_ view: ByteView, of other: ByteArena) -> ByteView {
    let start = arena.append(other.base + Int(view.start), view.length)
    return ByteView(start: start, length: UInt32(truncatingIfNeeded: view.length))
  }
}
