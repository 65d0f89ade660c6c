/// Row numbers that were seen: a bit each, in pages, for they lie close together.
struct NumberSet {
  private var pages: [UInt64: [UInt64]] = [:]
  private static let pageBits: UInt64 = 1 << 16

  /// Whether it is new.
  mutating func insert(_ number: UInt64) -> Bool {
    let bit = Int(number % Self.pageBits)
    let mask: UInt64 = 1 << UInt64(bit % 64)
    return pages[number / Self.pageBits, default: Array(repeating: 0, count: Int(Self.pageBits / 64))].insert(
      word: bit / 64, mask)
  }
}

extension [UInt64] {
  fileprivate mutating func insert(word: Int, _ mask: UInt64) -> Bool {
    defer { self[word] |= mask }
    return self[word] & mask == 0
  }
}
