internal import Columns

// Row groups as the wire has them, before they are checked and made independent of their place.

extension ParquetFooter {
  struct RawGroup {
    /// Rows and bytes above this are a corrupt file's; below, no sum of ours overflows.
    static let sizeMax = 1 << 48

    private var columns: [RawChunk] = []
    private var rows = -1

    init(_ reader: inout ThriftCompactReader) throws(WriteError) {
      var columns: [RawChunk] = []
      var rows = -1
      try reader.structure { (reader, head) throws(WriteError) in
        switch head.id {
        case 1:
          columns = try reader.list(head, of: ThriftCompactWriter.Kind.structure) {
            (reader) throws(WriteError) in
            try RawChunk(&reader)
          }
        case 3: rows = try reader.int(head)
        default: return false
        }
        return true
      }
      self.columns = columns
      self.rows = rows
    }

    /// Checks that the chunks follow one another in `lower..<upper` of the file, as we lay them out.
    func placed(
      columns schema: [ParquetColumn], from lower: Int, to upper: Int
    ) throws(WriteError) -> PlacedGroup {
      guard columns.count == schema.count, (0...Self.sizeMax).contains(rows) else {
        throw ThriftCompactReader.invalid("a row group has other columns than the schema")
      }
      let start = columns.first?.start ?? lower
      guard start >= lower else { throw ThriftCompactReader.invalid("row groups overlap") }
      var next = start
      var chunks: [ParquetColumnChunk] = []
      for (column, raw) in zip(schema, columns) {
        guard raw.type == ParquetPhysicalType(column.field.type).code,
          raw.path == [Array(column.field.name.utf8)],
          raw.values == rows
        else {
          throw ThriftCompactReader.invalid("a column chunk does not fit its column \(column.field.name)")
        }
        let chunk = try raw.relative(to: start)
        guard raw.start == next, chunk.compressedBytes >= 0, chunk.compressedBytes <= upper - next,
          chunk.dataPageOffset >= chunk.start, chunk.dataPageOffset <= next - start + chunk.compressedBytes
        else {
          throw ThriftCompactReader.invalid(
            "column \(column.field.name) does not lie where Tributary puts it")
        }
        next += chunk.compressedBytes
        chunks.append(chunk)
      }
      return PlacedGroup(offset: start, group: ParquetRowGroup(rows: rows, columns: chunks))
    }
  }

  struct RawChunk {
    var type = -1
    var path: [[UInt8]] = []
    var codec = -1
    var values = -1
    var uncompressedBytes = -1
    var compressedBytes = -1
    var dataPageOffset = -1
    var dictionaryPageOffset: Int?
    var dataPages = 0
    var statistics: ParquetStatistics?

    var start: Int { dictionaryPageOffset ?? dataPageOffset }

    init(_ reader: inout ThriftCompactReader) throws(WriteError) {
      var chunk = Self.empty
      try reader.structure { (reader, head) throws(WriteError) in
        guard head.id == 3 else { return false }
        try reader.structure(head) { (reader, head) throws(WriteError) in
          try chunk.take(&reader, head)
        }
        return true
      }
      self = chunk
    }

    private init() {}
    private static var empty: RawChunk { RawChunk() }

    private mutating func take(
      _ reader: inout ThriftCompactReader, _ head: ThriftCompactReader.FieldHead
    ) throws(WriteError) -> Bool {
      switch head.id {
      case 1: type = try reader.int(head)
      case 3:
        path = try reader.list(head, of: ThriftCompactWriter.Kind.binary) { (reader) throws(WriteError) in
          try reader.binaryElement()
        }
      case 4: codec = try reader.int(head)
      case 5: values = try reader.int(head)
      case 6: uncompressedBytes = try reader.int(head)
      case 7: compressedBytes = try reader.int(head)
      case 9: dataPageOffset = try reader.int(head)
      case 11: dictionaryPageOffset = try reader.int(head)
      case 12: statistics = try ParquetStatistics(&reader, head)
      case 13:
        let pages = try reader.list(head, of: ThriftCompactWriter.Kind.structure) {
          (reader) throws(WriteError) in
          try Self.readDataPages(&reader)
        }
        dataPages = pages.reduce(0) { max($0, $1) }
      default: return false
      }
      return true
    }

    /// The count of a PageEncodingStats of data pages; 0 of others.
    private static func readDataPages(_ reader: inout ThriftCompactReader) throws(WriteError) -> Int {
      var type = -1
      var count = 0
      try reader.structure { (reader, head) throws(WriteError) in
        switch head.id {
        case 1: type = try reader.int(head)
        case 3: count = try reader.int(head)
        default: return false
        }
        return true
      }
      return type == 0 ? count : 0
    }

    fileprivate func relative(to base: Int) throws(WriteError) -> ParquetColumnChunk {
      guard let codec = ParquetCodec(rawValue: codec), let statistics, base >= 0,
        (0...ParquetFooter.RawGroup.sizeMax).contains(uncompressedBytes),
        dataPageOffset >= base, (dictionaryPageOffset ?? base) >= base
      else {
        throw ThriftCompactReader.invalid("a column chunk lacks what Tributary always writes")
      }
      return ParquetColumnChunk(
        codec: codec, values: values, uncompressedBytes: uncompressedBytes, compressedBytes: compressedBytes,
        dataPageOffset: dataPageOffset - base, dictionaryPageOffset: dictionaryPageOffset.map { $0 - base },
        dataPages: dataPages, statistics: statistics)
    }
  }
}

extension ParquetStatistics {
  init(
    _ reader: inout ThriftCompactReader, _ head: ThriftCompactReader.FieldHead
  ) throws(WriteError) {
    var read = ParquetStatistics(nullCount: 0)
    try reader.structure(head) { (reader, head) throws(WriteError) in
      switch head.id {
      case 3: read.nullCount = try reader.int(head)
      case 5: read.max = try reader.binary(head)
      case 6: read.min = try reader.binary(head)
      case 7: read.isMaxExact = try reader.bool(head)
      case 8: read.isMinExact = try reader.bool(head)
      case 9: read.nanCount = try reader.int(head)
      default: return false
      }
      return true
    }
    self = read
  }
}
