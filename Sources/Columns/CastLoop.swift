internal import CScan

/// The loops over a block's rows, and what they share.
///
/// `each` is generic and takes a closure only in the source: it is always inlined into ``Cast`` with both known, so what
/// runs is one plain loop a type, without calls, reference counts or allocation on the way of a good value.
struct CastLoop {
  let text: UnsafePointer<UInt8>
  let fields: UnsafePointer<ByteView>
  let stride: Int
  let rows: Int
  let validity: UnsafeMutablePointer<UInt8>
  let setNullOnError: Bool
  let hasFallback: Bool
  let faults: RowFaults
  let columnIndex: UInt16
  var nulledRows = 0

  /// A cast of the plainest forms, eight rows at a time: writes all rows, gives those that it could not read.
  typealias Wide<Value> = (
    _ text: UnsafePointer<UInt8>, _ fields: UnsafePointer<cscan_view>, _ stride: Int, _ rows: Int, _ fallback: Value,
    _ nullValidity: UInt8, _ values: UnsafeMutablePointer<Value>, _ validity: UnsafeMutablePointer<UInt8>,
    _ rest: UnsafeMutablePointer<UInt32>
  ) -> Int

  /// Whether this processor has what ``Wide`` casts want.
  static let isWide = cscan_is_wide() != 0
  /// Fewer rows are not worth a call.
  private static let wideRowsMin = 16
  private static let wideRowsMax = 1024

  /// Reads each field, many at a time by `wide` where they are what it reads, all others with `parse`.
  @inline(__always) mutating func each<Value>(
    _ values: UnsafeMutablePointer<Value>, fallback: Value, wide: Wide<Value>,
    _ parse: (UnsafePointer<UInt8>, Int, inout Value) -> RowFault
  ) {
    var from = 0
    if CastLoop.isWide && rows >= CastLoop.wideRowsMin {
      let nullValidity: UInt8 = hasFallback ? 1 : 0
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: CastLoop.wideRowsMax + 8) { rest in
        guard let rest = rest.baseAddress else { return }
        while from < rows {
          let count = min(rows &- from, CastLoop.wideRowsMax)
          let left = wide(
            text, UnsafePointer(CastLoop.views(fields + from &* stride)), stride, count, fallback, nullValidity,
            values + from,
            validity + from, rest)
          for i in 0..<left {
            let row = from &+ Int(rest[i])
            each(row..<row &+ 1, values, fallback: fallback, parse)
          }
          from &+= count
          // A column of other forms: no more is tried in vain.
          if left > count / 2 { break }
        }
      }
    }
    each(from..<rows, values, fallback: fallback, parse)
  }

  /// A field as C sees it: the same two words (and both are trivial types).
  @inline(__always)
  static func views(_ fields: UnsafePointer<ByteView>) -> UnsafePointer<cscan_view> {
    UnsafeRawPointer(fields).assumingMemoryBound(to: cscan_view.self)
  }

  /// Reads each field with `parse` (text, length, value); a null field takes `fallback`.
  @inline(__always) mutating func each<Value>(
    _ values: UnsafeMutablePointer<Value>, fallback: Value,
    _ parse: (UnsafePointer<UInt8>, Int, inout Value) -> RowFault
  ) {
    each(0..<rows, values, fallback: fallback, parse)
  }

  @inline(__always) private mutating func each<Value>(
    _ rows: Range<Int>, _ values: UnsafeMutablePointer<Value>, fallback: Value,
    _ parse: (UnsafePointer<UInt8>, Int, inout Value) -> RowFault
  ) {
    let text = text
    let fields = fields
    let stride = stride
    let validity = validity
    let nullValidity: UInt8 = hasFallback ? 1 : 0
    for row in rows {
      let field = fields[row &* stride]
      // Nulls and faults leave it so.
      var value = fallback
      if field.isNull {
        values[row] = value
        validity[row] = nullValidity
        continue
      }
      let fault = parse(text + Int(field.start), field.length, &value)
      values[row] = value
      validity[row] = 1
      if fault != .none { refuse(row, fault) }
    }
  }

  /// Strings whose bytes are known to be UTF-8: views without flags.
  @inline(__always) mutating func views(_ views: UnsafeMutablePointer<ByteView>) {
    if CastLoop.isWide {
      _ = cscan_texts(
        CastLoop.views(fields), stride, rows, UnsafeMutablePointer(mutating: CastLoop.views(views)), validity)
      return
    }
    for row in 0..<rows {
      let field = fields[row &* stride]
      views[row] = ByteView(start: field.start, length: field.lengthAndFlags & ByteView.lengthMask)
      validity[row] = UInt8(truncatingIfNeeded: ~field.lengthAndFlags &>> 31)
    }
  }

  /// Strings of unknown bytes.
  @inline(__always) mutating func checkedViews(_ views: UnsafeMutablePointer<ByteView>) {
    for row in 0..<rows {
      let field = fields[row &* stride]
      views[row] = ByteView(start: field.start, length: field.lengthAndFlags & ByteView.lengthMask)
      validity[row] = field.isNull ? 0 : 1
      if !field.isNull && !UTF8Check.isValid(text + Int(field.start), field.length) {
        refuse(row, .invalidUTF8)
      }
    }
  }

  /// Points null fields at a copy of `fallback`, made at most once a block.
  mutating func fillNulls(_ views: UnsafeMutablePointer<ByteView>, with fallback: String, in arena: ByteArena) {
    var copy: ByteView?
    for row in 0..<rows where fields[row &* stride].isNull {
      let view = copy ?? arena.append(fallback)
      copy = view
      views[row] = view
      validity[row] = 1
    }
  }

  /// A text that could not be read. Its element stays as the loop wrote it; null elements are not read.
  @inline(never) mutating func refuse(_ row: Int, _ fault: RowFault) {
    validity[row] = 0
    if !setNullOnError {
      faults.note(row: row, fault, column: columnIndex)
    } else if faults.codes[row] == 0 {
      nulledRows += 1
    }
  }
}
