public import Columns

/// A column of a Parquet file: our type, and whether it may hold nulls.
public struct ParquetColumn: Sendable, Hashable {
  public var field: Field
  /// No null may appear; the column then has no definition levels.
  public var required: Bool

  public init(field: Field, required: Bool = false) {
    self.field = field
    self.required = required
  }
}

/// A key and its value in a file's metadata.
public struct ParquetKeyValue: Sendable, Hashable {
  public var key: String
  public var value: String

  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// Parquet's physical types that we write, with the specification's numbers.
public enum ParquetPhysicalType: Sendable, Hashable {
  case boolean
  case int32
  case int64
  case double
  case byteArray
  /// Big-endian two's complement of this many bytes.
  case fixedLenByteArray(Int)

  var code: Int {
    switch self {
    case .boolean: 0
    case .int32: 1
    case .int64: 2
    case .double: 5
    case .byteArray: 6
    case .fixedLenByteArray: 7
    }
  }

  /// How a type of ours lies in a file. Decimals take the narrowest form that holds their precision.
  public init(_ type: ColumnType) {
    switch type {
    case .string: self = .byteArray
    case .int, .timestamp: self = .int64
    case .double: self = .double
    case .bool: self = .boolean
    case .date: self = .int32
    case .decimal(let precision, _):
      if precision <= 9 {
        self = .int32
      } else if precision <= 18 {
        self = .int64
      } else {
        let limit = DecimalLimit.magnitude(precision: precision)
        var width = 9
        while width < 16 && (UInt128(1) << (8 * width - 1)) < limit { width += 1 }
        self = .fixedLenByteArray(width)
      }
    }
  }
}

enum DecimalLimit {
  /// 10^precision: an unscaled value's magnitude lies below it. `precision` is 1…38.
  static func magnitude(precision: Int) -> UInt128 {
    var power: UInt128 = 1
    for _ in 0..<min(max(precision, 0), 38) { power *= 10 }
    return power
  }
}

/// Codecs, with the specification's numbers.
public enum ParquetCodec: Int, Sendable, Hashable {
  case uncompressed = 0
  case snappy = 1
  case zstd = 6
}

/// Encodings of pages, with the specification's numbers.
public enum ParquetEncoding: Int, Sendable, Hashable {
  case plain = 0
  case rle = 3
  case rleDictionary = 8
}

/// Bounds and counts of one column chunk, in the file's own form.
///
/// Bounds are PLAIN values without a length, ordered as the column's logical type is (TYPE_ORDER): strings by unsigned
/// bytes, numbers by value. Doubles leave NaN out, a least zero is written -0.0 and a greatest +0.0, as the
/// specification asks. A string's bound is cut to 64 bytes and then not exact.
public struct ParquetStatistics: Sendable, Hashable {
  public var nullCount: Int
  /// nil where there is no value, or only NaN.
  public var min: [UInt8]?
  public var max: [UInt8]?
  public var isMinExact = true
  public var isMaxExact = true
  /// Doubles only.
  public var nanCount: Int?

  public init(nullCount: Int, min: [UInt8]? = nil, max: [UInt8]? = nil, nanCount: Int? = nil) {
    self.nullCount = nullCount
    self.min = min
    self.max = max
    self.nanCount = nanCount
  }
}

/// One column of one row group. Offsets count from the row group's first byte.
public struct ParquetColumnChunk: Sendable, Hashable {
  public var codec: ParquetCodec
  public var values: Int
  /// Pages with their headers, before and after compression.
  public var uncompressedBytes: Int
  public var compressedBytes: Int
  public var dataPageOffset: Int
  /// Set where the values are dictionary-encoded.
  public var dictionaryPageOffset: Int?
  public var dataPages: Int
  public var statistics: ParquetStatistics

  /// Where the chunk's first page lies.
  public var start: Int { dictionaryPageOffset ?? dataPageOffset }
}

/// What a footer says of one row group, independent of where in a file it stands.
public struct ParquetRowGroup: Sendable, Hashable {
  public var rows: Int
  /// One after the other without gaps, in the schema's order.
  public var columns: [ParquetColumnChunk]

  public var uncompressedBytes: Int { columns.reduce(0) { $0 + $1.uncompressedBytes } }
  /// The bytes of the group in the file.
  public var compressedBytes: Int { columns.reduce(0) { $0 + $1.compressedBytes } }
}

/// A row group's bytes and what the footer will say of them: can be put into any file of the same schema.
public struct EncodedRowGroup: Sendable {
  public let bytes: [UInt8]
  public let metadata: ParquetRowGroup
  /// One a column; nil where no dictionary was made just now.
  public var counts: [ValueCounts?] = []
}
