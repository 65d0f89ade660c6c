public import Columns

/// The keys of one shard: bytes to dense number, open addressing with linear probing.
///
/// Numbers count up from 0 in the order of first sight. Load stays under one half. One thread at a time.
public final class KeyTable {
  /// The full hash beside the number, so that bytes are compared only on a match of all 64 bits.
  struct Slot {
    var hash: UInt64
    /// The key's number plus 1; 0: empty.
    var number: UInt32
  }

  public private(set) var count = 0
  public let arena = ByteArena(capacity: 4096)
  public private(set) var views: UnsafeMutablePointer<ByteView>
  public private(set) var hashes: UnsafeMutablePointer<UInt64>
  private var keyCapacity = 1024
  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int

  public init() {
    views = .allocate(capacity: keyCapacity)
    hashes = .allocate(capacity: keyCapacity)
    mask = 4095
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(hash: 0, number: 0), count: mask + 1)
  }

  deinit {
    views.deallocate()
    hashes.deallocate()
    slots.deallocate()
  }

  /// Numbers of a batch's keys, new keys added. `numbers` has room for `batch.count`.
  ///
  /// Two passes, so that the cache misses of many rows overlap: the first only loads each key's first slot, the second
  /// compares bytes. Keys that are not where they were first looked for, new ones among them, take the long way.
  public func numbers(of batch: RowBatch, into numbers: UnsafeMutablePointer<UInt32>) {
    let rows = batch.count
    reserve(rows)
    let (slots, mask, views) = (slots, mask, views)
    let hashes = batch.hashes
    for row in 0..<rows {
      let slot = slots[Int(truncatingIfNeeded: hashes[row]) & mask]
      numbers[row] = slot.hash == hashes[row] ? slot.number : 0
    }
    let bytes = UnsafePointer(batch.arena.base)
    let keys = batch.keys
    // `insert` may move the arena: it is read again after each.
    var held = arena.base
    for row in 0..<rows {
      let view = keys[row]
      let key = bytes + Int(view.start)
      let candidate = numbers[row]
      if candidate != 0 {
        let found = views[Int(candidate) &- 1]
        if found.length == view.length && equalBytes(held + Int(found.start), key, view.length) {
          numbers[row] = candidate &- 1
          continue
        }
      }
      numbers[row] = number(key, view.length, hash: hashes[row])
      held = arena.base
    }
  }

  /// The number of one key, added if it is new. The key lies in a padded arena.
  func number(of key: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    reserve(1)
    return number(key, length, hash: Hashing.hash64(key, length))
  }

  /// Room for `more` new keys without growing in between.
  private func reserve(_ more: Int) {
    let needed = count + more
    if needed > keyCapacity {
      let grown = max(needed, keyCapacity * 2)
      views = regrow(views, count, grown)
      hashes = regrow(hashes, count, grown)
      keyCapacity = grown
    }
    if needed * 2 > mask + 1 {
      var size = mask + 1
      while needed * 2 > size { size *= 2 }
      rehash(size)
    }
  }

  private func rehash(_ size: Int) {
    slots.deallocate()
    mask = size - 1
    slots = .allocate(capacity: size)
    slots.initialize(repeating: Slot(hash: 0, number: 0), count: size)
    for number in 0..<count {
      var at = Int(truncatingIfNeeded: hashes[number]) & mask
      while slots[at].number != 0 { at = (at &+ 1) & mask }
      slots[at] = Slot(hash: hashes[number], number: UInt32(truncatingIfNeeded: number &+ 1))
    }
  }

  @inline(never)
  private func number(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) -> UInt32 {
    var at = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[at]
      if slot.number == 0 { break }
      if slot.hash == hash {
        let found = views[Int(slot.number) &- 1]
        if found.length == length && equalBytes(arena.base + Int(found.start), key, length) {
          return slot.number &- 1
        }
      }
      at = (at &+ 1) & mask
    }
    return insert(key, length, hash: hash, at: at)
  }

  private func insert(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, at: Int) -> UInt32 {
    let start = arena.append(key, length)
    views[count] = ByteView(start: start, length: UInt32(truncatingIfNeeded: length))
    hashes[count] = hash
    count += 1
    slots[at] = Slot(hash: hash, number: UInt32(truncatingIfNeeded: count))
    return UInt32(truncatingIfNeeded: count &- 1)
  }

  /// All key numbers ordered by (hash, bytes): an order that does not depend on arrival.
  public func canonicalOrder() -> [UInt32] {
    var order = (0..<count).map { UInt32(truncatingIfNeeded: $0) }
    order.sort { a, b in
      let (x, y) = (hashes[Int(a)], hashes[Int(b)])
      return x != y ? x < y : bytesPrecede(views[Int(a)], views[Int(b)], in: arena.base)
    }
    return order
  }
}

/// Copies to a larger allocation and frees the old one.
func regrow<T: BitwiseCopyable>(_ old: UnsafeMutablePointer<T>, _ count: Int, _ capacity: Int)
  -> UnsafeMutablePointer<T>
{
  let grown = UnsafeMutablePointer<T>.allocate(capacity: capacity)
  grown.update(from: old, count: count)
  old.deallocate()
  return grown
}

@inline(__always)
func equalBytes(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ length: Int) -> Bool {
  let (x, y) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
  var i = 0
  while i &+ 8 <= length {
    if x.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      != y.loadUnaligned(fromByteOffset: i, as: UInt64.self)
    {
      return false
    }
    i &+= 8
  }
  if i == length { return true }
  // The last 1…7 bytes: both sides lie in padded arenas, so a whole word may be read and masked.
  let keep = (UInt64(1) &<< UInt64((length &- i) &* 8)) &- 1
  let difference =
    UInt64(littleEndian: x.loadUnaligned(fromByteOffset: i, as: UInt64.self))
    ^ UInt64(littleEndian: y.loadUnaligned(fromByteOffset: i, as: UInt64.self))
  return difference & keep == 0
}

/// Whether the bytes of view `a` come before those of `b`, as unsigned bytes.
func bytesPrecede(_ a: ByteView, _ b: ByteView, in base: UnsafeMutablePointer<UInt8>) -> Bool {
  compareBytes(base + Int(a.start), a.length, base + Int(b.start), b.length) < 0
}

/// Negative, zero or positive, as `memcmp` and then length.
func compareBytes(_ a: UnsafePointer<UInt8>, _ aLength: Int, _ b: UnsafePointer<UInt8>, _ bLength: Int) -> Int {
  var i = 0
  let n = min(aLength, bLength)
  while i < n {
    if a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
    i &+= 1
  }
  return aLength - bLength
}
