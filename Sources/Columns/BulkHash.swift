/// ``Hashing/bulk128(_:_:)`` of bytes that come in pieces.
public struct BulkHash {
  private var sums = BulkSums()
  private var length = 0
  /// Fewer than ``BulkSums/block`` bytes that are not in the sums yet.
  private var rest: [UInt8] = []

  public init() { rest.reserveCapacity(BulkSums.block) }

  /// Takes the next bytes.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    length += bytes.count
    var from = 0
    if !rest.isEmpty {
      from = min(BulkSums.block - rest.count, bytes.count)
      rest += bytes[..<from]
      if rest.count < BulkSums.block { return }
      rest.withUnsafeBytes { full in
        if let base = full.baseAddress { _ = sums.add(base, full.count) }
      }
      rest.removeAll(keepingCapacity: true)
    }
    guard let base = bytes.baseAddress else { return }
    from += sums.add(base + from, bytes.count - from)
    rest += bytes[from...]
  }

  /// Of all bytes so far.
  public var value: (high: UInt64, low: UInt64) {
    // Words are read as a whole, so an empty rest has an address, too.
    (rest.isEmpty ? [0] : rest).withUnsafeBufferPointer { rest in
      rest.baseAddress.map { sums.finish($0, length: length) } ?? (0, 0)
    }
  }
}

/// The sums of ``Hashing/bulk128(_:_:)``.
struct BulkSums {
  /// Bytes that are added at a time.
  static let block = 32

  private var (a, b, c, d) = (
    0x243f_6a88_85a3_08d3 as UInt64, 0x1319_8a2e_0370_7344 as UInt64,
    0xa409_3822_299f_31d0 as UInt64, 0x082e_fa98_ec4e_6c89 as UInt64
  )

  /// Adds whole blocks; gives their bytes.
  mutating func add(_ raw: UnsafeRawPointer, _ length: Int) -> Int {
    var (a, b, c, d) = (a, b, c, d)
    var i = 0
    while i &+ BulkSums.block <= length {
      a = BulkSums.round(a, raw, i)
      b = BulkSums.round(b, raw, i &+ 8)
      c = BulkSums.round(c, raw, i &+ 16)
      d = BulkSums.round(d, raw, i &+ 24)
      i &+= BulkSums.block
    }
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
    return i
  }

  /// With the bytes behind the last whole block of `length` bytes in all.
  func finish(_ rest: UnsafePointer<UInt8>, length: Int) -> (high: UInt64, low: UInt64) {
    let rest = Hashing.hash64(rest, length % BulkSums.block, seed: UInt64(truncatingIfNeeded: length))
    let high = Hashing.mix(Hashing.mix(Hashing.mix(Hashing.mix(a ^ rest) &+ b) &+ c) &+ d)
    let low = Hashing.mix(Hashing.mix(Hashing.mix(Hashing.mix(d &+ rest) ^ c) ^ b) ^ a)
    return (high, low)
  }

  @inline(__always)
  private static func round(_ sum: UInt64, _ raw: UnsafeRawPointer, _ at: Int) -> UInt64 {
    let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    let added = sum &+ word &* 0xc2b2_ae3d_27d4_eb4f
    return (added &<< 31 | added &>> 33) &* 0x9e37_79b1_85eb_ca87
  }
}
