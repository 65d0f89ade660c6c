internal import CScan
internal import Columns
internal import Synchronization

/// Numbers of keys that end in digits, all of one length and one beginning ("c00342545"): found by the digits' value,
/// without a search. Where customers are numbered this is a look into a small table instead of a cache miss in a large one.
///
/// A key of the first block says what keys look like. Only values that lie densely are kept, so that the table grows with the
/// keys and not with their digits; all others are searched as ever (``KeyTable``).
///
/// Any thread: numbers are set once, by whoever holds the key's shard, and read by everybody. Who reads one comes to use it
/// only with the shard in hand.
public final class KeyDirectory: Sendable {
  /// What is found for a row that is not one of these: it is searched, and cannot be set.
  static let none = UInt32.max - 1
  /// The row's number is known.
  static let known = UInt32.max

  /// What keys look like.
  private struct Shape: Sendable {
    var length: Int
    /// Of the beginning, up to eight bytes.
    var beginning: UInt64
    var beginningMask: UInt64
    var digits: Int
  }

  private let shape = Mutex<Shape?>(nil)
  private let held = Atomic<Int>(0)
  // Sendable: read and written through atomics alone.
  private nonisolated(unsafe) let numbers: UnsafeMutablePointer<Atomic<UInt32>>
  private nonisolated(unsafe) let memory: LargePages

  /// Values below this, where they lie densely; what is never used costs address space alone.
  private static let valuesMax = 1 << 24
  /// Values below this are kept however few they are.
  private static let valuesAlways = 1 << 16
  /// Beyond, at least one in so many is a key.
  private static let valuesAKey = 8

  private static let rowsAtOnce = 256

  public init() {
    memory = LargePages(byteCount: KeyDirectory.valuesMax * MemoryLayout<UInt32>.size)
    // Zeros are a valid `Atomic<UInt32>`, which has the layout of a UInt32.
    numbers = memory.base.bindMemory(to: Atomic<UInt32>.self, capacity: KeyDirectory.valuesMax)
  }

  /// Writes by row: the keys' numbers where they are known, and to `places` that they are, or what ``set(_:_:)`` takes.
  /// Gives how many are known. Keys lie in padded arenas.
  func find(_ rows: RowColumns, into found: UnsafeMutablePointer<UInt32>, places: UnsafeMutablePointer<UInt32>) -> Int {
    guard let shape = shape(of: rows) else {
      places.update(repeating: KeyDirectory.none, count: rows.count)
      return 0
    }
    var known = 0
    let (bytes, keys, numbers) = (UnsafePointer(rows.keyArena.base), rows.keys, numbers)
    let limit = UInt64(limit)
    let (length, beginning, mask) = (shape.length, shape.beginning, shape.beginningMask)
    // Of the last eight bytes, read from the key's end or, if it is shorter, moved there.
    let tail = max(length - 8, 0)
    let shift = UInt64(max(8 - length, 0) * 8)
    let digits = UInt64.max << UInt64((8 - shape.digits) * 8)
    // All that is asked for of some rows is asked for before any of it is looked at.
    var from = 0
    while from < rows.count {
      let some = from..<min(from + KeyDirectory.rowsAtOnce, rows.count)
      for row in some {
        let view = keys[row]
        places[row] = KeyDirectory.none
        if view.length != length { continue }
        let key = bytes + Int(view.start)
        if (DigitWord.load(key) ^ beginning) & mask != 0 { continue }
        let values = (DigitWord.load(key + tail) &<< shift ^ DigitWord.zeros) & digits
        if !DigitWord.areDigits(values) { continue }
        let value = DigitWord.number(values)
        if value >= limit { continue }
        cscan_prefetch(numbers + Int(value))
        places[row] = UInt32(truncatingIfNeeded: value)
      }
      for row in some where places[row] != KeyDirectory.none {
        let number = numbers[Int(places[row])].load(ordering: .relaxed)
        found[row] = number &- 1
        if number != 0 {
          places[row] = KeyDirectory.known
          known &+= 1
        }
      }
      from = some.upperBound
    }
    return known
  }

  /// Sets the number of a key that was found to have none yet. Only by whoever holds the key's shard.
  func set(_ place: UInt32, _ number: UInt32) {
    if place >= KeyDirectory.none || numbers[Int(place)].exchange(number &+ 1, ordering: .relaxed) != 0 { return }
    held.add(1, ordering: .relaxed)
  }

  private var limit: Int {
    min(
      KeyDirectory.valuesMax, max(KeyDirectory.valuesAlways, held.load(ordering: .relaxed) * KeyDirectory.valuesAKey))
  }

  /// What keys look like: like one in the middle of a block (what comes first is something else at times).
  private func shape(of rows: RowColumns) -> Shape? {
    shape.withLock { shape in
      if shape == nil && rows.count > 0 {
        let view = rows.keys[rows.count / 2]
        shape = KeyDirectory.shape(UnsafePointer(rows.keyArena.base) + Int(view.start), view.length)
      }
      return shape
    }
  }

  private static func shape(_ key: UnsafePointer<UInt8>, _ length: Int) -> Shape? {
    var digits = 0
    while digits < min(length, 8) && DigitWord.isDigit(key[length - 1 - digits]) { digits += 1 }
    let beginning = length - digits
    guard digits > 0, beginning <= 8 else { return nil }
    let mask = beginning == 8 ? UInt64.max : (1 << UInt64(beginning * 8)) - 1
    return Shape(length: length, beginning: DigitWord.load(key) & mask, beginningMask: mask, digits: digits)
  }
}
