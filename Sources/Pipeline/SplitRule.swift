public import Columns
public import Definition

/// Which split a row belongs to: a salted hash of its key or group key, compared with the shares (I4).
///
/// A pure function of salt, shares and key, so adding data never moves a key. The unit interval is cut in the order
/// in which the shares are written: with `{train: 0.8, eval: 0.2}` a hash below 0.8 × 2⁶⁴ is train.
public struct SplitRule: Sendable {
  public let names: [String]
  /// The upper bound of each split but the last, which takes the rest.
  private let bounds: [UInt64]
  private let seed: UInt64

  public init(_ split: Split) {
    names = split.shares.map(\.name)
    var bounds: [UInt64] = []
    var sum = 0.0
    for share in split.shares.dropLast() {
      sum += share.share
      let bound = sum * 0x1p64
      bounds.append(bound >= 0x1p64 ? .max : bound <= 0 ? 0 : UInt64(bound))
    }
    self.bounds = bounds
    let arena = ByteArena()
    let salt = arena.append(split.salt)
    seed = Hashing.hash64(UnsafePointer(arena.base), salt.length, seed: 0x7472_6962_7574_6172)
  }

  /// The split's index in `names`.
  @inlinable
  public func split(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> Int {
    index(Hashing.mix(hash(bytes, length)))
  }

  @usableFromInline
  func hash(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    Hashing.hash64(bytes, length, seed: seed)
  }

  @usableFromInline
  func index(_ hash: UInt64) -> Int {
    var index = 0
    while index < bounds.count && hash >= bounds[index] { index += 1 }
    return index
  }
}
