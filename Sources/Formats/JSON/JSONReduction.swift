public import Columns
public import Definition

/// Makes one value a row of a list or count that a ``JSONScanner`` left: `{path: items[].amount, reduce: sum}`.
///
/// | reduce | value | without elements |
/// |---|---|---|
/// | `sum` | the sum, checked for overflow (`.outOfRange`); doubles are added from left to right | null |
/// | `mean` | the sum divided by the number | null |
/// | `min`, `max` | by value; strings by their bytes | null |
/// | `first`, `last` | in the document's order | null |
/// | `count` of `items[].x` | the number of elements | 0 |
/// | `count` of `items` (`type: count`) | the length of the array, nulls included | 0 |
///
/// Null elements do not count as elements. An absent or null array is null for every reduction, `count` too: it is not
/// known to be empty. The column's default then stands for null, as everywhere.
///
/// An element that cannot be read rejects its row, or with `on_error: set_null` makes the row's value null: leaving it
/// out of a sum would make a wrong number.
public struct JSONReduction: Sendable {
  let reduce: SourceColumn.Reduce
  /// The scanner counts: there are lengths but no items.
  let areCounts: Bool
  let elementCast: Cast
  let setNullOnError: Bool
  let fallback: Literal?

  /// `cast` is the one made for the column. Nil: the column is not reduced, or its reduction does not fit the path (no
  /// `[]`) or the type (``SourceColumn/Reduce/accepts(_:)``).
  public init?(column: SourceColumn, cast: Cast) {
    guard let reduce = column.reduce, reduce.accepts(cast.type) else { return nil }
    let extraction = JSONExtraction(column: column, columnIndex: 0)
    areCounts = extraction.shape == .count
    guard areCounts || extraction.path.hasElements else { return nil }
    self.reduce = reduce
    elementCast = cast.ofElements
    setNullOnError = cast.setNullOnError
    fallback = cast.fallback
  }

  /// Fills `column`, which is of the cast's type and has room for `block.rows`, from the list or count at `field`.
  ///
  /// As with a cast: what cannot be read is noted in the block's faults under `columnIndex`, or becomes null; gives the
  /// number of the latter, not counting rows that were at fault before. A string column shares the block's text.
  @discardableResult
  public func run(_ block: FieldBlock, field: Int, into column: Column, columnIndex: UInt16) -> Int {
    precondition(field >= 0 && field < block.width)
    precondition(column.type == elementCast.type && column.capacity >= block.rows)
    let lists = JSONLists(block, field: field, areCounts: areCounts)
    var refused = Refused()
    block.items.withUnsafeBufferPointer { items in
      let items = UnsafeBufferPointer(rebasing: items[lists.items])
      if reduce == .count {
        JSONReduction.count(areCounts ? nil : items, lists, into: column)
      } else {
        fold(items, lists, block.text, into: column, &refused)
      }
    }
    if let fallback { fill(column, rows: block.rows, with: fallback) }
    return refused.faults.isEmpty ? 0 : settle(refused, column, block.faults, columnIndex)
  }

  /// Rows without a value, and why. Rare.
  struct Refused {
    private(set) var faults: [Int: RowFault] = [:]

    /// Keeps the row's first fault.
    @inline(never) mutating func note(_ row: Int, _ fault: RowFault) {
      if faults[row] == nil { faults[row] = fault }
    }
  }

  private func fold(
    _ items: UnsafeBufferPointer<ByteView>, _ lists: JSONLists, _ text: ByteArena, into column: Column,
    _ refused: inout Refused
  ) {
    let elements = Column(type: column.type, capacity: items.count, arena: text, zeroed: false)
    if let fields = items.baseAddress, items.count > 0 {
      let faults = RowFaults(capacity: items.count)
      elementCast.run(
        text: text, textIsValidUTF8: true, fields: fields, stride: 1, rows: items.count, into: elements,
        faults: faults, columnIndex: 0)
      if faults.count > 0 { JSONReduction.refuse(faults, lists, &refused) }
    }
    switch reduce {
    case .sum: JSONReduction.sum(elements, lists, into: column, &refused)
    case .mean: JSONReduction.mean(elements, lists, into: column, &refused)
    case .min: JSONReduction.extreme(elements, lists, greatest: false, into: column)
    case .max: JSONReduction.extreme(elements, lists, greatest: true, into: column)
    case .first: JSONReduction.end(elements, lists, last: false, into: column)
    case .last: JSONReduction.end(elements, lists, last: true, into: column)
    case .count: break
    }
  }

  /// Carries the elements' faults over to their rows.
  @inline(never) private static func refuse(
    _ faults: RowFaults, _ lists: JSONLists, _ refused: inout Refused
  ) {
    for row in 0..<lists.rows {
      for element in lists.elements(row) where faults.codes[element] != 0 {
        refused.note(row, RowFault(rawValue: faults.codes[element]) ?? .wrongShape)
        break
      }
    }
  }

  private func settle(_ refused: Refused, _ column: Column, _ faults: RowFaults, _ columnIndex: UInt16) -> Int {
    var nulled = 0
    for (row, fault) in refused.faults {
      column.validity[row] = 0
      if !setNullOnError {
        faults.note(row: row, fault, column: columnIndex)
      } else if faults.codes[row] == 0 {
        nulled += 1
      }
    }
    return nulled
  }

  /// The column's default, where a row is null.
  private func fill(_ column: Column, rows: Int, with fallback: Literal) {
    switch fallback {
    case .string(let text):
      let view = column.arena.append(text)
      for row in 0..<rows where column.validity[row] == 0 { column.views[row] = view }
    case .int(let value), .timestamp(let value):
      for row in 0..<rows where column.validity[row] == 0 { column.int64s[row] = value }
    case .double(let value):
      for row in 0..<rows where column.validity[row] == 0 { column.doubles[row] = value }
    case .bool(let value):
      for row in 0..<rows where column.validity[row] == 0 { column.bytes[row] = value ? 1 : 0 }
    case .date(let value):
      for row in 0..<rows where column.validity[row] == 0 { column.int32s[row] = value }
    case .decimal(let value):
      for row in 0..<rows where column.validity[row] == 0 { column.int128s[row] = value }
    }
    column.validity.update(repeating: 1, count: rows)
  }
}
