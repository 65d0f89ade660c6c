internal import Pipeline
internal import Platform

/// The records of one partition that a run reads for one source: `from` ..< `to`, holes included.
struct InputRange: Sendable {
  /// Index of the source in the plan.
  var source: Int
  var range: RangeIdentity
  var from: Int64
  var to: Int64
  /// The partition's number in the source's ``InputTable``.
  var number: UInt32
  /// What the last `rebuild` must find again; nil in a plain run.
  var expected: Manifest.RangeRecord?

  var at: TopicPartition { TopicPartition(range.topic, range.partition) }

  /// What is read of it: all but the gaps that the manifest knows, which may be there (again) or not.
  var parts: [Range<Int64>] {
    var parts: [Range<Int64>] = []
    var next = from
    for gap in expected?.skipped ?? [] {
      if gap.from > next { parts.append(next..<min(gap.from, max(to, next))) }
      next = max(next, gap.to)
    }
    if next < to { parts.append(next..<to) }
    return parts.filter { !$0.isEmpty }
  }
}

/// What is read, staged and committed together: one large object, many small ones, a partition's records, or all that one
/// source has to take from retained segments.
///
/// Its inputs are numbered objects first, then ranges, as in a ``Commit``.
struct AttemptInputs: Sendable {
  /// Index of the source in the plan.
  var source: Int
  var objects: [InputFile] = []
  var ranges: [InputRange] = []
  /// The inputs are gone where they came from: their rows come out of segments.
  var isRetained = false

  var count: Int { objects.count + ranges.count }
  /// Numbers in the source's ``InputTable``.
  var numbers: [UInt32] { objects.map(\.number) + ranges.map(\.number) }

  /// What the manifest says of each.
  var expectedCounts: [InputCounts] {
    objects.map { file in
      InputCounts(
        read: file.expected?.rowsRead ?? 0, rejected: file.expected?.rowsRejected ?? 0,
        afterAsOf: file.expected?.rowsAfterAsOf ?? 0)
    } + ranges.map { InputCounts(read: $0.expected?.rowsRead ?? 0, rejected: $0.expected?.rowsRejected ?? 0) }
  }

  /// The n-th input.
  func input(_ number: Int) -> RunInput {
    number < objects.count ? .object(objects[number]) : .range(ranges[number - objects.count])
  }
}

/// One input of a run.
enum RunInput: Sendable {
  case object(InputFile)
  case range(InputRange)

  /// For messages.
  var location: String {
    switch self {
    case .object(let file): file.location
    case .range(let range): RunInput.location(range.at, range.from, range.to)
    }
  }

  static func location(_ at: TopicPartition, _ from: Int64, _ to: Int64) -> String {
    "\(at), offsets \(from) to \(to)"
  }

  /// `source`: its name.
  func identity(source: String) -> InputIdentity {
    switch self {
    case .object(let file): .object(ObjectIdentity(source: source, bucket: file.info.bucket, key: file.info.key))
    case .range(let range): .range(range.range)
    }
  }

  /// Whether a manifest names it, which is being rebuilt.
  var isExpected: Bool {
    switch self {
    case .object(let file): file.expected != nil
    case .range(let range): range.expected != nil
    }
  }
}

/// What tells the inputs of one manifest apart.
enum InputIdentity: Hashable, Sendable {
  case object(ObjectIdentity)
  case range(RangeIdentity)

  init(_ record: Manifest.InputRecord) {
    self = .object(ObjectIdentity(source: record.source, bucket: record.bucket, key: record.key))
  }

  init(_ record: Manifest.RangeRecord) {
    self = .range(RangeIdentity(source: record.source, topic: record.topic, partition: record.partition))
  }
}
