internal import Columns

/// 128 bits that depend on every entry before them, in order.
public struct LedgerChain: Sendable, Hashable, CustomStringConvertible {
  public private(set) var high: UInt64 = 0x243f_6a88_85a3_08d3
  public private(set) var low: UInt64 = 0x1319_8a2e_0370_7344

  public init() {}

  /// `hash`: 64 bits of the next entry's bytes.
  mutating func add(_ hash: UInt64) {
    high = Hashing.mix(high ^ hash) &* 0x9fb2_1c65_1e98_df25
    low = Hashing.mix(low &+ hash &* 0x9e37_79b9_7f4a_7c15) ^ (high &>> 29)
  }

  public var description: String { AttemptID(high: high, low: low).description }

  /// nil unless `text` is what ``description`` gives.
  public init?(_ text: String) {
    guard let words = AttemptID(text) else { return nil }
    high = words.high
    low = words.low
  }
}
