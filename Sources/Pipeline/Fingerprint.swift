public import Columns

/// A hash of the multiset of a snapshot's rows: the same however the rows are ordered or cut into parts.
///
/// Each row becomes a 128-bit number, the numbers are added modulo 2¹²⁸, the schema comes in at the end. The algorithm is
/// written down in `docs/fingerprint.md` and once more, independently, in `Tests/system/fingerprint.py`. It finds
/// accidents, not forgers. A value; one thread at a time.
public struct Fingerprint: Sendable, Hashable {
  /// Rows added.
  public private(set) var rows: UInt64 = 0
  /// The sum of the rows' numbers.
  public private(set) var sum: UInt128 = 0

  public init() {}

  /// Of `rows` rows whose ``numbers(of:split:)`` add up to `sum`.
  public init(rows: UInt64, sum: UInt128) {
    self.rows = rows
    self.sum = sum
  }

  /// Reads what ``encode()`` wrote.
  public init(decoding bytes: [UInt8]) throws(StateError) {
    var state = try StateReader(bytes, .fingerprint)
    rows = try state.fixed()
    sum = try state.fixed()
    try state.end()
  }

  /// The fingerprint as 36 bytes, for another process to merge.
  public func encode() -> [UInt8] {
    var out = StateWriter(.fingerprint)
    out.put(fixed: rows)
    out.put(fixed: sum)
    return out.finish()
  }

  /// As ``init(decoding:)``, of the bytes in hexadecimal digits.
  public init(hexState text: String) throws(StateError) {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else {
      throw StateError("a fingerprint's state is not hexadecimal")
    }
    try self.init(
      decoding: stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
  }

  /// ``encode()`` in hexadecimal digits.
  public var hexState: String {
    encode().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Adds the table's rows, which stand in this split (`train`, `eval`): the same row in another split is another row.
  public mutating func add(table: Table, split: String) {
    RowLanes.forBlocks(of: table, split: split) { lanes, number in
      for row in 0..<number { sum &+= lanes.number(row) }
    }
    rows &+= UInt64(table.count)
  }

  /// Adds some of the table's rows; `start` is ``RowHash/start(_:)`` of their split.
  mutating func add(_ rows: Range<Int>, of table: Table, from start: RowHash) {
    RowLanes.forBlocks(of: table, rows, from: start) { lanes, number in
      for row in 0..<number { sum &+= lanes.number(row) }
    }
    self.rows &+= UInt64(rows.count)
  }

  /// What each of the table's rows adds to the sum.
  public static func numbers(of table: Table, split: String) -> [UInt128] {
    numbers(of: table, split: split, isWide: RowLanes.isWide)
  }

  /// `isWide`: several rows at a time, where this processor can.
  static func numbers(of table: Table, split: String, isWide: Bool) -> [UInt128] {
    var numbers: [UInt128] = []
    numbers.reserveCapacity(table.count)
    RowLanes.forBlocks(of: table, split: split, isWide: isWide) { lanes, number in
      for row in 0..<number { numbers.append(lanes.number(row)) }
    }
    return numbers
  }

  /// Adds what another fingerprint of the same schema has seen.
  public mutating func merge(_ other: Fingerprint) {
    rows &+= other.rows
    sum &+= other.sum
  }

  /// 32 hexadecimal digits: rows and schema, names and types in order.
  public func hex(fields: [Field]) -> String {
    let schema = fields.map { "\($0.name)\u{1f}\($0.type)\u{1e}" }.joined()
    var hash = RowHash.start(schema)
    hash.step(UInt64(truncatingIfNeeded: sum))
    hash.step(UInt64(truncatingIfNeeded: sum >> 64))
    hash.step(rows)
    let digits = String(hash.number, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
