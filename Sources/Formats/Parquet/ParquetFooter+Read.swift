internal import Columns

// Reading back a footer that Tributary wrote, to copy its row groups into another file. Bytes may be anything.

extension ParquetFooter {
  /// The length of the metadata before the trailer, from a file's last eight bytes.
  public static func metadataBytes(trailer: [UInt8]) throws(WriteError) -> Int {
    guard trailer.count == trailerBytes, Array(trailer[4...]) == magic else {
      throw ThriftCompactReader.invalid("the file does not end in PAR1")
    }
    var length = 0
    for i in 0..<4 { length |= Int(trailer[i]) << (8 * i) }
    return length
  }

  /// Reads the metadata (without the trailer) of a file whose metadata begins at `fileOffset`.
  public init(metadata bytes: [UInt8], fileOffset: Int) throws(WriteError) {
    var reader = ThriftCompactReader(bytes)
    var columns: [ParquetColumn] = []
    var groups: [RawGroup] = []
    var keyValues: [ParquetKeyValue] = []
    var createdBy = ""
    var rows: Int?
    try reader.structure { (reader, head) throws(WriteError) in
      switch head.id {
      case 2: columns = try ParquetFooter.readSchema(&reader, head)
      case 3: rows = try reader.int(head)
      case 4:
        groups = try reader.list(head, of: ThriftCompactWriter.Kind.structure) {
          (reader) throws(WriteError) in
          try RawGroup(&reader)
        }
      case 5:
        keyValues = try reader.list(head, of: ThriftCompactWriter.Kind.structure) {
          (reader) throws(WriteError) in
          try ParquetFooter.readKeyValue(&reader)
        }
      case 6: createdBy = try reader.string(head)
      default: return false
      }
      return true
    }
    var placed: [PlacedGroup] = []
    var offset = ParquetFooter.magic.count
    for group in groups {
      let next = try group.placed(columns: columns, from: offset, to: fileOffset)
      offset = next.offset + next.group.compressedBytes
      placed.append(next)
    }
    self.init(columns: columns, groups: placed, keyValues: keyValues, createdBy: createdBy)
    guard rows == self.rows else {
      throw ThriftCompactReader.invalid("the number of rows is not the sum of the row groups'")
    }
  }

  private static func readKeyValue(_ reader: inout ThriftCompactReader) throws(WriteError) -> ParquetKeyValue {
    var pair = ParquetKeyValue("", "")
    try reader.structure { (reader, head) throws(WriteError) in
      switch head.id {
      case 1: pair.key = try reader.string(head)
      case 2: pair.value = try reader.string(head)
      default: return false
      }
      return true
    }
    return pair
  }

  // MARK: The schema

  private struct RawElement {
    var type: Int?
    var typeLength = 0
    var repetition: Int?
    var name = ""
    var children = 0
    var converted: Int?
    var scale = 0
    var precision = 0
  }

  private static func readSchema(
    _ reader: inout ThriftCompactReader, _ head: ThriftCompactReader.FieldHead
  ) throws(WriteError) -> [ParquetColumn] {
    let elements = try reader.list(head, of: ThriftCompactWriter.Kind.structure) {
      (reader) throws(WriteError) in
      var element = RawElement()
      try reader.structure { (reader, head) throws(WriteError) in
        switch head.id {
        case 1: element.type = try reader.int(head)
        case 2: element.typeLength = try reader.int(head)
        case 3: element.repetition = try reader.int(head)
        case 4: element.name = try reader.string(head)
        case 5: element.children = try reader.int(head)
        case 6: element.converted = try reader.int(head)
        case 7: element.scale = try reader.int(head)
        case 8: element.precision = try reader.int(head)
        default: return false
        }
        return true
      }
      return element
    }
    guard let root = elements.first, root.type == nil, root.children == elements.count - 1 else {
      throw ThriftCompactReader.invalid("the schema is not a flat list of columns")
    }
    var columns: [ParquetColumn] = []
    for element in elements.dropFirst() {
      guard let type = columnType(element), element.repetition == 0 || element.repetition == 1 else {
        throw ThriftCompactReader.invalid("column \(element.name) has a type that Tributary does not write")
      }
      columns.append(
        ParquetColumn(field: Field(name: element.name, type: type), required: element.repetition == 0))
    }
    return columns
  }

  private static func columnType(_ element: RawElement) -> ColumnType? {
    let candidates: ColumnType?
    switch (element.type, element.converted) {
    case (0, nil): candidates = .bool
    case (2, nil): candidates = .int
    case (5, nil): candidates = .double
    case (6, 0): candidates = .string
    case (1, 6): candidates = .date
    case (2, 10): candidates = .timestamp
    case (_, 5):
      guard (1...38).contains(element.precision), (0...element.precision).contains(element.scale) else {
        return nil
      }
      candidates = .decimal(precision: element.precision, scale: element.scale)
    default: candidates = nil
    }
    guard let type = candidates else { return nil }
    let physical = ParquetPhysicalType(type)
    guard physical.code == element.type else { return nil }
    if case .fixedLenByteArray(let width) = physical, width != element.typeLength { return nil }
    return type
  }
}
