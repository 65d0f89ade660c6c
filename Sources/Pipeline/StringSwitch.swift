internal import CScan
internal import Columns

/// Which of several constants each string of a column is, decided for a row all at once.
///
/// Eight conditions `feature = 'a'`, `feature = 'b'`, … would read the column eight times; here each value is hashed once
/// into a table without collisions, where one entry is compared.
struct StringSwitch: Sendable {
  /// Longer constants are left to the general comparison.
  static let lengthMax = 16
  static let constantsMax = 64
  /// As many are compared one after the other, many rows at a time, where the processor can.
  private static let fewMax = 12

  private struct Entry: Sendable {
    var low: UInt64 = 0
    var high: UInt64 = 0
    /// 0: no constant; empty constants are left to the general comparison.
    var length: UInt32 = 0
    var code: UInt32 = 0
  }

  private let table: [Entry]
  private let factor: UInt64
  private let shift: UInt64
  /// The constants in order; of many, none.
  private let few: [cscan_constant]

  /// nil: one of them is too long or empty, there are too many, or two are the same.
  init?(_ constants: [[UInt8]]) {
    guard constants.count <= StringSwitch.constantsMax, Set(constants).count == constants.count,
      constants.allSatisfy({ !$0.isEmpty && $0.count <= StringSwitch.lengthMax })
    else { return nil }
    let entries = constants.enumerated().map { index, bytes in
      var padded = bytes + [UInt8](repeating: 0, count: StringSwitch.lengthMax - bytes.count)
      padded.append(contentsOf: [UInt8](repeating: 0, count: ByteArena.padding))
      let words = padded.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { StringSwitch.words($0, bytes.count) } ?? (0, 0)
      }
      return Entry(low: words.0, high: words.1, length: UInt32(bytes.count), code: UInt32(index + 1))
    }
    few =
      entries.count > StringSwitch.fewMax
      ? [] : entries.map { cscan_constant(first: $0.low, second: $0.high, length: UInt64($0.length)) }
    // 64 constants among 4,096 places: every other factor has no collision.
    for attempt in 0..<256 as Range<UInt64> {
      let factor = Hashing.mix(attempt &+ 1) | 1
      let bits: UInt64 = attempt < 64 ? 8 : 12
      var table = [Entry](repeating: Entry(), count: 1 << Int(bits))
      var collides = false
      for entry in entries {
        let at = StringSwitch.place(entry.low, entry.high, Int(entry.length), factor, 64 &- bits)
        if table[at].length != 0 { collides = true }
        table[at] = entry
      }
      if !collides {
        (self.table, self.factor, shift) = (table, factor, 64 &- bits)
        return
      }
    }
    return nil
  }

  /// Writes each row's code: 1 + the constant's index, 0 for none of them and for null.
  func evaluate(_ column: Column, _ rows: Int, into codes: UnsafeMutablePointer<UInt8>) {
    let bytes = UnsafePointer(column.arena.base)
    if !few.isEmpty {
      // A view is the same two words in C, and trivial types.
      let views = UnsafeRawPointer(column.views).assumingMemoryBound(to: cscan_view.self)
      if cscan_which(bytes, views, column.validity, rows, few, few.count, codes) == rows { return }
    }
    let (views, validity, factor, shift) = (column.views, column.validity, factor, shift)
    table.withUnsafeBufferPointer { table in
      for row in 0..<rows {
        let view = views[row]
        // A null's view may be anything.
        let length = validity[row] == 0 ? 0 : view.length
        if length == 0 || length > StringSwitch.lengthMax {
          codes[row] = 0
          continue
        }
        let (low, high) = StringSwitch.words(bytes + Int(view.start), length)
        let entry = table[StringSwitch.place(low, high, length, factor, shift)]
        let same = entry.low == low && entry.high == high && Int(entry.length) == length
        codes[row] = same ? UInt8(truncatingIfNeeded: entry.code) : 0
      }
    }
  }

  /// The 1…16 bytes as two words, zeros behind them; reads 16, within an arena's padding.
  @inline(__always)
  private static func words(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> (UInt64, UInt64) {
    let raw = UnsafeRawPointer(bytes)
    let bits = UInt64(truncatingIfNeeded: length &* 8)
    let low = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
    let high = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    // Shifts count modulo 64, so 64 − 8·length keeps a word's first bytes.
    let keep = UInt64.max &>> (0 &- bits)
    return length <= 8 ? (low & keep, 0) : (low, high & keep)
  }

  @inline(__always)
  private static func place(_ low: UInt64, _ high: UInt64, _ length: Int, _ factor: UInt64, _ shift: UInt64) -> Int {
    // The length tells constants apart that differ in zeros at their ends.
    let word = (low ^ (high &* 0x9e37_79b9_7f4a_7c15)) &+ UInt64(truncatingIfNeeded: length) &* 0xc2b2_ae3d_27d4_eb4f
    return Int(truncatingIfNeeded: (word &* factor) &>> shift)
  }
}
