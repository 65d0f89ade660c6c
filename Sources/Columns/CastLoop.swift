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

  /// Reads each field with `parse` (text, length, value); a null field takes `fallback`.
  @inline(__always) mutating func each<Value>(
    _ values: UnsafeMutablePointer<Value>, fallback: Value,
    _ parse: (UnsafePointer<UInt8>, Int, inout Value) -> RowFault
  ) {
    let text = text
    let fields = fields
    let stride = stride
    let validity = validity
    let nullValidity: UInt8 = hasFallback ? 1 : 0
    for row in 0..<rows {
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
