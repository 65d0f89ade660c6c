internal import Columns
internal import Synchronization

/// Shards and numbers of keys that end in digits, all of one length and one beginning ("c00342545"): found by the digits'
/// value, without a hash and without a search. Where customers are numbered this is a look into a small table instead of a
/// cache miss in a large one.
///
/// A key of the first block says what keys look like. Only values that lie densely are kept, so that the table grows with the
/// keys and not with their digits; all others are searched (``KeyTable``). What is kept is found from then on: a value that
/// lies densely once lies so ever after.
///
/// Any thread: entries are set once, by whoever holds the key's shard, and read by everybody. Who reads one comes to use its
/// number only with the shard in hand. Where states come and go, a shard's entries are one state's at a time (``lease(_:)``).
public final class KeyDirectory: Sendable {
  /// The number of a key that is not known; no key's.
  static let unknown = UInt32.max
  /// The place of a key that is none of these.
  static let noPlace: UInt32 = 0

  let shards: Int
  /// What keys look like is known: ``known`` is written before, once, and read afterwards.
  private let isShaped = Atomic<Bool>(false)
  // Sendable: written within the lock alone, and not after `isShaped` says that it may be read.
  private nonisolated(unsafe) var known: NumberedKeys?
  private let shaping = Mutex(())
  private let held = Atomic<Int>(0)
  /// Values below this are looked up, and were all the time since one was set: it never falls.
  private let limit: Atomic<Int>
  /// Shards that are leased.
  private let leased = Mutex<Set<Int>>([])
  /// By place, which is one more than the digits' value: above the bits of the shard one more than the number, 0 where it is
  /// not known. At ``noPlace`` it never is.
  // Sendable: read and written through atomics alone.
  private nonisolated(unsafe) let entries: UnsafeMutablePointer<Atomic<UInt32>>
  private nonisolated(unsafe) let memory: TableMemory
  private let shardBits: UInt32

  private let placesMax: Int
  /// Values below this are kept however few they are.
  private static let valuesAlways = 1 << 16
  /// Beyond, at least one in so many is a key.
  private static let valuesAKey = 8

  private static let rowsAtOnce = 1024

  /// Of the keys of so many shards' states. `placesMax`: there are places below this, where values lie densely; what is
  /// never used costs address space alone.
  public init(shards: Int, placesMax: Int = 1 << 24) {
    self.shards = shards
    self.placesMax = placesMax
    limit = Atomic(min(KeyDirectory.valuesAlways, placesMax - 1))
    shardBits = UInt32(truncatingIfNeeded: Int.bitWidth - (shards - 1).leadingZeroBitCount)
    memory = TableMemory(byteCount: placesMax * MemoryLayout<UInt32>.size)
    // Zeros are a valid `Atomic<UInt32>`, which has the layout of a UInt32.
    entries = memory.base.bindMemory(to: Atomic<UInt32>.self, capacity: placesMax)
  }

  /// What is found of rows' keys.
  struct Found {
    /// By row; ``unknown`` where the key is not known.
    var numbers: UnsafeMutablePointer<UInt32>
    /// By row; of no meaning where the key is not known.
    var shards: UnsafeMutablePointer<UInt32>
    /// By row: what ``set(_:shard:number:)`` takes.
    var places: UnsafeMutablePointer<UInt32>
    /// The rows whose keys are not known, ascending.
    var unknown: UnsafeMutablePointer<UInt32>
  }

  /// Gives how many rows' keys are not known; there is room for all rows. Keys lie in padded arenas.
  func find(_ rows: RowColumns, into found: Found) -> Int {
    let count = rows.count
    guard let shape = shape(of: rows) else {
      found.numbers.update(repeating: KeyDirectory.unknown, count: count)
      found.places.update(repeating: KeyDirectory.noPlace, count: count)
      for row in 0..<count { found.unknown[row] = UInt32(truncatingIfNeeded: row) }
      return count
    }
    let (entries, shardBits) = (entries, shardBits)
    let limit = UInt32(truncatingIfNeeded: limit.load(ordering: .relaxed))
    let shardMask = (1 as UInt32) << shardBits &- 1
    var unknown = 0
    // All that is asked for of some rows is asked for before any of it is looked at.
    var from = 0
    while from < count {
      let some = from..<min(from + KeyDirectory.rowsAtOnce, count)
      shape.find(
        rows.keys + from, some.count, in: rows.keyArena, below: limit, into: found.places + from,
        asking: UnsafeRawPointer(entries))
      for row in some {
        let entry = entries[Int(found.places[row])].load(ordering: .relaxed)
        found.numbers[row] = entry &>> shardBits &- 1
        found.shards[row] = entry & shardMask
        found.unknown[unknown] = UInt32(truncatingIfNeeded: row)
        unknown &+= entry == 0 ? 1 : 0
      }
      from = some.upperBound
    }
    return unknown
  }

