internal import Columns

/// The lists (or counts) of one field of a block: which elements each row has. Valid until the block is scanned into
/// again.
struct JSONLists {
  let rows: Int
  /// Where the elements of all rows lie in the block's items; empty for counts.
  let items: Range<Int>
  private let views: UnsafePointer<ByteView>
  private let stride: Int

  /// A list's rows lie one after the other in the block's items, so the first and the last bound them.
  init(_ block: FieldBlock, field: Int, areCounts: Bool) {
    rows = block.rows
    stride = block.width
    views = UnsafePointer(block.fields + field)
    var first = -1
    var end = 0
    var total = 0
    for row in 0..<block.rows where !areCounts {
      let view = block.fields[row &* block.width &+ field]
      if view.isNull { continue }
      if first < 0 { first = Int(view.start) }
      end = Int(view.start) &+ view.length
      total &+= view.length
    }
    items = max(first, 0)..<end
    precondition(items.count == total && end <= block.items.count, "field \(field) is no list")
  }

  @inline(__always) func isNull(_ row: Int) -> Bool { views[row &* stride].isNull }

  /// The length of a row's list, or the row's count; 0 for null.
  @inline(__always) func length(_ row: Int) -> Int { views[row &* stride].length }

  /// A row's elements as indices into the part of the block's items that ``items`` says; none for null.
  @inline(__always) func elements(_ row: Int) -> Range<Int> {
    let view = views[row &* stride]
    if view.isNull { return 0..<0 }
    let start = Int(view.start) &- items.lowerBound
    return start..<(start &+ view.length)
  }
}
