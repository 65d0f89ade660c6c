internal import Columns

// One loop a reduction and element type. Null elements are passed over.
extension JSONReduction {
  /// `items` nil: the lengths are the counts.
  static func count(_ items: UnsafeBufferPointer<ByteView>?, _ lists: JSONLists, into column: Column) {
    for row in 0..<lists.rows {
      var count = lists.isNull(row) ? 0 : lists.length(row)
      if let items {
        for element in lists.elements(row) where items[element].isNull { count &-= 1 }
      }
      column.int64s[row] = Int64(count)
      column.validity[row] = lists.isNull(row) ? 0 : 1
    }
  }

  static func sum(_ elements: Column, _ lists: JSONLists, into column: Column, _ refused: inout Refused) {
    switch elements.type {
    case .int:
      sumExactly(elements, elements.int64s, lists, limit: .max, into: column.int64s, column, &refused)
    case .decimal(let precision, _):
      var limit: Int128 = 1
      for _ in 0..<precision { limit *= 10 }
      sumExactly(elements, elements.int128s, lists, limit: limit - 1, into: column.int128s, column, &refused)
    case .double:
      sumDoubles(elements, lists, mean: false, into: column, &refused)
    case .string, .bool, .date, .timestamp:
      preconditionFailure("no sum: Reduce.accepts")
    }
  }

  static func mean(_ elements: Column, _ lists: JSONLists, into column: Column, _ refused: inout Refused) {
    sumDoubles(elements, lists, mean: true, into: column, &refused)
  }

  static func extreme(_ elements: Column, _ lists: JSONLists, greatest: Bool, into column: Column) {
    switch elements.type {
    case .int, .timestamp:
      extreme(elements, elements.int64s, lists, greatest, into: column.int64s, column)
    case .double: extreme(elements, elements.doubles, lists, greatest, into: column.doubles, column)
    case .bool: extreme(elements, elements.bytes, lists, greatest, into: column.bytes, column)
    case .date: extreme(elements, elements.int32s, lists, greatest, into: column.int32s, column)
    case .decimal: extreme(elements, elements.int128s, lists, greatest, into: column.int128s, column)
    case .string: extremeString(elements, lists, greatest, into: column)
    }
  }

  /// The first or last element.
  static func end(_ elements: Column, _ lists: JSONLists, last: Bool, into column: Column) {
    switch elements.type {
    case .int, .timestamp: end(elements, elements.int64s, lists, last, into: column.int64s, column)
    case .double: end(elements, elements.doubles, lists, last, into: column.doubles, column)
    case .bool: end(elements, elements.bytes, lists, last, into: column.bytes, column)
    case .date: end(elements, elements.int32s, lists, last, into: column.int32s, column)
    case .decimal: end(elements, elements.int128s, lists, last, into: column.int128s, column)
    case .string:
      column.arena = elements.arena
      end(elements, elements.views, lists, last, into: column.views, column)
      for row in 0..<lists.rows where column.validity[row] == 0 {
        column.views[row] = ByteView(start: 0, length: 0)
      }
    }
  }

  /// `limit`: the largest magnitude of a sum. Addition is checked on the way too: of decimals a sum is at most
  /// (2³² elements × 10³⁸), which 128 bits do not hold.
  private static func sumExactly<Value: FixedWidthInteger & SignedInteger>(
    _ elements: Column, _ values: UnsafeMutablePointer<Value>, _ lists: JSONLists, limit: Value,
    into sums: UnsafeMutablePointer<Value>, _ column: Column, _ refused: inout Refused
  ) {
    for row in 0..<lists.rows {
      var sum: Value = 0
      var any = false
      var overflows = false
      for element in lists.elements(row) where elements.validity[element] != 0 {
        let (next, overflow) = sum.addingReportingOverflow(values[element])
        sum = next
        any = true
        overflows = overflows || overflow
      }
      // (−2⁶³ is an int like others; of decimals the lower bound is the negative of the upper.)
      if overflows || sum > limit || (limit != .max && sum < -limit) { refused.note(row, .outOfRange) }
      sums[row] = sum
      column.validity[row] = any ? 1 : 0
    }
  }

  private static func sumDoubles(
    _ elements: Column, _ lists: JSONLists, mean: Bool, into column: Column, _ refused: inout Refused
  ) {
    for row in 0..<lists.rows {
      var sum = 0.0
      var count = 0
      for element in lists.elements(row) where elements.validity[element] != 0 {
        sum += elements.doubles[element]
        count &+= 1
      }
      if count > 0 && !sum.isFinite { refused.note(row, .outOfRange) }
      column.doubles[row] = mean && count > 0 ? sum / Double(count) : sum
      column.validity[row] = count > 0 ? 1 : 0
    }
  }

  private static func extreme<Value: Comparable>(
    _ elements: Column, _ values: UnsafeMutablePointer<Value>, _ lists: JSONLists, _ greatest: Bool,
    into results: UnsafeMutablePointer<Value>, _ column: Column
  ) {
    for row in 0..<lists.rows {
      var best = -1
      for element in lists.elements(row) where elements.validity[element] != 0 {
        if best < 0 || (greatest ? values[element] > values[best] : values[element] < values[best]) {
          best = element
        }
      }
      if best >= 0 { results[row] = values[best] }
      column.validity[row] = best >= 0 ? 1 : 0
    }
  }

  private static func extremeString(
    _ elements: Column, _ lists: JSONLists, _ greatest: Bool, into column: Column
  ) {
    column.arena = elements.arena
    let text = UnsafePointer(elements.arena.base)
    for row in 0..<lists.rows {
      var best = -1
      for element in lists.elements(row) where elements.validity[element] != 0 {
        if best < 0 {
          best = element
          continue
        }
        let order = compare(text, elements.views[element], elements.views[best])
        if greatest ? order > 0 : order < 0 { best = element }
      }
      // Of length 0 where there is none: a column is used again, and readers look at views before validity.
      column.views[row] = best >= 0 ? elements.views[best] : ByteView(start: 0, length: 0)
      column.validity[row] = best >= 0 ? 1 : 0
    }
  }

  /// Below, at or above 0, as the bytes of `a` come before, are or come behind those of `b`.
  private static func compare(_ text: UnsafePointer<UInt8>, _ a: ByteView, _ b: ByteView) -> Int {
    let aText = text + Int(a.start)
    let bText = text + Int(b.start)
    let common = min(a.length, b.length)
    for at in 0..<common where aText[at] != bText[at] { return Int(aText[at]) - Int(bText[at]) }
    return a.length - b.length
  }

  private static func end<Value>(
    _ elements: Column, _ values: UnsafeMutablePointer<Value>, _ lists: JSONLists, _ last: Bool,
    into results: UnsafeMutablePointer<Value>, _ column: Column
  ) {
    for row in 0..<lists.rows {
      var found = -1
      for element in lists.elements(row) where elements.validity[element] != 0 {
        found = element
        if !last { break }
      }
      if found >= 0 { results[row] = values[found] }
      column.validity[row] = found >= 0 ? 1 : 0
    }
  }
}
