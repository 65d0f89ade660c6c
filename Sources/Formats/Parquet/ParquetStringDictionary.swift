internal import Columns

#if canImport(Glibc)
  internal import Glibc
#endif

/// The distinct values of a string column, as views into the column's own arena.
///
/// One thread at a time; reused from column to column.
final class ParquetStringDictionary {
  private let table = ParquetDictionarySlots()
  private(set) var entries: UnsafeMutablePointer<ByteView>
  private var hashes: UnsafeMutablePointer<UInt64>
  private(set) var count = 0
  /// PLAIN size of the entries.
  private(set) var bytes = 0
  private var capacity = 1024
  /// Views that came before, each with its entry's number: where a column has one view for equal texts, there is no need
  /// to look at these. Remembers some.
  private let seen: UnsafeMutablePointer<Seen>
  private var seenAgain = 0
  private static let seenSlots = 1024

  private struct Seen: BitwiseCopyable {
    /// A view's bits; all ones are no view.
    var view = UInt64.max
    var entry: UInt32 = 0
  }

  init() {
    entries = .allocate(capacity: capacity)
    hashes = .allocate(capacity: capacity)
    seen = .allocate(capacity: Self.seenSlots)
  }

  deinit {
    entries.deallocate()
    hashes.deallocate()
    seen.deallocate()
  }

  /// As ``ParquetFixedDictionary/build(_:_:width:indices:)``.
  func build(
    _ views: UnsafePointer<ByteView>, _ values: Int, text: UnsafePointer<UInt8>,
    indices: UnsafeMutablePointer<UInt32>
  ) -> Bool {
    table.reset()
    count = 0
    bytes = 0
    seen.initialize(repeating: Seen(), count: Self.seenSlots)
    var looksForSeen = true
    var last = ParquetDictionaryRule.Look()
    while last.values < values {
      let end = min(values, ParquetDictionaryRule.look(after: last.values))
      seenAgain = 0
      let added =
        looksForSeen
        ? add(views, last.values, end, text, indices, seen: seen)
        : add(views, last.values, end, text, indices, seen: nil)
      looksForSeen = looksForSeen && seenAgain * 2 > end - last.values
      let now = ParquetDictionaryRule.Look(
        values: end, entries: count, dictionaryBytes: bytes, plainBytes: last.plainBytes + added)
      if ParquetDictionaryRule.isHopeless(now, since: last, total: values) { return false }
      last = now
    }
    return ParquetDictionaryRule.pays(
      entries: count, dictionaryBytes: bytes, values: values, plainBytes: last.plainBytes)
  }

  /// The first `length` (at most 8) bytes as an integer. Reads a whole word: an arena is followed by 64 readable bytes.
  @inline(__always)
  private static func word(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    let word = UInt64(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
    return length == 0 ? 0 : word & (UInt64.max &>> UInt64(64 &- 8 &* length))
  }

  /// Gives the PLAIN size of the values it added.
  @inline(__always)
  private func add(
    _ views: UnsafePointer<ByteView>, _ from: Int, _ to: Int, _ text: UnsafePointer<UInt8>,
    _ indices: UnsafeMutablePointer<UInt32>, seen: UnsafeMutablePointer<Seen>?
  ) -> Int {
    var slots = table.slots
    var mask = table.mask
    var plainBytes = 0
    var again = 0
    defer { seenAgain = again }
    for i in from..<to {
      let view = views[i]
      let length = view.length
      let bytes = text + Int(view.start)
      plainBytes &+= 4 &+ length
      if let seen {
        let bits = UInt64(view.lengthAndFlags) &<< 32 | UInt64(view.start)
        let known = seen + Int(truncatingIfNeeded: (view.start &* 0x9e37_79b1) &>> 22)
        if known.pointee.view == bits {
          indices[i] = known.pointee.entry
          again &+= 1
          continue
        }
        known.pointee.view = bits
      }
      // Up to eight bytes the hash is a bijection of the bytes, so equal hashes and lengths are equal strings.
      let hash =
        length <= 8
        ? Hashing.mix(
          Self.word(bytes, length) ^ (UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9_7f4a_7c15))
        : Hashing.hash64(bytes, length)
      var slot = Int(truncatingIfNeeded: hash) & mask
      while true {
        let entry = Int(slots[slot]) &- 1
        if entry < 0 {
          insert(view, hash)
          slots[slot] = UInt32(truncatingIfNeeded: count)
          indices[i] = UInt32(truncatingIfNeeded: count &- 1)
          if count &* 2 > mask {
            rehash()
            slots = table.slots
            mask = table.mask
          }
          break
        }
        if hashes[entry] == hash && entries[entry].length == length
          && (length <= 8 || memcmp(text + Int(entries[entry].start), bytes, length) == 0)
        {
          indices[i] = UInt32(truncatingIfNeeded: entry)
          break
        }
        slot = (slot &+ 1) & mask
      }
      if let seen {
        seen[Int(truncatingIfNeeded: (view.start &* 0x9e37_79b1) &>> 22)].entry = indices[i]
      }
    }
    return plainBytes
  }

  @inline(never) private func insert(_ view: ByteView, _ hash: UInt64) {
    if count == capacity {
      let grownEntries = UnsafeMutablePointer<ByteView>.allocate(capacity: capacity * 2)
      let grownHashes = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
      grownEntries.update(from: entries, count: count)
      grownHashes.update(from: hashes, count: count)
      entries.deallocate()
      hashes.deallocate()
      entries = grownEntries
      hashes = grownHashes
      capacity *= 2
    }
    entries[count] = view
    hashes[count] = hash
    count &+= 1
    bytes += 4 + view.length
  }

  private func rehash() {
    table.double()
    let slots = table.slots
    let mask = table.mask
    for entry in 0..<count {
      var slot = Int(truncatingIfNeeded: hashes[entry]) & mask
      while slots[slot] != 0 { slot = (slot &+ 1) & mask }
      slots[slot] = UInt32(truncatingIfNeeded: entry + 1)
    }
  }
}
