internal import CScan
internal import Columns

/// When a dictionary is worth its page.
enum ParquetDictionaryRule {
  /// A larger dictionary leaves the caches of writer and reader.
  static let bytesMax = 1 << 20
  /// Values after which a column is looked at for the first time, and then again and again.
  static let firstLook = 4096
  static let nextLook = 16_384

  /// At the end: dictionary and indices take at most three quarters of the plain values.
  static func pays(entries: Int, dictionaryBytes: Int, values: Int, plainBytes: Int) -> Bool {
    let indexBytes = values * ParquetHybrid.bitWidth(entries: entries) / 8
    return 4 * (dictionaryBytes + indexBytes) <= 3 * plainBytes
  }

  /// What a column looked like so far, and at the look before.
  struct Look {
    var values = 0
    var entries = 0
    var dictionaryBytes = 0
    var plainBytes = 0
  }

  /// On the way: whether a dictionary of all `total` values will hardly pay. If values came from K equally likely ones,
  /// a share entries / K of the newest would have been seen before, which gives K.
  static func isHopeless(_ now: Look, since before: Look, total: Int) -> Bool {
    if now.dictionaryBytes > bytesMax { return true }
    if now.values <= firstLook { return now.values == firstLook && now.entries * 100 > now.values * 99 }
    let seenBefore = (now.values - before.values) - (now.entries - before.entries)
    guard seenBefore > 0 else { return true }
    let expected = min(total, now.entries * (now.values - before.values) / seenBefore)
    let expectedBytes = now.dictionaryBytes / now.entries * expected
    return expectedBytes > bytesMax
      || !pays(
        entries: expected, dictionaryBytes: expectedBytes, values: total,
        plainBytes: now.plainBytes / now.values * total)
  }

  /// Where to look next after `values`.
  static func look(after values: Int) -> Int { values == 0 ? firstLook : (values / nextLook + 1) * nextLook }
}

/// An open-addressing table from values to the order of their first appearance. Reused from column to column.
///
/// Slots hold entry number + 1 (0: free); at most half are taken. One thread at a time.
final class ParquetDictionarySlots {
  private(set) var slots: UnsafeMutablePointer<UInt32>
  /// A power of two.
  private(set) var capacity = 2048

  init() {
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: 0, count: capacity)
  }

  deinit { slots.deallocate() }

  var mask: Int { capacity &- 1 }

  /// Empties the table, at a small size again so that clearing is cheap, but of so many slots at least.
  func reset(slots: Int = 0) {
    var size = 2048
    while size < slots { size *= 2 }
    resize(size)
  }

  /// Twice the size, empty; the caller puts its entries back.
  func double() { resize(capacity * 2) }

  private func resize(_ newCapacity: Int) {
    if newCapacity != capacity {
      slots.deallocate()
      capacity = newCapacity
      slots = .allocate(capacity: capacity)
    }
    slots.initialize(repeating: 0, count: capacity)
  }
}

/// The distinct values of a fixed-width column.
final class ParquetFixedDictionary<Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable> {
  private let table = ParquetDictionarySlots()
  private(set) var entries: UnsafeMutablePointer<Key>
  private(set) var count = 0
  private var capacity = 1024

  init() { entries = .allocate(capacity: capacity) }

  deinit { entries.deallocate() }

  /// Values that lie nearer to each other have slots of their own: nothing is searched.
  private static var nearMax: Key { 1 << 15 }

