/// Reads Thrift's compact protocol out of bytes that may be anything: every length is checked against what is left,
/// nesting is bounded, and what is wrong ends in ``WriteError/Code/invalidFooter``.
struct ThriftCompactReader {
  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  /// Parquet's own metadata nests seven deep.
  private static let depthMax = 24

  /// One field of a struct: its id and what follows.
  struct FieldHead {
    let id: Int16
    let kind: UInt8
  }

  typealias Kind = ThriftCompactWriter.Kind

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads a struct: `field` is called for each field and says whether it took the value; others are skipped.
  mutating func structure(
    _ field: (inout ThriftCompactReader, FieldHead) throws(WriteError) -> Bool
  ) throws(WriteError) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw Self.invalid("structures nest too deep") }
    var last: Int16 = 0
    while true {
      let head = try byte()
      if head == 0 { return }
      let kind = head & 15
      if head >> 4 != 0 {
        last = last &+ Int16(head >> 4)
      } else {
        guard let id = Int16(exactly: try zigzag()) else {
          throw Self.invalid("a field number is out of range")
        }
        last = id
      }
      if try !field(&self, FieldHead(id: last, kind: kind)) { try skip(kind) }
    }
  }

  /// Reads a list whose elements must be of `kind`.
  mutating func list<T>(
    _ head: FieldHead, of kind: UInt8, _ element: (inout ThriftCompactReader) throws(WriteError) -> T
  ) throws(WriteError) -> [T] {
    try expect(head, Kind.list)
    let (count, found) = try listHead()
    guard found == kind || count == 0 else { throw Self.invalid("a list holds elements of another type") }
    var result: [T] = []
    result.reserveCapacity(min(count, 1024))
    for _ in 0..<count { result.append(try element(&self)) }
    return result
  }

  mutating func int(_ head: FieldHead) throws(WriteError) -> Int {
    guard head.kind == Kind.i32 || head.kind == Kind.i64 || head.kind == 4 else {
      throw Self.invalid("field \(head.id) is not an integer")
    }
    return Int(try zigzag())
  }

  func bool(_ head: FieldHead) throws(WriteError) -> Bool {
    guard head.kind == Kind.boolTrue || head.kind == Kind.boolFalse else {
      throw Self.invalid("field \(head.id) is not a boolean")
    }
    return head.kind == Kind.boolTrue
  }

  mutating func binary(_ head: FieldHead) throws(WriteError) -> [UInt8] {
    try expect(head, Kind.binary)
    return try binaryElement()
  }

  mutating func string(_ head: FieldHead) throws(WriteError) -> String {
    String(decoding: try binary(head), as: UTF8.self)
  }

  mutating func structure(
    _ head: FieldHead, _ field: (inout ThriftCompactReader, FieldHead) throws(WriteError) -> Bool
  ) throws(WriteError) {
    try expect(head, Kind.structure)
    try structure(field)
  }

  // Elements of lists.
  mutating func intElement() throws(WriteError) -> Int { Int(try zigzag()) }

  mutating func binaryElement() throws(WriteError) -> [UInt8] {
    let length = try size()
    defer { position += length }
    return Array(bytes[position..<position + length])
  }

  static func invalid(_ message: String) -> WriteError {
    WriteError(.invalidFooter, "the Parquet footer cannot be read: \(message)")
  }

  // MARK: The wire

  private func expect(_ head: FieldHead, _ kind: UInt8) throws(WriteError) {
    guard head.kind == kind else { throw Self.invalid("field \(head.id) has type \(head.kind), not \(kind)") }
  }

  private mutating func byte() throws(WriteError) -> UInt8 {
    guard position < bytes.count else { throw Self.invalid("it ends too early") }
    position += 1
    return bytes[position - 1]
  }

  private mutating func varint() throws(WriteError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let next = try byte()
      // The tenth byte holds bit 63 only.
      guard shift < 63 || next <= 1 else { break }
      value |= UInt64(next & 0x7f) &<< shift
      if next < 0x80 { return value }
    }
    throw Self.invalid("an integer is longer than 64 bits")
  }

  private mutating func zigzag() throws(WriteError) -> Int64 {
    let raw = try varint()
    return Int64(bitPattern: raw &>> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// A count of bytes, or of elements of at least a byte each: never more than what is left.
  private mutating func size() throws(WriteError) -> Int {
    let value = try varint()
    guard value <= UInt64(bytes.count - position) else { throw Self.invalid("it ends too early") }
    return Int(value)
  }

  private mutating func listHead() throws(WriteError) -> (count: Int, kind: UInt8) {
    let head = try byte()
    if head >> 4 == 15 { return (try size(), head & 15) }
    guard Int(head >> 4) <= bytes.count - position else { throw Self.invalid("it ends too early") }
    return (Int(head >> 4), head & 15)
  }

  /// Passes over a field's value. The booleans of fields lie in the head, so they take no bytes here.
  private mutating func skip(_ kind: UInt8) throws(WriteError) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw Self.invalid("structures nest too deep") }
    switch kind {
    case 1, 2: break
    case 3: _ = try byte()
    case 4, 5, 6: _ = try varint()
    case 7: for _ in 0..<8 { _ = try byte() }
    case 8: position += try size()
    case 9, 10:
      let (count, element) = try listHead()
      for _ in 0..<count { try skipElement(element) }
    case 11:
      let count = try size()
      guard count > 0 else { return }
      let kinds = try byte()
      for _ in 0..<count {
        try skipElement(kinds >> 4)
        try skipElement(kinds & 15)
      }
    case 12: try structure { (_, _) throws(WriteError) in false }
    default: throw Self.invalid("type \(kind) does not exist")
    }
  }

  /// Within lists and maps a boolean is a byte.
  private mutating func skipElement(_ kind: UInt8) throws(WriteError) {
    if kind == 1 || kind == 2 { _ = try byte() } else { try skip(kind) }
  }
}
