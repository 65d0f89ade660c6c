internal import CScan
public import Columns

/// The keys of one shard: bytes to dense number, open addressing with linear probing.
///
/// Numbers count up from 0 as keys come. Load stays under one half. A key for which a directory has a place when it comes is
/// found there and takes no slot. One thread at a time.
public final class KeyTable {
  public private(set) var count = 0
  /// Where some keys' numbers are, and as which shard's.
  private let directory: KeyDirectory?
  private let shard: Int
  public let arena = ByteArena(capacity: 4096)
  public private(set) var views: UnsafeMutablePointer<ByteView>
  public private(set) var hashes: UnsafeMutablePointer<UInt64>
  /// Keys for which there is room.
  private var capacity = 2048
  /// Keys with slots, and for how many there is room: a power of two, of twice as many slots.
  private var slotted = 0
  private var slotCapacity = 2048
  private var slots: UnsafeMutablePointer<KeySlot>
  private var slotMemory: TableMemory
  /// Positions of rows whose keys take a second look.
  private var late: [UInt32] = []

  /// Up to here room grows in large steps.
  private static let capacityOfSteps = 1 << 19
  /// Bytes of keys for which there is room ahead then, at most.
  private static let arenaBytesAhead = 16 << 20

  /// How many rows before a search its slot is asked for: long enough for memory to answer.
  private static let rowsAhead = 32

  /// `directory`: has, as keys of this shard, those for which it has places.
  public init(directory: KeyDirectory? = nil, shard: Int = 0) {
    (self.directory, self.shard) = (directory, shard)
    views = .allocate(capacity: capacity)
    hashes = .allocate(capacity: capacity)
    slotMemory = KeyTable.slots(slotCapacity)
    slots = slotMemory.base.bindMemory(to: KeySlot.self, capacity: 2 * slotCapacity)
  }

  deinit {
    views.deallocate()
    hashes.deallocate()
  }

  /// Zeros are an empty slot.
  private static func slots(_ capacity: Int) -> TableMemory {
    TableMemory(byteCount: 2 * capacity * MemoryLayout<KeySlot>.stride, isShared: true)
  }

  /// Of the slots where searches begin: the first ones of cache lines. So a search meets four slots before another line.
  private var mask: Int { (2 * slotCapacity - 1) & ~(KeyTable.slotsALine - 1) }
  private static let slotsALine = 64 / MemoryLayout<KeySlot>.stride
  /// A search that comes to the last slot goes on with the first.
  @inline(__always)
  private func next(_ at: Int) -> Int { (at &+ 1) & (2 &* slotCapacity &- 1) }

  /// About how much memory it takes: of each key its bytes, a view, a hash, and an entry in the directory or slots.
  var bytes: Int {
    let bytesPerKey = MemoryLayout<ByteView>.stride + MemoryLayout<UInt64>.stride
    let entries = directory == nil ? 0 : (count - slotted) * MemoryLayout<UInt32>.stride
    return count * bytesPerKey + entries + slotMemory.byteCount + arena.count
  }

  /// Writes the key numbers of those of the chosen rows for whose keys the directory has `places`, by row, to `numbers`,
  /// where they are ``KeyDirectory/unknown``; new keys are added. Gives how many rows are left and writes which to `left`, as
  /// indices of `chosen`.
  func numbersOfPlaced(
    of rows: RowColumns, _ chosen: UnsafeBufferPointer<UInt32>, _ places: UnsafePointer<UInt32>,
    into numbers: UnsafeMutablePointer<UInt32>, left: UnsafeMutablePointer<UInt32>
  ) -> Int {
    guard let directory else {
      for i in 0..<chosen.count { left[i] = UInt32(truncatingIfNeeded: i) }
      return chosen.count
    }
    reserve(chosen.count)
    let bytes = UnsafePointer(rows.keyArena.base)
    var (leftCount, set) = (0, 0)
    for i in 0..<chosen.count {
      let row = Int(chosen[i])
      if numbers[row] != KeyDirectory.unknown { continue }
      let place = places[row]
      if place == KeyDirectory.noPlace {
        left[leftCount] = UInt32(truncatingIfNeeded: i)
        leftCount &+= 1
        continue
      }
      // Whoever had the shard before may have added it.
      var number = directory.number(at: place, shard: shard)
      if number == KeyDirectory.unknown {
        let (key, length, hash) = (bytes + Int(rows.keys[row].start), rows.keys[row].length, rows.hash(row))
        number = slotted == 0 ? KeyDirectory.unknown : slottedNumber(key, length, hash: hash)
        let isNew = number == KeyDirectory.unknown
        if isNew { number = UInt32(truncatingIfNeeded: count) }
        let isSet = directory.set(place, shard: shard, number: number)
        set &+= isSet ? 1 : 0
        if isNew && !isSet {
          left[leftCount] = UInt32(truncatingIfNeeded: i)
          leftCount &+= 1
          continue
        }
        if isNew { _ = append(key, length, hash: hash) }
      }
      numbers[row] = number
    }
    directory.hold(set)
    return leftCount
  }

