internal import Columns

/// A slot of a key table: a key's number and, of a key of up to eleven bytes, the key itself, so that a search that finds
/// it reads one cache line and no other.
///
/// Its bytes, zeros, and the length in the last byte. Of a longer one: where the table has its bytes, half of its hash, and
/// 255 in the last byte; there the bytes decide.
struct KeySlot: BitwiseCopyable {
  private var low: UInt64
  private var high: UInt32
  /// The key's number plus 1; 0: empty, or not numbered yet.
  private(set) var number: UInt32

  static let empty = KeySlot(low: 0, high: 0, number: 0)
  static let lengthMax = 11

  private init(low: UInt64, high: UInt32, number: UInt32) { (self.low, self.high, self.number) = (low, high, number) }

  /// Without a number. Twelve bytes must be readable at `key`, however short it is: keys lie in padded arenas.
  @inline(__always)
  init(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) {
    number = 0
    if length > KeySlot.lengthMax {
      low = hash & KeySlot.hashMask
      high = 0xff00_0000 | UInt32(truncatingIfNeeded: length & 0xff_ffff)
      return
    }
    let raw = UnsafeRawPointer(key)
    let first = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
    let second = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    let bits = UInt64(truncatingIfNeeded: length &* 8)
    // Shifts count modulo the width: what they give for the other half's lengths is not used.
    low = length < 8 ? first & ~(UInt64.max &<< bits) : first
    high =
      (length > 8 ? second & ~(UInt32.max &<< UInt32(truncatingIfNeeded: bits)) : 0)
      | UInt32(truncatingIfNeeded: length) &<< 24
  }

  private static let hashMask: UInt64 = 0xffff_ffff_0000_0000

  /// The slot holds the whole key.
  @inline(__always) var isWhole: Bool { high < 0xff00_0000 }
  /// Of a key that it does not hold whole: where a table keeps the bytes.
  @inline(__always) var start: Int { Int(truncatingIfNeeded: low & ~KeySlot.hashMask) }

  /// Whether the slot's key is this one, or, where they do not hold it whole, probably so.
  @inline(__always)
  func mayHold(_ key: KeySlot) -> Bool {
    high == key.high && (low ^ key.low) & (key.isWhole ? UInt64.max : KeySlot.hashMask) == 0
  }

  /// For a table that keeps the bytes there.
  func numbered(_ number: Int, start: UInt32) -> KeySlot {
    KeySlot(low: isWhole ? low : low | UInt64(start), high: high, number: UInt32(truncatingIfNeeded: number &+ 1))
  }
}

/// What a search for a row's key begins with: made in the order in which rows' texts lie, used in another.
struct KeyProbe: BitwiseCopyable {
  let hash: UInt64
  let slot: KeySlot

  static let none = KeyProbe()

  private init() { (hash, slot) = (0, .empty) }

  @inline(__always)
  init(_ rows: RowColumns, _ row: Int) {
    let view = rows.keys[row]
    hash = rows.hash(row)
    slot = KeySlot(UnsafePointer(rows.keyArena.base) + Int(view.start), view.length, hash: hash)
  }
}
