/// Writes Thrift's compact protocol (Apache Thrift, `thrift-compact-protocol.md`), as far as Parquet's metadata uses
/// it: structs, lists, integers, booleans and binaries.
struct ThriftCompactWriter {
  private(set) var bytes: [UInt8] = []
  /// The last field id of each open struct: ids are written as differences.
  private var lastFields: [Int16] = [0]

  /// Type codes of the compact protocol.
  enum Kind {
    static let boolTrue: UInt8 = 1
    static let boolFalse: UInt8 = 2
    static let i32: UInt8 = 5
    static let i64: UInt8 = 6
    static let binary: UInt8 = 8
    static let list: UInt8 = 9
    static let structure: UInt8 = 12
  }

  mutating func i32(_ id: Int16, _ value: Int) {
    field(id, Kind.i32)
    zigzag(Int64(value))
  }

  mutating func i64(_ id: Int16, _ value: Int) {
    field(id, Kind.i64)
    zigzag(Int64(value))
  }

  mutating func bool(_ id: Int16, _ value: Bool) {
    field(id, value ? Kind.boolTrue : Kind.boolFalse)
  }

  mutating func binary(_ id: Int16, _ value: some Collection<UInt8>) {
    field(id, Kind.binary)
    element(value)
  }

  mutating func structure(_ id: Int16, _ body: (inout ThriftCompactWriter) -> Void) {
    field(id, Kind.structure)
    element(body)
  }

  /// The head of a list; `count` elements of the kind must follow.
  mutating func list(_ id: Int16, of kind: UInt8, count: Int) {
    field(id, Kind.list)
    if count < 15 {
      bytes.append(UInt8(count) << 4 | kind)
    } else {
      bytes.append(0xf0 | kind)
      varint(UInt64(count))
    }
  }

  // Elements of lists.
  mutating func element(_ value: Int) { zigzag(Int64(value)) }

  mutating func element(_ value: some Collection<UInt8>) {
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func element(_ body: (inout ThriftCompactWriter) -> Void) {
    lastFields.append(0)
    body(&self)
    stop()
    lastFields.removeLast()
  }

  /// Ends a struct; the outermost one is ended by the caller.
  mutating func stop() { bytes.append(0) }

  private mutating func field(_ id: Int16, _ kind: UInt8) {
    let top = lastFields.count - 1
    let delta = id - lastFields[top]
    if delta > 0 && delta <= 15 {
      bytes.append(UInt8(delta) << 4 | kind)
    } else {
      bytes.append(kind)
      zigzag(Int64(id))
    }
    lastFields[top] = id
  }

  private mutating func zigzag(_ value: Int64) {
    varint(UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)))
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}
