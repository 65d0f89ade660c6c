internal import Columns
internal import Definition

/// A `where` condition bound to a batch's columns, evaluated a column at a time in SQL's three-valued logic.
///
/// Truth is a byte a row: 0 false, 1 true, 2 unknown.
indirect enum PredicateProgram: Sendable {
  case compareInt(column: Int, type: ColumnType, Predicate.Comparison, Int64)
  case compareDouble(column: Int, Predicate.Comparison, Double)
  case compareDecimal(column: Int, Predicate.Comparison, Int128)
  case compareString(column: Int, Predicate.Comparison, [UInt8])
  case isIn(column: Int, ConstantSet)
  case isNull(column: Int)
  case and(PredicateProgram, PredicateProgram)
  case or(PredicateProgram, PredicateProgram)
  case not(PredicateProgram)

  init(_ predicate: Predicate, positions: [String: Int], types: [ColumnType]) throws(PlanError) {
    func position(_ name: String) throws(PlanError) -> Int {
      guard let at = positions[name] else { throw PlanError(message: "where: no column '\(name)'") }
      return at
    }
    func compare(_ name: String, _ comparison: Predicate.Comparison, _ literal: Literal) throws(PlanError)
      -> PredicateProgram
    {
      let column = try position(name)
      let type = types[column]
      switch literal {
      case .string(let text): return .compareString(column: column, comparison, Array(text.utf8))
      case .int(let value), .timestamp(let value):
        return .compareInt(column: column, type: type, comparison, value)
      case .date(let value): return .compareInt(column: column, type: type, comparison, Int64(value))
      case .bool(let value): return .compareInt(column: column, type: type, comparison, value ? 1 : 0)
      case .double(let value): return .compareDouble(column: column, comparison, value)
      case .decimal(let value): return .compareDecimal(column: column, comparison, value)
      }
    }
    switch predicate {
    case .compare(let name, let comparison, let literal): self = try compare(name, comparison, literal)
    case .isIn(let name, let literals):
      guard let first = literals.first else { throw PlanError(message: "where: an empty 'in' list") }
      if literals.count > ConstantSet.shortMax {
        self = .isIn(column: try position(name), ConstantSet(literals))
        return
      }
      var program = try compare(name, .equal, first)
      for literal in literals.dropFirst() { program = .or(program, try compare(name, .equal, literal)) }
      self = program
    case .isNull(let name): self = .isNull(column: try position(name))
    case .and(let a, let b):
      self = .and(
        try PredicateProgram(a, positions: positions, types: types),
        try PredicateProgram(b, positions: positions, types: types))
    case .or(let a, let b):
      self = .or(
        try PredicateProgram(a, positions: positions, types: types),
        try PredicateProgram(b, positions: positions, types: types))
    case .not(let a): self = .not(try PredicateProgram(a, positions: positions, types: types))
    }
  }

  /// Writes each row's truth.
  func evaluate(_ columns: [Column], _ rows: Int, into truth: UnsafeMutablePointer<UInt8>) {
    switch self {
    case .compareInt(let index, let type, let comparison, let value):
      let column = columns[index]
      switch type {
      case .date: compareLoop(column.int32s, Int32(truncatingIfNeeded: value), comparison, rows, truth)
      case .bool: compareLoop(column.bytes, UInt8(truncatingIfNeeded: value), comparison, rows, truth)
      default: compareLoop(column.int64s, value, comparison, rows, truth)
      }
      markUnknown(column, rows, truth)
    case .compareDouble(let index, let comparison, let value):
      let column = columns[index]
      compareLoop(column.doubles, value, comparison, rows, truth)
      markUnknown(column, rows, truth)
    case .compareDecimal(let index, let comparison, let value):
      let column = columns[index]
      compareLoop(column.int128s, value, comparison, rows, truth)
      markUnknown(column, rows, truth)
    case .compareString(let index, let comparison, let value):
      let column = columns[index]
      compareStrings(column, value, comparison, rows, truth)
      markUnknown(column, rows, truth)
    case .isIn(let index, let constants):
      let column = columns[index]
      constants.evaluate(column, rows, into: truth)
      markUnknown(column, rows, truth)
    case .isNull(let index):
      let validity = columns[index].validity
      for row in 0..<rows { truth[row] = validity[row] ^ 1 }
    case .and(let a, let b):
      a.evaluate(columns, rows, into: truth)
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(rows, 1)) { other in
        guard let other = other.baseAddress else { return }
        b.evaluate(columns, rows, into: other)
        for row in 0..<rows {
          let (x, y) = (truth[row], other[row])
          truth[row] = x == 0 || y == 0 ? 0 : (x | y) >> 1 == 1 ? 2 : 1
        }
      }
    case .or(let a, let b):
      a.evaluate(columns, rows, into: truth)
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(rows, 1)) { other in
        guard let other = other.baseAddress else { return }
        b.evaluate(columns, rows, into: other)
        for row in 0..<rows {
          let (x, y) = (truth[row], other[row])
          truth[row] = x == 1 || y == 1 ? 1 : (x | y) >> 1 == 1 ? 2 : 0
        }
      }
    case .not(let a):
      a.evaluate(columns, rows, into: truth)
      for row in 0..<rows where truth[row] < 2 { truth[row] ^= 1 }
    }
  }

  private func markUnknown(_ column: Column, _ rows: Int, _ truth: UnsafeMutablePointer<UInt8>) {
    let validity = column.validity
    for row in 0..<rows { truth[row] = validity[row] == 0 ? 2 : truth[row] }
  }
}

