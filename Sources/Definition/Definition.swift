public import Columns

/// What a user wrote in a definition file (ARCHITECTURE.md §7), checked: every name in it resolves, every type fits.
///
/// A plain value; ``DefinitionReader`` makes it from YAML and is the only place that can refuse.
public struct Definition: Sendable, Hashable {
  public var dataset: String
  /// The key columns' names; each source has all of them.
  public var key: [String]
  /// In the file's order.
  public var sources: [Source]
  /// In the file's order, which is the order of the snapshot's columns.
  public var features: [Feature]
  public var rows: Rows
  public var split: Split
  public var snapshot: SnapshotTarget
  public var store: StoreOptions
  /// Microseconds since the epoch; nil: the start of the run.
  public var asOf: Int64?
  /// How many rejected rows a run may have and still end well; nil: 0.
  public var maxRejects: RejectLimit
  /// Bytes; a longer row is rejected. Default 900 KiB.
  public var maxRowBytes: Int
  /// Shards of the dataset; default 16.
  public var shards: Int
  /// Sections that only `run` uses, kept as they were checked.
  public var events: EventsOptions?
  public var broker: BrokerOptions?
  /// Microseconds between listings that find what notifications missed. Default 15 minutes.
  public var reconcileEvery: Int64 = 900_000_000

  public init(
    dataset: String, key: [String], sources: [Source], features: [Feature], rows: Rows, split: Split,
    snapshot: SnapshotTarget, store: StoreOptions = StoreOptions(), asOf: Int64? = nil,
    maxRejects: RejectLimit = .rows(0), maxRowBytes: Int = 900 * 1024, shards: Int = 16,
    events: EventsOptions? = nil, broker: BrokerOptions? = nil
  ) {
    self.dataset = dataset
    self.key = key
    self.sources = sources
    self.features = features
    self.rows = rows
    self.split = split
    self.snapshot = snapshot
    self.store = store
    self.asOf = asOf
    self.maxRejects = maxRejects
    self.maxRowBytes = maxRowBytes
    self.shards = shards
    self.events = events
    self.broker = broker
  }

  public func source(_ name: String) -> Source? { sources.first { $0.name == name } }
}

/// `max_rejects: 100` or `max_rejects: 0.5%` (of the rows read).
public enum RejectLimit: Sendable, Hashable {
  case rows(Int)
  /// 0…1.
  case share(Double)
}

/// A named input of a dataset.
public struct Source: Sendable, Hashable {
  public enum Input: Sendable, Hashable {
    /// `objects:` a path, directory, glob or `s3://bucket/prefix`.
    case objects(String)
    /// `records:` a topic.
    case records(topic: String)
  }

  public enum Keep: Sendable, Hashable {
    /// The newest row a key.
    case latest
    /// Every row, aggregated.
    case events
  }

  public enum OnRemove: Sendable, Hashable { case remove, keep }

  /// What happens when retention tore a gap into a topic before it was read.
  public enum OnGap: Sendable, Hashable { case stop, skip }

  public var name: String
  public var input: Input
  public var format: Format
  public var keep: Keep
  /// The name of the event time's column.
  public var time: String?
  /// In the file's order. Holds the key columns and the time column too.
  public var columns: [SourceColumn]
  /// Globs over the part of a key behind the prefix (or over the file's name); empty include: all.
  public var include: [String]
  public var exclude: [String]
  public var onRemove: OnRemove
  /// Microseconds that a local file must have stood still.
  public var settle: Int64
  /// Of records only.
  public var onGap: OnGap

  public init(
    name: String, input: Input, format: Format, keep: Keep, time: String? = nil,
    columns: [SourceColumn], include: [String] = [], exclude: [String] = [], onRemove: OnRemove = .remove,
    settle: Int64 = 2_000_000, onGap: OnGap = .stop
  ) {
    self.name = name
    self.input = input
    self.format = format
    self.keep = keep
    self.time = time
    self.columns = columns
    self.include = include
    self.exclude = exclude
    self.onRemove = onRemove
    self.settle = settle
    self.onGap = onGap
  }

  public func column(_ name: String) -> SourceColumn? { columns.first { $0.name == name } }
}

public enum Format: Sendable, Hashable {
  case csv(CSVOptions)
  /// JSON lines: one document a line.
  case json
}

public struct CSVOptions: Sendable, Hashable {
  /// The first record names the columns.
  public var header: Bool
  /// Names of the columns in order, where there is no header (or instead of it).
  public var names: [String]?
  public var delimiter: UInt8
  /// nil: quotes are ordinary bytes.
  public var quote: UInt8?
  /// The byte that escapes a quote within quotes; the quote itself by default (RFC 4180).
  public var escape: UInt8?
  /// Spellings of null of an *unquoted* field; default: the empty field.
  public var nullValues: [String]
  /// Physical lines to leave out at the start of each object.
  public var skipLines: Int

