internal import Columns

/// A set of 128-bit hashes, open addressing with linear probing, load under 5/8.
///
/// Two of n values collide with probability about n² / 2¹²⁹; (0, 0) stands for an empty place and is remapped.
struct DistinctSet {
  private var slots: [(UInt64, UInt64)] = []
  private(set) var count = 0
  /// The hash that was last asked for, once there is one: rows that follow one another often have the same value (the
  /// lines of a receipt), and it is in no cache but this one where the set is large.
  private var last: (UInt64, UInt64) = (0, 0)

  /// Adds a hash; gives whether it is new.
  mutating func insert(_ low: UInt64, _ high: UInt64) -> Bool {
    if count > 0 && low == last.0 && high == last.1 { return false }
    last = (low, high)
    if count * 8 >= slots.count * 5 { grow() }
    let entry = low == 0 && high == 0 ? (1, 0) : (low, high)
    let mask = slots.count - 1
    var at = Int(truncatingIfNeeded: Hashing.mix(low &+ high)) & mask
    while true {
      let held = slots[at]
      if held.0 == 0 && held.1 == 0 { break }
      if held.0 == entry.0 && held.1 == entry.1 { return false }
      at = (at &+ 1) & mask
    }
    slots[at] = entry
    count += 1
    return true
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: (0, 0), count: max(64, old.count * 2))
    let mask = slots.count - 1
    for entry in old where entry.0 != 0 || entry.1 != 0 {
      var at = Int(truncatingIfNeeded: Hashing.mix(entry.0 &+ entry.1)) & mask
      while slots[at].0 != 0 || slots[at].1 != 0 { at = (at &+ 1) & mask }
      slots[at] = entry
    }
  }
}
