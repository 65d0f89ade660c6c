/// Hashes that outlive a process: Kafka's partitioner, and the hash behind splits, key tables and fingerprints.
public enum Hashing {
  /// Kafka's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`), so that a key's shard is the partition that
  /// any Kafka client would choose for it.
  @inlinable
  public static func murmur2(_ data: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    let m: UInt32 = 0x5bd1_e995
    var h: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: length)
    let raw = UnsafeRawPointer(data)
    var i = 0
    while i + 4 <= length {
      var k = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt32.self))
      k = k &* m
      k ^= k &>> 24
      k = k &* m
      h = h &* m
      h ^= k
      i &+= 4
    }
    let rest = length - i
    if rest >= 3 { h ^= UInt32(data[i + 2]) &<< 16 }
    if rest >= 2 { h ^= UInt32(data[i + 1]) &<< 8 }
    if rest >= 1 {
      h ^= UInt32(data[i])
      h = h &* m
    }
    h ^= h &>> 13
    h = h &* m
    h ^= h &>> 15
    return h
  }

  /// The shard (partition) of a key among `shards`, as Kafka's default partitioner gives it.
  @inlinable
  public static func shard(_ key: UnsafePointer<UInt8>, _ length: Int, of shards: Int) -> Int {
    Int(murmur2(key, length) & 0x7fff_ffff) % shards
  }

  /// The 64-bit finaliser of MurmurHash3 (`fmix64`): a bijection that spreads every bit.
  @inlinable
  public static func mix(_ value: UInt64) -> UInt64 {
    var x = value
    x ^= x &>> 33
    x = x &* 0xff51_afd7_ed55_8ccd
    x ^= x &>> 33
    x = x &* 0xc4ce_b9fe_1a85_ec53
    x ^= x &>> 33
    return x
  }

  /// A 64-bit hash of bytes: eight at a time, `h = mix(h ^ word) * K`, the last word padded with zeros, the length
  /// in the seed. Simple enough to write again in another language (the tests do, in Python).
  @inlinable @inline(__always)
  public static func hash64(_ data: UnsafePointer<UInt8>, _ length: Int, seed: UInt64 = 0) -> UInt64 {
    var h = seed ^ (UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9_7f4a_7c15)
    let raw = UnsafeRawPointer(data)
    var i = 0
    while i &+ 8 <= length {
      h =
        mix(h ^ UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
        &* 0x9fb2_1c65_1e98_df25
      i &+= 8
    }
    if i < length {
      let last = tail(data, length)
      h = mix(h ^ last) &* 0x9fb2_1c65_1e98_df25
    }
    return mix(h)
  }

  /// 128 bits that tell damaged bytes from whole ones, of many bytes at a time: four sums that do not wait for one another,
  /// each `sum = rotate(sum + word * K1, 31) * K2` over every fourth word (xxHash's round), the rest by
  /// ``hash64(_:_:seed:)``. Some six times as fast as that; not for keys.
  public static func bulk128(_ data: UnsafePointer<UInt8>, _ length: Int) -> (high: UInt64, low: UInt64) {
    var sums = BulkSums()
    let whole = sums.add(UnsafeRawPointer(data), length)
    return sums.finish(data + whole, length: length)
  }

  /// The last `length % 8` bytes (1…7 of them) as a little-endian word, without reading beyond them or byte by byte.
  @inlinable @inline(__always)
  static func tail(_ data: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    let raw = UnsafeRawPointer(data)
    let rest = length & 7
    if length >= 8 {
      // The last eight bytes, less those that were hashed already.
      let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self))
      return word &>> UInt64(truncatingIfNeeded: 64 &- 8 &* rest)
    }
    if rest >= 4 {
      let low = UInt64(UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self)))
      let high = UInt64(
        UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: rest &- 4, as: UInt32.self)))
      return low | high &<< UInt64(truncatingIfNeeded: 8 &* (rest &- 4))
    }
    return UInt64(data[0]) | UInt64(data[rest &>> 1]) &<< UInt64(truncatingIfNeeded: 8 &* (rest &>> 1))
      | UInt64(data[rest &- 1]) &<< UInt64(truncatingIfNeeded: 8 &* (rest &- 1))
  }
}