  public init(
    header: Bool = true, names: [String]? = nil, delimiter: UInt8 = UInt8(ascii: ","),
    quote: UInt8? = UInt8(ascii: "\""), escape: UInt8? = UInt8(ascii: "\""), nullValues: [String] = [""],
    skipLines: Int = 0
  ) {
    self.header = header
    self.names = names
    self.delimiter = delimiter
    self.quote = quote
    self.escape = escape
    self.nullValues = nullValues
    self.skipLines = skipLines
  }
}

/// A column of a source: where its text is found and how it becomes a value.
public struct SourceColumn: Sendable, Hashable {
  public enum Location: Sendable, Hashable {
    /// A CSV column by its name in the header or `names` (`from:`, or the column's own name).
    case named(String)
    /// A JSON value (`path:` or the column's own name).
    case path(JSONPath)
    /// `$object`, `$row` (from 1), `$modified` of an object; `$key`, `$timestamp` of a record.
    case object, row, modified, recordKey, recordTimestamp
    /// `$headers.name` of a record.
    case header(String)
  }

  public enum OnError: Sendable, Hashable { case reject, setNull }

  /// How the values of a path with `[]` become one.
  public enum Reduce: Sendable, Hashable { case sum, min, max, mean, count, first, last }

  public var name: String
  public var location: Location
  public var type: ColumnType
  /// How text becomes a date or timestamp.
  public var time: TimeFormat
  public var onError: OnError
  /// Stands for null and for an absent member, as it was written.
  public var defaultText: String?
  /// The same, of the column's type.
  public var defaultValue: Literal?
  /// Set iff the path has `[]`, and for `type: count` (the number of elements; the column's type is `int`).
  public var reduce: Reduce?

  public init(
    name: String, location: Location, type: ColumnType, time: TimeFormat = .iso8601,
    onError: OnError = .reject,
    defaultText: String? = nil, defaultValue: Literal? = nil, reduce: Reduce? = nil
  ) {
    self.name = name
    self.location = location
    self.type = type
    self.time = time
    self.onError = onError
    self.defaultText = defaultText
    self.defaultValue = defaultValue
    self.reduce = reduce
  }
}

/// A path into a JSON document: `subscription.items[].amount`. A member's name with a dot is written in quotes:
/// `"a.b".c`.
public struct JSONPath: Sendable, Hashable {
  public enum Step: Sendable, Hashable {
    case member(String)
    /// `[]`: every element.
    case elements
    /// `[3]`: one element, from 0.
    case index(Int)
  }
  public var steps: [Step]
  public init(steps: [Step]) { self.steps = steps }
}

/// A column of the snapshot.
public struct Feature: Sendable, Hashable {
  public enum Value: Sendable, Hashable {
    /// A column of a `latest` source as it is.
    case column(String)
    /// An aggregate over an `events` source.
    case aggregate(Aggregate)
  }
  public var name: String
  public var source: String
  public var value: Value
  /// `… default 0`: stands for null. Already of the feature's type.
  public var fallback: Literal?
  /// The type in the snapshot.
  public var type: ColumnType

  public init(name: String, source: String, value: Value, fallback: Literal? = nil, type: ColumnType) {
    self.name = name
    self.source = source
    self.value = value
    self.fallback = fallback
    self.type = type
  }
}

public struct Aggregate: Sendable, Hashable {
  public enum Function: String, Sendable, Hashable, CaseIterable {
    case count, sum, mean, min, max, first, last
    case countDistinct = "count_distinct"
    /// The sample standard deviation (n − 1); null below two values.
    case stddev
  }
  public var function: Function
  /// nil only for `count()`, which counts rows; `count(x)` counts values.
  public var column: String?
  public var predicate: Predicate?
  /// Microseconds before the as-of time.
  public var over: Int64?

  public init(function: Function, column: String? = nil, predicate: Predicate? = nil, over: Int64? = nil) {
    self.function = function
    self.column = column
    self.predicate = predicate
    self.over = over
  }

  /// The type of the aggregate over a column of type `input` (nil for `count()`); nil where it makes no sense:
  /// sum of int is int, of decimal(p,s) decimal(38,s); mean and stddev are double; min, max, first, last keep the type.
  public func resultType(of input: ColumnType?) -> ColumnType? {
    switch (function, input) {
    case (.count, _), (.countDistinct, .some): .int
    case (.sum, .int): .int
    case (.sum, .double): .double
    case (.sum, .decimal(_, let scale)): .decimal(precision: 38, scale: scale)
    case (.mean, .int), (.mean, .double), (.mean, .decimal), (.stddev, .int), (.stddev, .double),
      (.stddev, .decimal):
      .double
    case (.mean, .bool): .double
    case (.sum, .bool): .int
    case (.min, .some(let type)), (.max, .some(let type)), (.first, .some(let type)),
      (.last, .some(let type)):
      type
    default: nil
    }
  }
}

