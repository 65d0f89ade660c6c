internal import CScan

/// Hashes of many keys at a time: what ``Hashing/hash64(_:_:seed:)`` and ``Hashing/murmur2(_:_:)`` give of each.
extension Hashing {
  /// Keys that are hashed one by one when there was one too long for several at a time.
  private static let keysBetween = 64

  /// ``hash64(_:_:seed:)`` of `count` keys, views into `arena`.
  public static func hash64(
    of keys: UnsafePointer<ByteView>, _ count: Int, in arena: ByteArena, into hashes: UnsafeMutablePointer<UInt64>
  ) {
    let base = UnsafePointer(arena.base)
    eachRun(count) { from in
      cscan_hash64(base, CastLoop.views(keys + from), count &- from, hashes + from)
    } one: { key in
      hashes[key] = hash64(base + Int(keys[key].start), keys[key].length)
    }
  }

  /// ``murmur2(_:_:)`` likewise.
  public static func murmur2(
    of keys: UnsafePointer<ByteView>, _ count: Int, in arena: ByteArena, into hashes: UnsafeMutablePointer<UInt32>
  ) {
    let base = UnsafePointer(arena.base)
    eachRun(count) { from in
      cscan_murmur2(base, CastLoop.views(keys + from), count &- from, hashes + from)
    } one: { key in
      hashes[key] = murmur2(base + Int(keys[key].start), keys[key].length)
    }
  }

  /// `run` does as many keys from one on as it can, `one` those that follow.
  @inline(__always)
  private static func eachRun(_ count: Int, _ run: (Int) -> Int, one: (Int) -> Void) {
    var key = 0
    while key < count {
      if CastLoop.isWide { key &+= run(key) }
      let end = CastLoop.isWide ? min(key &+ keysBetween, count) : count
      while key < end {
        one(key)
        key &+= 1
      }
    }
  }
}
