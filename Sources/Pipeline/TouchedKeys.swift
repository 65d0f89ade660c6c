/// Which keys of a shard have had rows of which source since its last snapshot was made: what a column holds for the
/// others is what it held then.
///
/// Says rather too much than too little: a row that changed nothing counts.
struct TouchedKeys {
  /// By source, a bit a key; nil: any key may have had rows.
  private var bits: [[UInt64]?]

  init(sources: Int) { bits = Array(repeating: [], count: sources) }

  mutating func touchAll(_ source: Int) { bits[source] = nil }

  /// The chosen rows' keys, whose numbers stand in `numbers` by row and are below `keyCount`.
  mutating func touch(
    _ source: Int, _ chosen: UnsafeBufferPointer<UInt32>, _ numbers: UnsafePointer<UInt32>, keyCount: Int
  ) {
    guard bits[source] != nil else { return }
    let words = (keyCount + 63) / 64
    let more = words - (bits[source]?.count ?? words)
    if more > 0 { bits[source]?.append(contentsOf: repeatElement(0, count: more)) }
    bits[source]?.withUnsafeMutableBufferPointer { bits in
      for row in chosen {
        let key = Int(numbers[Int(row)])
        bits[key &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: key & 63)
      }
    }
  }

  /// Whether any key at all had rows of the source.
  func touches(_ source: Int) -> Bool { bits[source]?.contains { $0 != 0 } ?? true }

  /// Whether one of these keys had rows of the source.
  func touches(_ source: Int, _ keys: ArraySlice<UInt32>) -> Bool {
    guard let bits = bits[source] else { return !keys.isEmpty }
    return keys.contains { TouchedKeys.has(bits, $0) }
  }

  /// Those that had rows of any source; nil: maybe all.
  var union: Union? {
    var union: [UInt64] = []
    for of in bits {
      guard let of else { return nil }
      if of.count > union.count { union.append(contentsOf: repeatElement(0, count: of.count - union.count)) }
      for (word, bits) in of.enumerated() { union[word] |= bits }
    }
    return Union(bits: union)
  }

  struct Union {
    fileprivate let bits: [UInt64]

    func contains(_ key: UInt32) -> Bool { TouchedKeys.has(bits, key) }

    /// All of them, ascending.
    var keys: [UInt32] {
      var keys: [UInt32] = []
      for (word, held) in bits.enumerated() {
        var rest = held
        while rest != 0 {
          keys.append(UInt32(truncatingIfNeeded: word * 64 + rest.trailingZeroBitCount))
          rest &= rest &- 1
        }
      }
      return keys
    }
  }

  @inline(__always)
  private static func has(_ bits: [UInt64], _ key: UInt32) -> Bool {
    let word = Int(key &>> 6)
    return word < bits.count && bits[word] &>> UInt64(key & 63) & 1 == 1
  }
}