/// A condition on a row, in SQL's three-valued logic: a row counts iff it is true (not false, not unknown).
public indirect enum Predicate: Sendable, Hashable {
  public enum Comparison: String, Sendable, Hashable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }
  /// The literal is already of the column's type.
  case compare(column: String, Comparison, Literal)
  case isIn(column: String, [Literal])
  case isNull(column: String)
  case and(Predicate, Predicate)
  case or(Predicate, Predicate)
  case not(Predicate)
}

/// One row a key of `source`.
public struct Rows: Sendable, Hashable {
  public var source: String
  public var label: String?
  /// `at:` a column with each row's own time; refused until labels in time are built.
  public var at: String?

  public init(source: String, label: String? = nil, at: String? = nil) {
    self.source = source
    self.label = label
    self.at = at
  }
}

/// Train and eval shares, by a salted hash of the key (or of one column, `by:`).
public struct Split: Sendable, Hashable {
  /// Name and share, in order; shares sum to 1.
  public struct Share: Sendable, Hashable {
    public var name: String
    public var share: Double
    public init(name: String, share: Double) {
      self.name = name
      self.share = share
    }
  }
  public var shares: [Share]
  public var salt: String
  /// The group key: a column of the rows' source whose value decides instead of the key.
  public var by: String?

  public init(shares: [Share], salt: String = "", by: String? = nil) {
    self.shares = shares
    self.salt = salt
    self.by = by
  }
}

public struct SnapshotTarget: Sendable, Hashable {
  public enum Format: Sendable, Hashable {
    case parquet(ParquetOptions)
    case csv(CSVOutputOptions)
    /// JSON lines.
    case json
  }
  /// A directory or `s3://bucket/prefix`.
  public var to: String
  public var format: Format
  /// Bytes a file should be near; default 128 MiB.
  public var partTarget: Int
  /// The schedule; used by `run`.
  public var every: Int64?
  public var cron: String?
  public var cronZone: String?
  public var delay: Int64
  /// Retention: how many snapshots stay, and for how long (microseconds); nil: all, for ever.
  public var keepLast: Int?
  public var keepFor: Int64?
  /// `complete: listing`: the store is listed and what differs is read before each cut.
  public var listsBeforeCut: Bool

  public init(
    to: String, format: Format, partTarget: Int = 128 << 20, every: Int64? = nil, cron: String? = nil,
    cronZone: String? = nil, delay: Int64 = 0, keepLast: Int? = nil, keepFor: Int64? = nil,
    listsBeforeCut: Bool = false
  ) {
    self.to = to
    self.format = format
    self.partTarget = partTarget
    self.every = every
    self.cron = cron
    self.cronZone = cronZone
    self.delay = delay
    self.keepLast = keepLast
    self.keepFor = keepFor
    self.listsBeforeCut = listsBeforeCut
  }
}

public struct ParquetOptions: Sendable, Hashable {
  public enum Compression: String, Sendable, Hashable, CaseIterable { case zstd, snappy, none }
  public var compression: Compression
  /// Rows a row group holds at most.
  public var rowGroupRows: Int
  public init(compression: Compression = .zstd, rowGroupRows: Int = 1 << 20) {
    self.compression = compression
    self.rowGroupRows = rowGroupRows
  }
}

/// CSV as training programs want it; SageMaker's built-in algorithms take no header and the label first.
public struct CSVOutputOptions: Sendable, Hashable {
  public var header: Bool
  public var labelFirst: Bool
  /// Leave the key columns out.
  public var withoutKey: Bool
  public var delimiter: UInt8
  public init(
    header: Bool = true, labelFirst: Bool = false, withoutKey: Bool = false,
    delimiter: UInt8 = UInt8(ascii: ",")
  ) {
    self.header = header
    self.labelFirst = labelFirst
    self.withoutKey = withoutKey
    self.delimiter = delimiter
  }
}

/// Where S3 is and how to speak to it; credentials come from the usual AWS places.
public struct StoreOptions: Sendable, Hashable {
  public var endpoint: String?
  public var region: String?
  public var pathStyle: Bool?
  public var profile: String?
  /// `AES256` or `aws:kms`.
  public var encryption: String?
  public var kmsKey: String?

  public init(
    endpoint: String? = nil, region: String? = nil, pathStyle: Bool? = nil, profile: String? = nil,
    encryption: String? = nil, kmsKey: String? = nil
  ) {
    self.endpoint = endpoint
    self.region = region
    self.pathStyle = pathStyle
    self.profile = profile
    self.encryption = encryption
    self.kmsKey = kmsKey
  }
}

public enum EventsOptions: Sendable, Hashable {
  case topic(String)
  case sqs(String)
  /// Microseconds between listings.
  case list(every: Int64)
}

public enum BrokerOptions: Sendable, Hashable {
  /// `brokers` and any librdkafka property.
  case kafka(brokers: String, properties: [String: String])
}