  /// The number at a place, if it is of that shard; else ``unknown``. Whoever holds the shard reads what was set last.
  @inline(__always)
  func number(at place: UInt32, shard: Int) -> UInt32 {
    let entry = entries[Int(place)].load(ordering: .relaxed)
    return entry & ((1 &<< shardBits) &- 1) == UInt32(truncatingIfNeeded: shard)
      ? entry &>> shardBits &- 1 : KeyDirectory.unknown
  }

  /// Where a key's number is, were its value low enough for any number of keys. It lies in a padded arena.
  func place(of key: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    guard isShaped.load(ordering: .acquiring), let number = known?.number(of: key, length),
      number < placesMax - 1
    else { return KeyDirectory.noPlace }
    return UInt32(truncatingIfNeeded: number) &+ 1
  }

  /// Sets the number of a key, which has none yet, at the place that was found for it; says whether it did. Only by whoever
  /// holds the key's shard, who then says how many it set (``hold(_:)``).
  @inline(__always)
  func set(_ place: UInt32, shard: Int, number: UInt32) -> Bool {
    // A number so high finds no room beside the shard; one more than the highest would be 0.
    if place == KeyDirectory.noPlace || number >= UInt32.max &>> shardBits { return false }
    let entry = (number &+ 1) &<< shardBits | UInt32(truncatingIfNeeded: shard)
    entries[Int(place)].store(entry, ordering: .relaxed)
    return true
  }

  /// So many keys more are here.
  func hold(_ more: Int) {
    if more == 0 { return }
    let count = held.add(more, ordering: .relaxed).newValue
    // Of values: their places are one more.
    limit.max(min(placesMax - 1, count * KeyDirectory.valuesAKey), ordering: .relaxed)
  }

  /// A shard's entries, as one state's own: nil while another one has them. The state has to do without then.
  public func lease(_ shard: Int) -> Lease? {
    leased.withLock { $0.insert(shard).inserted } ? Lease(self, shard) : nil
  }

  /// See ``KeyDirectory/lease(_:)``. Ends with its owner; the entries go then.
  public final class Lease: Sendable {
    let directory: KeyDirectory
    private let shard: Int

    fileprivate init(_ directory: KeyDirectory, _ shard: Int) {
      self.directory = directory
      self.shard = shard
    }

    deinit {
      directory.clear(shard)
      // Whoever gets the shard next finds it cleared: the lock sees to it.
      directory.leased.withLock { _ = $0.remove(shard) }
    }
  }

  /// Takes a shard's entries out; nobody sets or uses any of them meanwhile.
  private func clear(_ shard: Int) {
    if held.load(ordering: .relaxed) == 0 { return }
    let (entries, mask) = (entries, (1 as UInt32) &<< shardBits &- 1)
    var count = 0
    for place in 1...limit.load(ordering: .relaxed) {
      let entry = entries[place].load(ordering: .relaxed)
      guard entry != 0, entry & mask == UInt32(truncatingIfNeeded: shard) else { continue }
      entries[place].store(0, ordering: .relaxed)
      count += 1
    }
    held.subtract(count, ordering: .relaxed)
  }

  /// What keys look like: like one in the middle of a block (what comes first is something else at times).
  private func shape(of rows: RowColumns) -> NumberedKeys? {
    if isShaped.load(ordering: .acquiring) { return known }
    return shaping.withLock { _ in
      if known == nil && rows.count > 0 {
        let view = rows.keys[rows.count / 2]
        known = NumberedKeys(like: UnsafePointer(rows.keyArena.base) + Int(view.start), view.length)
        if known != nil { isShaped.store(true, ordering: .releasing) }
      }
      return known
    }
  }
}
