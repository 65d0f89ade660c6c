internal import Columns

/// Records of one size, by key number: all zeros at first, in pages, so that growing copies nothing and what was found
/// stays where it is.
struct RecordPages {
  /// Bytes of a record, a multiple of 8.
  let stride: Int
  private(set) var pages: [UnsafeMutableRawPointer] = []
  /// What the pages lie in: many to a large page, once they are many.
  private var slabs: [LargePages] = []
  /// Pages for which there is room in the last slab.
  private var room = 0

  private static let shift = 10
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
    let pageBytes = RecordPages.rows * stride
    while pages.count < needed {
      if room == 0 {
        // What is asked for now, or a part of what there is; large pages whole, if most of the last is wanted.
        let wanted = max(needed - pages.count, min(pages.count / 8, LargePages.bytes / pageBytes), 1) * pageBytes
        let isWhole = wanted % LargePages.bytes > LargePages.bytes / 2
        let byteCount = isWhole ? (wanted / LargePages.bytes + 1) * LargePages.bytes : wanted
        room = byteCount / pageBytes
        slabs.append(LargePages(byteCount: byteCount))
        pages.append(slabs[slabs.count - 1].base)
      } else {
        pages.append(pages[pages.count - 1] + pageBytes)
      }
      room -= 1
    }
  }

  /// Finds the records of rows with these key numbers, and loads all of each: the cache misses of many rows overlap here,
  /// and what follows meets few. Gives what it loaded, so that no compiler leaves its loads out.
  func find(
    _ chosen: UnsafePointer<UInt32>, _ count: Int, _ numbers: UnsafePointer<UInt32>,
    into records: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) -> UInt64 {
    let stride = stride
    // Records that do not begin with a cache line may end in one more.
    let last = stride % 64 == 0 ? 0 : stride - 8
    var seen: UInt64 = 0
    pages.withUnsafeBufferPointer { pages in
      for i in 0..<count {
        let row = Int(chosen[i])
        let key = Int(numbers[row])
        let record = pages[key >> RecordPages.shift] + (key & (RecordPages.rows - 1)) &* stride
        records[row] = record
        seen |= record.load(as: UInt64.self) | record.load(fromByteOffset: last, as: UInt64.self)
        var at = 64
        while at < stride {
          seen |= record.load(fromByteOffset: at, as: UInt64.self)
          at &+= 64
        }
      }
    }
    return seen
  }
}