  /// Gives each value its index; false if a dictionary does not pay (then `indices` is of no use).
  /// `width` is a value's PLAIN size. `range`: the least and the greatest, where they are known, of values that wrap from the
  /// greatest number to 0.
  func build(
    _ keys: UnsafePointer<Key>, _ values: Int, width: Int, within range: (low: Key, high: Key)? = nil,
    indices: UnsafeMutablePointer<UInt32>
  ) -> Bool {
    var near: Key?
    if let range, range.high &- range.low < Self.nearMax { near = range.low }
    table.reset(slots: near == nil ? 0 : Int((range?.high ?? 0) &- (range?.low ?? 0)) + 1)
    count = 0
    var last = ParquetDictionaryRule.Look()
    while last.values < values {
      let end = min(values, ParquetDictionaryRule.look(after: last.values))
      if let near { add(keys, last.values, end, from: near, indices) } else { add(keys, last.values, end, indices) }
      let now = ParquetDictionaryRule.Look(
        values: end, entries: count, dictionaryBytes: count * width, plainBytes: end * width)
      if ParquetDictionaryRule.isHopeless(now, since: last, total: values) { return false }
      last = now
    }
    return ParquetDictionaryRule.pays(
      entries: count, dictionaryBytes: count * width, values: values, plainBytes: values * width)
  }

  @inline(__always) private func hash(_ key: Key) -> Int {
    let low = UInt64(truncatingIfNeeded: key)
    let folded = Key.bitWidth > 64 ? low ^ Hashing.mix(UInt64(truncatingIfNeeded: key &>> 64)) : low
    let product = (folded ^ (folded &>> 32)) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: product &>> 32)
  }

  private func add(
    _ keys: UnsafePointer<Key>, _ from: Int, _ to: Int, _ indices: UnsafeMutablePointer<UInt32>
  ) {
    var slots = table.slots
    var mask = table.mask
    for i in from..<to {
      let key = keys[i]
      var slot = hash(key) & mask
      while true {
        let entry = slots[slot]
        if entry == 0 {
          if count == capacity { growEntries() }
          entries[count] = key
          count &+= 1
          slots[slot] = UInt32(truncatingIfNeeded: count)
          indices[i] = UInt32(truncatingIfNeeded: count &- 1)
          if count &* 2 > mask {
            rehash()
            slots = table.slots
            mask = table.mask
          }
          break
        }
        if entries[Int(entry &- 1)] == key {
          indices[i] = entry &- 1
          break
        }
        slot = (slot &+ 1) & mask
      }
    }
  }

  /// Of values none of which is less than `low`, and each of which has a slot.
  private func add(
    _ keys: UnsafePointer<Key>, _ from: Int, _ to: Int, from low: Key, _ indices: UnsafeMutablePointer<UInt32>
  ) {
    let slots = table.slots
    var i = from
    while i < to {
      if Key.self == UInt64.self {
        // The same type by another name.
        let words = UnsafeRawPointer(keys + i).assumingMemoryBound(to: UInt64.self)
        i &+= cscan_near_indices(words, to &- i, UInt64(truncatingIfNeeded: low), slots, indices + i)
      }
      // There is a new one among them, or they are the last.
      let end = Key.self == UInt64.self ? min(i &+ Self.keysBetween, to) : to
      while i < end {
        let slot = slots + Int(truncatingIfNeeded: keys[i] &- low)
        if slot.pointee == 0 {
          if count == capacity { growEntries() }
          entries[count] = keys[i]
          count &+= 1
          slot.pointee = UInt32(truncatingIfNeeded: count)
        }
        indices[i] = slot.pointee &- 1
        i &+= 1
      }
    }
  }

  /// Values that are looked up one by one where there was a new one.
  private static var keysBetween: Int { 16 }

  private func rehash() {
    table.double()
    let slots = table.slots
    let mask = table.mask
    for entry in 0..<count {
      var slot = hash(entries[entry]) & mask
      while slots[slot] != 0 { slot = (slot &+ 1) & mask }
      slots[slot] = UInt32(truncatingIfNeeded: entry + 1)
    }
  }

  private func growEntries() {
    let grown = UnsafeMutablePointer<Key>.allocate(capacity: capacity * 2)
    grown.update(from: entries, count: count)
    entries.deallocate()
    entries = grown
    capacity *= 2
  }
}
