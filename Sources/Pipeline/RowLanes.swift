internal import CScan
internal import Columns

/// Two 64-bit lanes that take up a row's values one after the other (`docs/fingerprint.md`).
struct RowHash: BitwiseCopyable {
  var a: UInt64
  var b: UInt64

  // The constants are digits of π, as in Blowfish's tables: nobody chose them. CScan has them again.
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

  /// By a string: `Hashing.hash64` with both seeds at once. The bytes lie in an arena, so a whole word may be read at their
  /// end and its rest masked, without a branch that depends on their number.
  @inline(__always)
  mutating func step(_ bytes: UnsafeRawPointer, _ length: Int) {
    let start = UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9_7f4a_7c15
    var (a, b) = (RowHash.seedA ^ start, RowHash.seedB ^ start)
    var i = 0
    while i < length {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      let rest = min(length &- i, 8)
      let kept = word & UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- 8 &* rest)
      a = Hashing.mix(a ^ kept) &* 0x9fb2_1c65_1e98_df25
      b = Hashing.mix(b ^ kept) &* 0x9fb2_1c65_1e98_df25
      i &+= 8
    }
    step(Hashing.mix(a), Hashing.mix(b))
  }

  /// One NaN, one zero: which of them a computation yields says nothing about the data.
  @inline(__always)
  mutating func step(_ value: Double) {
    if value == 0 { return step(0 as UInt64) }
    step(value == value ? value.bitPattern : 0x7ff8_0000_0000_0000)
  }
}

/// The ``RowHash``es of a block of rows, each lane by itself, so that several rows take a step at once.
///
/// Borrows its memory.
struct RowLanes {
  private let a: UnsafeMutablePointer<UInt64>
  private let b: UnsafeMutablePointer<UInt64>
  private let isWide: Bool

  /// Whether several rows may take a step at once on this processor.
  static let isWide = cscan_is_wide() != 0
  /// Rows whose lanes stay in the nearest cache while columns pass over them.
  static let blockRows = 1024
  /// Strings that take their steps one by one where one was too long for several at a time.
  private static let stringsBetween = 64

  @inline(__always)
  func number(_ row: Int) -> UInt128 { UInt128(b[row]) &<< 64 | UInt128(a[row]) }

  /// Calls `body` with the finished lanes of the table's rows in order, and how many they are.
  static func forBlocks(of table: Table, split: String, isWide: Bool = isWide, _ body: (RowLanes, Int) -> Void) {
    forBlocks(of: table, 0..<table.count, from: RowHash.start(split), isWide: isWide, body)
  }

  /// Of some of the rows; `start` is ``RowHash/start(_:)`` of their split.
  static func forBlocks(
    of table: Table, _ rows: Range<Int>, from start: RowHash, isWide: Bool = isWide, _ body: (RowLanes, Int) -> Void
  ) {
    // Pointers into the columns are taken below; the table outlives them all.
    defer { withExtendedLifetime(table) {} }
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * blockRows) { memory in
      guard let base = memory.baseAddress else { return }
      let lanes = RowLanes(a: base, b: base + blockRows, isWide: isWide)
      var row = rows.lowerBound
      while row < rows.upperBound {
        let number = min(blockRows, rows.upperBound - row)
        lanes.a.initialize(repeating: start.a, count: number)
        lanes.b.initialize(repeating: start.b, count: number)
        for column in table.columns { lanes.step(column, from: row, number) }
        body(lanes, number)
        row += number
      }
    }
  }

  /// Passes over one column's values.
  private func step(_ column: Column, from row: Int, _ number: Int) {
    let validity = UnsafePointer(column.validity + row)
    switch column.type {
    case .int, .timestamp:
      let values = column.int64s + row
      let done = isWide ? cscan_step_int64s(values, validity, number, a, b) : 0
      each(done..<number, validity) { hash, i in hash.step(UInt64(bitPattern: values[i])) }
    case .date:
      let values = column.int32s + row
      let done = isWide ? cscan_step_int32s(values, validity, number, a, b) : 0
      each(done..<number, validity) { hash, i in hash.step(UInt64(bitPattern: Int64(values[i]))) }
    case .bool:
      let values = column.bytes + row
      let done = isWide ? cscan_step_bools(values, validity, number, a, b) : 0
      each(done..<number, validity) { hash, i in hash.step(values[i] == 0 ? 0 : 1 as UInt64) }
    case .double:
      let values = column.doubles + row
      let done = isWide ? cscan_step_doubles(values, validity, number, a, b) : 0
      each(done..<number, validity) { hash, i in hash.step(values[i]) }
    case .decimal:
      let values = column.int128s + row
      each(0..<number, validity) { hash, i in
        hash.step(UInt64(truncatingIfNeeded: values[i]))
        hash.step(UInt64(truncatingIfNeeded: values[i] &>> 64))
      }
    case .string: stepStrings(column.views + row, validity, number, column.arena.base)
    }
  }

  private func stepStrings(
    _ views: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>, _ number: Int, _ text: UnsafePointer<UInt8>
  ) {
    var row = 0
    while row < number {
      if isWide {
        // A view as C sees it: the same two words (and both are trivial types).
        let rest = UnsafeRawPointer(views + row).assumingMemoryBound(to: cscan_view.self)
        row &+= cscan_step_strings(text, rest, validity + row, number &- row, a + row, b + row)
      }
      let end = isWide ? min(row &+ RowLanes.stringsBetween, number) : number
      each(row..<end, validity) { hash, i in
        hash.step(UnsafeRawPointer(text + Int(views[i].start)), views[i].length)
      }
      row = end
    }
  }

  @inline(__always)
  private func each(
    _ rows: Range<Int>, _ validity: UnsafePointer<UInt8>, _ step: (inout RowHash, Int) -> Void
  ) {
    for i in rows {
      var hash = RowHash(a: a[i], b: b[i])
      if validity[i] != 0 { step(&hash, i) } else { hash.stepNull() }
      (a[i], b[i]) = (hash.a, hash.b)
    }
  }
}
