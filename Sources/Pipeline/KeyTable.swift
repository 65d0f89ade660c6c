public import Columns

/// The keys of one shard: bytes to dense number, open addressing with linear probing.
///
/// Numbers count up from 0 in the order of first sight. Load stays under one half. One thread at a time.
public final class KeyTable {
  /// The upper half of the hash, so that bytes are hardly ever compared in vain, and where they lie: a search needs
  /// nothing but this and the bytes.
  struct Slot {
    var tag: UInt32
    /// The key's number plus 1; 0: empty.
    var number: UInt32
    var view: ByteView

    static let empty = Slot(tag: 0, number: 0, view: ByteView(start: 0, length: 0))
  }

  public private(set) var count = 0
  public let arena = ByteArena(capacity: 4096)
  public private(set) var views: UnsafeMutablePointer<ByteView>
  public private(set) var hashes: UnsafeMutablePointer<UInt64>
  private var keyCapacity = 1024
  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  /// What was loaded only to have it in the caches, so that no compiler leaves that out.
  private var seen: UInt8 = 0

  public init() {
    views = .allocate(capacity: keyCapacity)
    hashes = .allocate(capacity: keyCapacity)
    mask = 4095
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: .empty, count: mask + 1)
  }

  deinit {
    views.deallocate()
    hashes.deallocate()
    slots.deallocate()
  }

  /// Numbers of a batch's keys, new keys added. `numbers` has room for `batch.count`.
  ///
  /// In passes that each do one load from memory a row and little else, so that the cache misses of many rows overlap:
  /// the slot where the search begins; the search, which is no miss any more (its end is hard to predict); the bytes of the
  /// key that was found; the comparison. New keys take the long way.
  public func numbers(of batch: RowBatch, into numbers: UnsafeMutablePointer<UInt32>) {
    let rows = batch.count
    reserve(rows)
    withUnsafeTemporaryAllocation(of: ByteView.self, capacity: max(rows, 1)) { found in
      guard let found = found.baseAddress else { return }
      let (slots, mask, hashes) = (slots, mask, batch.hashes)
      for row in 0..<rows { numbers[row] = slots[Int(truncatingIfNeeded: hashes[row]) & mask].number }
      for row in 0..<rows {
        let at = find(hashes[row], slots, mask)
        numbers[row] = slots[at].number
        found[row] = slots[at].view
      }
      compare(batch, found, numbers)
    }
  }

  /// Takes one off each row's number where the bytes are its key's, looks on or adds the key where they are not.
  private func compare(
    _ batch: RowBatch, _ found: UnsafePointer<ByteView>, _ numbers: UnsafeMutablePointer<UInt32>
  ) {
    let rows = batch.count
    // `number` may move the arena: it is read again after each.
    var held = arena.base
    var seen: UInt8 = 0
    for row in 0..<rows { seen |= held[Int(found[row].start)] }
    self.seen = seen
    let (bytes, keys, hashes) = (UnsafePointer(batch.arena.base), batch.keys, batch.hashes)
    for row in 0..<rows {
      let view = keys[row]
      let key = bytes + Int(view.start)
      let candidate = numbers[row]
      if candidate != 0 && found[row].length == view.length
        && equalBytes(held + Int(found[row].start), key, view.length)
      {
        numbers[row] = candidate &- 1
      } else {
        numbers[row] = number(key, view.length, hash: hashes[row])
        held = arena.base
      }
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
    slots.initialize(repeating: .empty, count: size)
    for number in 0..<count {
      var at = Int(truncatingIfNeeded: hashes[number]) & mask
      while slots[at].number != 0 { at = (at &+ 1) & mask }
      slots[at] = slot(number)
    }
  }

  @inline(__always) private func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash &>> 32) }

  private func slot(_ number: Int) -> Slot {
    Slot(tag: tag(hashes[number]), number: UInt32(truncatingIfNeeded: number &+ 1), view: views[number])
  }

  /// The first slot with the hash's tag, or the empty one where the search ends.
  @inline(__always)
  private func find(_ hash: UInt64, _ slots: UnsafeMutablePointer<Slot>, _ mask: Int) -> Int {
    let tag = tag(hash)
    var at = Int(truncatingIfNeeded: hash) & mask
    while slots[at].tag != tag && slots[at].number != 0 { at = (at &+ 1) & mask }
    return at
  }

  @inline(never)
  private func number(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) -> UInt32 {
    let tag = tag(hash)
    var at = Int(truncatingIfNeeded: hash) & mask
    while slots[at].number != 0 {
      let slot = slots[at]
      if slot.tag == tag && slot.view.length == length
        && equalBytes(arena.base + Int(slot.view.start), key, length)
      {
        return slot.number &- 1
      }
      at = (at &+ 1) & mask
    }
    return insert(key, length, hash: hash, at: at)
  }

  private func insert(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, at: Int) -> UInt32 {
    let start = arena.append(key, length)
    views[count] = ByteView(start: start, length: UInt32(truncatingIfNeeded: length))
    hashes[count] = hash
    slots[at] = slot(count)
    count += 1
    return UInt32(truncatingIfNeeded: count &- 1)
  }

  /// All key numbers ordered by (hash, bytes): an order that does not depend on arrival.
  ///
  /// Keys are dealt into as many places as there are keys, by the upper bits of their hashes: those are as good as
  /// random, so hardly more than one or two keys meet in a place, where they are sorted.
  public func canonicalOrder() -> [UInt32] {
    let bits = max(Int.bitWidth - count.leadingZeroBitCount, 1)
    let shift = UInt64(truncatingIfNeeded: 64 - bits)
    var ends = [UInt32](repeating: 0, count: 1 << bits)
    for number in 0..<count { ends[Int(truncatingIfNeeded: hashes[number] &>> shift)] &+= 1 }
    var sum: UInt32 = 0
    for place in ends.indices {
      sum += ends[place]
      ends[place] = sum - ends[place]
    }
    var order = [UInt32](repeating: 0, count: count)
    for number in 0..<count {
      let place = Int(truncatingIfNeeded: hashes[number] &>> shift)
      order[Int(ends[place])] = UInt32(truncatingIfNeeded: number)
      ends[place] &+= 1
    }
    var start = 0
    for end in ends {
      if Int(end) - start > 1 { order[start..<Int(end)].sort(by: precedes) }
      start = Int(end)
    }
    return order
  }

  private func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
    let (x, y) = (hashes[Int(a)], hashes[Int(b)])
    return x != y ? x < y : bytesPrecede(views[Int(a)], views[Int(b)], in: arena.base)
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
