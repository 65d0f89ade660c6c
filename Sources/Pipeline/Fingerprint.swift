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
    Fingerprint.forBlocks(of: table, split: split) { hashes in
      for hash in hashes { sum &+= hash.number }
    }
    rows &+= UInt64(table.count)
  }

  /// What each of the table's rows adds to the sum.
  public static func numbers(of table: Table, split: String) -> [UInt128] {
    var numbers: [UInt128] = []
    numbers.reserveCapacity(table.count)
    forBlocks(of: table, split: split) { hashes in
      for hash in hashes { numbers.append(hash.number) }
    }
    return numbers
  }

  private static func forBlocks(of table: Table, split: String, _ body: (UnsafeBufferPointer<RowHash>) -> Void) {
    // Pointers into the columns are taken below; the table outlives them all.
    defer { withExtendedLifetime(table) {} }
    let start = RowHash.start(split)
    withUnsafeTemporaryAllocation(of: RowHash.self, capacity: RowHash.blockRows) { block in
      guard let hashes = block.baseAddress else { return }
      var row = 0
      while row < table.count {
        let number = min(RowHash.blockRows, table.count - row)
        hashes.initialize(repeating: start, count: number)
        for column in table.columns { RowHash.add(column, from: row, number, to: hashes) }
        body(UnsafeBufferPointer(start: hashes, count: number))
        row += number
      }
    }
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

/// Two 64-bit lanes that take up a row's values one after the other.
private struct RowHash: BitwiseCopyable {
  var a: UInt64
  var b: UInt64

  /// Rows whose lanes stay in the nearest cache while columns pass over them.
  static let blockRows = 1024

  // The constants are digits of π, as in Blowfish's tables: nobody chose them.
  private static let seedA: UInt64 = 0x243f_6a88_85a3_08d3
  private static let seedB: UInt64 = 0x1319_8a2e_0370_7344
  private static let stepA: UInt64 = 0xa409_3822_299f_31d0
  private static let stepB: UInt64 = 0x082e_fa98_ec4e_6c89
  private static let factorB: UInt64 = 0x4528_21e6_38d0_1377
  /// Two words where a value has the same word twice, so that no value can look like null in both lanes.
  private static let nullA: UInt64 = 0xbe54_66cf_34e9_0c6c
  private static let nullB: UInt64 = 0xc0ac_29b7_c97c_50dd

  /// What a row of a split, and a schema, begin with.
  static func start(_ text: String) -> RowHash {
    // A byte more than the text, so that there is an address even if it is empty.
    let bytes = Array(text.utf8) + [0]
    return bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("the array has a byte at least") }
      return RowHash(
        a: Hashing.hash64(base, buffer.count - 1, seed: seedA),
        b: Hashing.hash64(base, buffer.count - 1, seed: seedB))
    }
  }

  var number: UInt128 { UInt128(b) &<< 64 | UInt128(a) }

  @inline(__always) mutating func step(_ word: UInt64) { step(word, word) }

  @inline(__always) mutating func step(_ wordA: UInt64, _ wordB: UInt64) {
    a = Hashing.mix(a ^ wordA) &+ RowHash.stepA
    b = Hashing.mix(b &+ wordB &* RowHash.factorB) &+ RowHash.stepB
  }

  @inline(__always) mutating func stepNull() { step(RowHash.nullA, RowHash.nullB) }

  /// Passes over one column's values.
  static func add(_ column: Column, from row: Int, _ number: Int, to hashes: UnsafeMutablePointer<RowHash>) {
    let validity = column.validity + row
    switch column.type {
    case .int, .timestamp:
      let values = column.int64s + row
      each(validity, number, hashes) { hash, i in hash.step(UInt64(bitPattern: values[i])) }
    case .date:
      let values = column.int32s + row
      each(validity, number, hashes) { hash, i in hash.step(UInt64(bitPattern: Int64(values[i]))) }
    case .bool:
      let values = column.bytes + row
      each(validity, number, hashes) { hash, i in hash.step(values[i] == 0 ? 0 : 1) }
    case .double:
      let values = column.doubles + row
      each(validity, number, hashes) { hash, i in hash.step(canonicalBits(values[i])) }
    case .decimal:
      let values = column.int128s + row
      each(validity, number, hashes) { hash, i in
        hash.step(UInt64(truncatingIfNeeded: values[i]))
        hash.step(UInt64(truncatingIfNeeded: values[i] &>> 64))
      }
    case .string:
      let views = column.views + row
      let text = column.arena.base
      each(validity, number, hashes) { hash, i in
        let (a, b) = words(UnsafeRawPointer(text + Int(views[i].start)), views[i].length)
        hash.step(a, b)
      }
    }
  }

  /// `Hashing.hash64` of a string with both seeds at once. The bytes lie in an arena, so a whole word may be read at their
  /// end and its rest masked, without a branch that depends on their number.
  @inline(__always)
  private static func words(_ bytes: UnsafeRawPointer, _ length: Int) -> (UInt64, UInt64) {
    let start = UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9_7f4a_7c15
    var (a, b) = (seedA ^ start, seedB ^ start)
    var i = 0
    while i < length {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      let rest = min(length &- i, 8)
      let kept = word & UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- 8 &* rest)
      a = Hashing.mix(a ^ kept) &* 0x9fb2_1c65_1e98_df25
      b = Hashing.mix(b ^ kept) &* 0x9fb2_1c65_1e98_df25
      i &+= 8
    }
    return (Hashing.mix(a), Hashing.mix(b))
  }

  @inline(__always)
  private static func each(
    _ validity: UnsafeMutablePointer<UInt8>, _ number: Int, _ hashes: UnsafeMutablePointer<RowHash>,
    _ step: (inout RowHash, Int) -> Void
  ) {
    for i in 0..<number {
      if validity[i] != 0 { step(&hashes[i], i) } else { hashes[i].stepNull() }
    }
  }

  /// One NaN, one zero: which of them a computation yields says nothing about the data.
  @inline(__always)
  private static func canonicalBits(_ value: Double) -> UInt64 {
    if value == 0 { return 0 }
    return value == value ? value.bitPattern : 0x7ff8_0000_0000_0000
  }
}
