/// Which partition a record goes to: what Kafka's own clients choose, so that a key stays where it is if others write too.
public enum Partitioner {
  /// The partition of a key among `partitions` (at least 1).
  public static func partition(of key: [UInt8], among partitions: Int) -> Int {
    Int(murmur2(key) & 0x7fff_ffff) % partitions
  }

  /// Kafka's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`).
  ///
  /// The row loop has one of its own over raw memory (`Hashing` in Columns, which this module must not know); a test
  /// compares both.
  public static func murmur2(_ key: [UInt8]) -> UInt32 {
    let factor: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: key.count)
    let whole = key.count & ~3
    for start in stride(from: 0, to: whole, by: 4) {
      var word = littleEndian(key[start..<start + 4]) &* factor
      word ^= word >> 24
      hash = hash &* factor ^ word &* factor
    }
    if whole < key.count { hash = (hash ^ littleEndian(key[whole...])) &* factor }
    hash = (hash ^ hash >> 13) &* factor
    return hash ^ hash >> 15
  }

  private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
