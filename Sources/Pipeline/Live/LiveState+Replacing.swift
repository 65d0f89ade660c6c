internal import Columns

/// A state made anew from what is left, in the place of one whose rows have gone in part: accumulators take rows in, but
/// never out.
extension LiveState {
  /// Takes over what was given out of `old`. Touched are the keys whose rows differ, as of now, between the two, and those
  /// that were touched in the old one; keys that were out and are no rows any more count as removed.
  ///
  /// All batches that are live have been applied to this state. The old one is used up.
  public func replace(_ old: LiveState, asOf: Int64, tables: [InputTable], oldTables: [InputTable]) {
    old.advance(to: max(asOf, self.asOf), tables: oldTables)
    advance(to: old.asOf, tables: tables)
    // Applying has touched all keys.
    forgetTouched()
    let keys = old.state.keys
    for number in 0..<keys.count where number < old.marks.count && !old.marks[number].isEmpty {
      let own = counterpart(of: number, in: keys, among: state.keys)
      if old.marks[number].contains(.isOut) { noteOut(own) }
      if old.marks[number].contains(.touched) { touch(own) }
    }
    var from = 0
    while from < state.keyCount {
      let to = min(from + LiveState.keysMax, state.keyCount)
      compare(from..<to, old, tables, oldTables)
      from = to
    }
  }

  /// Touches those of our keys whose rows are others in `old`.
  private func compare(_ numbers: Range<Int>, _ old: LiveState, _ tables: [InputTable], _ oldTables: [InputTable]) {
    var own: [UInt32] = []
    var theirs: [UInt32] = []
    for key in numbers {
      let key = UInt32(truncatingIfNeeded: key)
      // One that it does not know gets a number there, without rows.
      let their = counterpart(of: Int(key), in: state.keys, among: old.state.keys)
      switch (state.isRow(key), old.state.isRow(their)) {
      case (true, true):
        own.append(key)
        theirs.append(their)
      case (false, false): break
      default: touch(key)
      }
    }
    guard let new = try? table(of: own, tables), let before = try? old.table(of: theirs, oldTables) else {
      // A sum that does not fit, maybe of the old rows only: whoever asks for the rows is told.
      for key in own { touch(key) }
      return
    }
    for (column, other) in zip(new.columns, before.columns) {
      for row in 0..<new.count where !column.hasSame(as: other, row) { touch(own[row]) }
    }
  }

  /// A key's number in another table.
  private func counterpart(of key: Int, in table: KeyTable, among other: KeyTable) -> UInt32 {
    let view = table.views[key]
    return other.number(of: UnsafePointer(table.arena.base) + Int(view.start), view.length)
  }
}

extension Column {
  /// Whether a column of the same type holds the same in a row, bit by bit; of nulls, all are the same.
  fileprivate func hasSame(as other: Column, _ row: Int) -> Bool {
    guard validity[row] == other.validity[row] else { return false }
    if validity[row] == 0 { return true }
    switch type {
    case .string:
      let (a, b) = (views[row], other.views[row])
      return a.length == b.length
        && equalBytes(arena.base + Int(a.start), other.arena.base + Int(b.start), a.length)
    case .int, .timestamp, .double: return int64s[row] == other.int64s[row]
    case .date: return int32s[row] == other.int32s[row]
    case .bool: return bytes[row] == other.bytes[row]
    case .decimal: return int128s[row] == other.int128s[row]
    }
  }
}