/// Specialised by the compiler for each element type; the comparison is chosen outside of the loop.
@inline(__always)
private func compareLoop<T: Comparable>(
  _ values: UnsafeMutablePointer<T>, _ constant: T, _ comparison: Predicate.Comparison, _ rows: Int,
  _ truth: UnsafeMutablePointer<UInt8>
) {
  switch comparison {
  case .equal: for row in 0..<rows { truth[row] = values[row] == constant ? 1 : 0 }
  case .notEqual: for row in 0..<rows { truth[row] = values[row] != constant ? 1 : 0 }
  case .less: for row in 0..<rows { truth[row] = values[row] < constant ? 1 : 0 }
  case .lessOrEqual: for row in 0..<rows { truth[row] = values[row] <= constant ? 1 : 0 }
  case .greater: for row in 0..<rows { truth[row] = values[row] > constant ? 1 : 0 }
  case .greaterOrEqual: for row in 0..<rows { truth[row] = values[row] >= constant ? 1 : 0 }
  }
}

/// Strings compare as their bytes; a null's view may be anything within the arena (its truth is overwritten).
private func compareStrings(
  _ column: Column, _ constant: [UInt8], _ comparison: Predicate.Comparison, _ rows: Int,
  _ truth: UnsafeMutablePointer<UInt8>
) {
  let base = UnsafePointer(column.arena.base)
  constant.withUnsafeBufferPointer { buffer in
    let length = buffer.count
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length + 8) { padded in
      guard let other = padded.baseAddress else { return }
      other.initialize(repeating: 0, count: length + 8)
      for i in 0..<length { other[i] = buffer[i] }
      switch comparison {
      case .equal, .notEqual:
        let equal: UInt8 = comparison == .equal ? 1 : 0
        if length <= 8 {
          // Most constants are short category names: one masked word decides.
          let keep = length == 8 ? UInt64.max : (UInt64(1) &<< UInt64(length * 8)) &- 1
          let word =
            UInt64(littleEndian: UnsafeRawPointer(other).loadUnaligned(as: UInt64.self)) & keep
          for row in 0..<rows {
            let view = column.views[row]
            let found =
              UInt64(
                littleEndian: UnsafeRawPointer(base + Int(view.start)).loadUnaligned(as: UInt64.self))
              & keep
            truth[row] = (view.length == length && found == word ? 1 : 0) ^ (equal ^ 1)
          }
        } else {
          for row in 0..<rows {
            let view = column.views[row]
            let same = view.length == length && equalBytes(base + Int(view.start), other, length)
            truth[row] = (same ? 1 : 0) ^ (equal ^ 1)
          }
        }
      default:
        for row in 0..<rows {
          let view = column.views[row]
          let order = compareBytes(base + Int(view.start), view.length, other, length)
          let holds =
            switch comparison {
            case .less: order < 0
            case .lessOrEqual: order <= 0
            case .greater: order > 0
            default: order >= 0
            }
          truth[row] = holds ? 1 : 0
        }
      }
    }
  }
}