  /// Writes the key number of each chosen row to `numbers`, by row; new keys are added. `probes` are the chosen rows';
  /// `records` are asked for as their numbers become known.
  ///
  /// A look into the table and one into the records are cache misses nearly always. So the slot where a search begins is
  /// asked for some rows before, and the record long before it is updated: twice as fast as loading first all slots and
  /// then all records of a hundred rows, where nothing else is done meanwhile. A search ends where it begins or nearby.
  /// Keys that are new, or longer than a slot, are looked at once more.
  func numbers(
    of rows: RowColumns, _ chosen: UnsafeBufferPointer<UInt32>, _ probes: UnsafeBufferPointer<KeyProbe>,
    into numbers: UnsafeMutablePointer<UInt32>, records: RecordPages
  ) {
    if chosen.isEmpty { return }
    reserve(chosen.count)
    reserveSlots(chosen.count)
    let (slots, mask) = (slots, mask)
    if late.count < chosen.count { late = Array(repeating: 0, count: chosen.count) }
    var lateCount = 0
    late.withUnsafeMutableBufferPointer { late in
      records.withPrefetch { prefetchRecord in
        for i in 0..<min(KeyTable.rowsAhead, chosen.count) { prefetch(probes[i], slots, mask) }
        let last = chosen.count - 1
        for i in 0..<chosen.count {
          prefetch(probes[min(i &+ KeyTable.rowsAhead, last)], slots, mask)
          let probe = probes[i]
          let at = find(probe.hash, probe.slot, slots, mask)
          let slot = slots[at]
          if slot.number != 0 && probe.slot.isWhole {
            let number = slot.number &- 1
            numbers[Int(chosen[i])] = number
            prefetchRecord(number)
          } else {
            numbers[Int(chosen[i])] = UInt32(truncatingIfNeeded: at)
            late[lateCount] = UInt32(truncatingIfNeeded: i)
            lateCount &+= 1
            if slot.number != 0 {
              cscan_prefetch(arena.base + slot.start)
              prefetchRecord(slot.number &- 1)
            }
          }
        }
      }
    }
    let (bytes, keys) = (UnsafePointer(rows.keyArena.base), rows.keys)
    for i in 0..<lateCount {
      let probe = probes[Int(late[i])]
      let row = Int(chosen[Int(late[i])])
      let (key, length) = (bytes + Int(keys[row].start), keys[row].length)
      let slot = slots[Int(numbers[row])]
      if slot.number != 0 && isKey(slot, key, length, probe.slot) {
        numbers[row] = slot.number &- 1
      } else {
        numbers[row] = number(key, length, hash: probe.hash, probe.slot)
      }
    }
  }

  /// Asks for the slot where the search for a key begins.
  @inline(__always)
  private func prefetch(_ probe: KeyProbe, _ slots: UnsafeMutablePointer<KeySlot>, _ mask: Int) {
    cscan_prefetch(slots + Int(truncatingIfNeeded: probe.hash) & mask)
  }

  /// The number of one key, added if it is new. The key lies in a padded arena.
  func number(of key: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    reserve(1)
    reserveSlots(1)
    let hash = Hashing.hash64(key, length)
    return number(key, length, hash: hash, KeySlot(key, length, hash: hash))
  }

