internal import CScan
internal import Columns

/// The records of keys on their way into a table, of all sources.
///
/// What a state has of a key lies anywhere, and a look at it is a cache miss nearly always. So keys are looked up some blocks
/// before they are read, and their records asked for; a block before, these say where their texts lie, which are asked for
/// then. A processor waits for a few dozen misses at a time at most, so they are asked for little by little, between the
/// columns of the block that is read.
///
/// One thread; nobody may write to the state as long as this is used.
final class RecordsAhead {
  /// Keys whose rows are read column after column: what belongs to them stays in the second cache.
  static let blockKeys = 256
  /// Keys that are looked up before the block that is read has ended.
  private static let keysAhead = 2 * blockKeys
  /// Keys whose records are kept, a power of two: where a block begins, there is room for all of it.
  private static let room = 4 * blockKeys

  /// The records of a source.
  private struct Source {
    /// Copies, so that nobody else's array is looked into.
    var pages: UnsafeMutablePointer<UnsafeMutableRawPointer>
    var pageCount: Int
    var stride: Int
    var absent: UnsafeMutableRawPointer
    /// Of `latest` sources: a record may be of a removal.
    var isLatest: Bool
    /// Offsets of the texts' address and of the last one's end, if there are texts.
    var texts: (address: Int, end: Int)?
    /// By a key's position, modulo ``room``.
    var found: UnsafeMutablePointer<UnsafeMutableRawPointer>
  }

  private let keys: UnsafeBufferPointer<UInt32>
  private let views: UnsafePointer<ByteView>
  private let keyBytes: UnsafePointer<UInt8>
  /// Those that are wanted; and where they stand here, by their number in the plan.
  private var sources: [Source] = []
  private var places: [Int]
  /// Keys that were looked up, and of those, keys whose records were.
  private var located = 0
  private var followed = 0
  /// The end of the block that is read.
  private var end = 0

  /// `sources`: one flag a source, whether its records are wanted. `keys` must outlive this.
  init(_ state: ShardState, sources wanted: [Bool], keys: UnsafeBufferPointer<UInt32>) {
    self.keys = keys
    views = UnsafePointer(state.keys.views)
    keyBytes = UnsafePointer(state.keys.arena.base)
    places = Array(repeating: 0, count: wanted.count)
    for source in wanted.indices where wanted[source] {
      places[source] = sources.count
      if let latest = state.latest[source] {
        let last = latest.layout.texts.last.map { latest.layout.places[$0].offset }
        add(latest.records, latest.absent, isLatest: true, texts: last.map { (latest.layout.textsOffset, $0) })
      } else if let events = state.events[source] {
        add(events.records, events.absent, isLatest: false, texts: nil)
      }
    }
  }

  deinit {
    for source in sources {
      source.pages.deallocate()
      source.found.deallocate()
    }
  }

  private func add(
    _ records: RecordPages, _ absent: UnsafeMutableRawPointer, isLatest: Bool, texts: (address: Int, end: Int)?
  ) {
    let pages = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: max(records.pages.count, 1))
    for (index, page) in records.pages.enumerated() { (pages + index).initialize(to: page) }
    sources.append(
      Source(
        pages: pages, pageCount: records.pages.count, stride: records.stride, absent: absent, isLatest: isLatest,
        texts: texts, found: .allocate(capacity: RecordsAhead.room)))
  }

  /// Calls `body` with each block of the keys in order: the position of the first, and the keys.
  func forBlocks<E: Error>(_ body: (Int, UnsafeBufferPointer<UInt32>) throws(E) -> Void) throws(E) {
    var from = 0
    while from < keys.count {
      end = min(from + RecordsAhead.blockKeys, keys.count)
      locate(min(end + RecordsAhead.blockKeys, keys.count))
      follow(end)
      try body(from, UnsafeBufferPointer(rebasing: keys[from..<end]))
      from = end
    }
  }

  /// The records of a source of `count` keys from a position on, all of one block that is under way.
  func records(_ source: Int, at position: Int, _ count: Int) -> UnsafeBufferPointer<UnsafeMutableRawPointer> {
    UnsafeBufferPointer(start: sources[places[source]].found + position % RecordsAhead.room, count: count)
  }

  /// Asks for some more: `share` of what a block takes. To be called while a block is read.
  func advance(_ share: Int) {
    let some = RecordsAhead.blockKeys / share + 1
    // What was asked for last may not be there yet.
    follow(min(followed + some, end + RecordsAhead.blockKeys, located - RecordsAhead.blockKeys / 2))
    locate(min(located + some, end + RecordsAhead.keysAhead, keys.count))
  }

  /// Looks keys up to a position up, and asks for their records.
  private func locate(_ to: Int) {
    guard to > located else { return }
    for at in located..<to { cscan_prefetch(views + Int(keys[at])) }
    for source in sources {
      let (stride, absent) = (source.stride, source.absent)
      // A record that does not begin with a cache line may end in one more.
      let last = stride % 64 == 0 ? 0 : stride - 1
      for at in located..<to {
        let key = Int(keys[at])
        let page = key / RecordPages.rows
        let record = page < source.pageCount ? source.pages[page] + key % RecordPages.rows &* stride : absent
        source.found[at % RecordsAhead.room] = record
        var offset = 0
        while offset < stride {
          cscan_prefetch(record + offset)
          offset &+= 64
        }
        if last != 0 { cscan_prefetch(record + last) }
      }
    }
    located = to
  }

  /// Of records that were asked for: in the place of a `latest` one without a row stands from here on one that is all zeros.
  /// Asks for their texts, and for the keys' bytes.
  private func follow(_ to: Int) {
    guard to > followed else { return }
    for at in followed..<to { cscan_prefetch(keyBytes + Int(views[Int(keys[at])].start)) }
    for source in sources where source.isLatest {
      for at in followed..<to {
        let found = source.found + at % RecordsAhead.room
        let record = found.pointee
        guard LatestLayout.hasRow(record) else {
          found.pointee = source.absent
          continue
        }
        guard let texts = source.texts,
          let bytes = UnsafeRawPointer(bitPattern: record.load(fromByteOffset: texts.address, as: UInt.self))
        else { continue }
        // Those of most records lie in one cache line or two.
        cscan_prefetch(bytes)
        cscan_prefetch(bytes + Int(record.load(fromByteOffset: texts.end, as: UInt32.self)))
      }
    }
    followed = to
  }
}
