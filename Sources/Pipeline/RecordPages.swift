internal import CScan
public import Columns

/// Records of one size, by key number: all zeros at first, in pages, so that growing copies nothing and what was found
/// stays where it is.
struct RecordPages {
  /// Bytes of a record, a multiple of 8; of 16 where records have slots of 16 bytes.
  let stride: Int
  private(set) var pages: [UnsafeMutableRawPointer] = []
  /// What the pages lie in: many to one, once they are many.
  private var slabs: [TableMemory] = []

  /// What goes beyond so much lies in large pages. Less gains little, and large pages cost more to get from some hosts
  /// (``TableMemory``).
  private static let largeBytesMin = 4 << 20

  private static let shift = 10
  /// How often as many keys as last may come before there has to be more room.
  private static let timesAhead = 64
  /// Records of a page.
  static let rows = 1 << shift

  init(stride: Int) { self.stride = stride }

  /// About how much memory it takes.
  var bytes: Int { slabs.reduce(0) { $0 + $1.byteCount } }

  /// The record of a key, or nil where none that high was asked for.
  @inline(__always)
  func record(_ key: UInt32) -> UnsafeMutableRawPointer? {
    let page = Int(key) >> RecordPages.shift
    if page >= pages.count { return nil }
    return pages[page] + (Int(key) & (RecordPages.rows - 1)) &* stride
  }

  /// Makes room for keys below `keys`.
  mutating func grow(to keys: Int) {
    let needed = (keys + RecordPages.rows - 1) >> RecordPages.shift
    if needed > pages.count { add(room(needed - pages.count).memory()) }
  }

  /// What there is no room without for keys below `keys`, or soon will be none without, when as many come again and again as
  /// the last `more`, if it takes long to get. It may be got while others use these records.
  func wanted(for keys: Int, lastCame more: Int) -> RecordRoom? {
    let left = pages.count * RecordPages.rows - keys
    if left < 0 { return room((RecordPages.rows - 1 - left) >> RecordPages.shift) }
    let isLarge = pages.count * RecordPages.rows * stride >= RecordPages.largeBytesMin
    return isLarge && left < min(more * RecordPages.timesAhead, pages.count * RecordPages.rows / 8) ? room(1) : nil
  }

  /// Of what was asked for, or of a part of what there is.
  private func room(_ more: Int) -> RecordRoom {
    let count = max(more, pages.count / 8)
    let pageBytes = RecordPages.rows * stride
    return RecordRoom(
      byteCount: count * pageBytes, isLarge: (pages.count + count) * pageBytes > RecordPages.largeBytesMin)
  }

  /// Room for more keys.
  mutating func add(_ memory: TableMemory) {
    let pageBytes = RecordPages.rows * stride
    for page in 0..<memory.byteCount / pageBytes { pages.append(memory.base + page * pageBytes) }
    slabs.append(memory)
  }

  /// Finds the records of rows with these key numbers, all of which there is room for.
  func find(
    _ chosen: UnsafeBufferPointer<UInt32>, _ numbers: UnsafePointer<UInt32>,
    into records: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) {
    let stride = stride
    pages.withUnsafeBufferPointer { pages in
      for row in chosen {
        let row = Int(row)
        let key = Int(numbers[row])
        records[row] = pages[key >> RecordPages.shift] + (key & (RecordPages.rows - 1)) &* stride
      }
    }
  }

  /// Finds the records of those of the chosen rows whose key numbers are below `keys` and for which there is room, and asks
  /// the processor for them; the others go to `rest`. Gives how many those are.
  func find(
    _ chosen: UnsafeBufferPointer<UInt32>, _ numbers: UnsafePointer<UInt32>, below keys: Int,
    into records: UnsafeMutablePointer<UnsafeMutableRawPointer>, rest: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let stride = stride
    let last = lastByteAsked
    let end = UInt32(truncatingIfNeeded: min(keys, pages.count << RecordPages.shift))
    var left = 0
    pages.withUnsafeBufferPointer { pages in
      for row in chosen {
        let number = numbers[Int(row)]
        if number >= end {
          rest[left] = row
          left &+= 1
          continue
        }
        let record =
          pages[Int(number) >> RecordPages.shift] + (Int(number) & (RecordPages.rows - 1)) &* stride
        records[Int(row)] = record
        var at = 0
        repeat {
          cscan_prefetch(record + at)
          at &+= 64
        } while at < stride
        if last != 0 { cscan_prefetch(record + last) }
      }
    }
    return left
  }

  /// A record that does not begin with a cache line may end in one more.
  private var lastByteAsked: Int { stride % 64 == 0 ? 0 : stride - 1 }

  /// Calls `body` with a function that asks the processor for the record of a key number, if there is one: what is asked
  /// for while other work goes on is there when it is wanted.
  @inline(__always)
  func withPrefetch<R>(_ body: ((UInt32) -> Void) -> R) -> R {
    let stride = stride
    let last = lastByteAsked
    return pages.withUnsafeBufferPointer { pages in
      body { number in
        let page = Int(number) >> RecordPages.shift
        if page >= pages.count { return }
        let record = pages[page] + (Int(number) & (RecordPages.rows - 1)) &* stride
        var at = 0
        while at < stride {
          cscan_prefetch(record + at)
          at &+= 64
        }
        if last != 0 { cscan_prefetch(record + last) }
      }
    }
  }
}

/// Memory that records are going to want.
public struct RecordRoom: Sendable, Equatable {
  let byteCount: Int
  let isLarge: Bool

  /// Takes long: the system clears it.
  public func memory() -> TableMemory { TableMemory(byteCount: byteCount, isLarge: isLarge) }
}