  /// Room for `more` new keys without growing in between.
  ///
  /// For many times as many as there are, up to a few MiB: what is not touched is addresses and no memory. Growing twofold
  /// would copy all of it again and again to new pages, with the shard held: all shards grow at the same time.
  private func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    while count + more > capacity { capacity *= capacity < KeyTable.capacityOfSteps ? 16 : 2 }
    views = regrow(views, count, capacity)
    hashes = regrow(hashes, count, capacity)
    if capacity <= KeyTable.capacityOfSteps && count > 0 {
      arena.reserve(min((capacity - count) * (arena.count / count + 1), KeyTable.arenaBytesAhead))
    }
  }

  /// Slots for `more` new keys without growing in between.
  private func reserveSlots(_ more: Int) {
    guard slotted + more > slotCapacity else { return }
    let (old, oldSlots, oldCount) = (slotMemory, slots, 2 * slotCapacity)
    while slotted + more > slotCapacity { slotCapacity *= 2 }
    slotMemory = KeyTable.slots(slotCapacity)
    slots = slotMemory.base.bindMemory(to: KeySlot.self, capacity: 2 * slotCapacity)
    // In the old order: what is written next lies in few places.
    withExtendedLifetime(old) {
      for i in 0..<oldCount where oldSlots[i].number != 0 {
        var at = Int(truncatingIfNeeded: hashes[Int(oldSlots[i].number &- 1)]) & mask
        while slots[at].number != 0 { at = next(at) }
        slots[at] = oldSlots[i]
      }
    }
  }

  /// The first slot that may hold the key, or the empty one where the search ends.
  @inline(__always)
  private func find(_ hash: UInt64, _ key: KeySlot, _ slots: UnsafeMutablePointer<KeySlot>, _ mask: Int) -> Int {
    var at = Int(truncatingIfNeeded: hash) & mask
    while slots[at].number != 0 && !slots[at].mayHold(key) { at = next(at) }
    return at
  }

  @inline(__always)
  private func isKey(_ slot: KeySlot, _ key: UnsafePointer<UInt8>, _ length: Int, _ kept: KeySlot) -> Bool {
    // Equal slots are of keys of one length: one of 16 MiB is no key's.
    slot.mayHold(kept) && (kept.isWhole || equalBytes(arena.base + slot.start, key, length))
  }

  @inline(never)
  private func number(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, _ kept: KeySlot) -> UInt32 {
    let at = slot(of: key, length, hash: hash, kept)
    if slots[at].number != 0 { return slots[at].number &- 1 }
    if let directory {
      // It may have got a place since this row's was asked for.
      let number = directory.number(at: directory.place(of: key, length), shard: shard)
      if number != KeyDirectory.unknown { return number }
    }
    let start = append(key, length, hash: hash)
    slots[at] = kept.numbered(count &- 1, start: start)
    slotted &+= 1
    return UInt32(truncatingIfNeeded: count &- 1)
  }

  /// Where the key is, or the empty slot that it would get.
  @inline(__always)
  private func slot(of key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, _ kept: KeySlot) -> Int {
    var at = Int(truncatingIfNeeded: hash) & mask
    while slots[at].number != 0 && !isKey(slots[at], key, length, kept) { at = next(at) }
    return at
  }

  /// The number of a key that has a slot; else ``KeyDirectory/unknown``.
  @inline(never)
  private func slottedNumber(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) -> UInt32 {
    slots[slot(of: key, length, hash: hash, KeySlot(key, length, hash: hash))].number &- 1
  }

  /// Adds a key, for which there is room; gives where its bytes are.
  @inline(__always)
  private func append(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) -> UInt32 {
    let start = arena.append(key, length)
    views[count] = ByteView(start: start, length: UInt32(truncatingIfNeeded: length))
    hashes[count] = hash
    count &+= 1
    return start
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
      switch Int(end) - start {
      case 0, 1: break
      case 2: if precedes(order[start + 1], order[start]) { order.swapAt(start, start + 1) }
      default: order[start..<Int(end)].sort(by: precedes)
      }
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
