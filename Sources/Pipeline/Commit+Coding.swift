extension Commit: Codable {
  private enum Keys: String, CodingKey {
    case generation, attempt, schema, source, objects, ranges, shards
    case shardCount = "shard_count"
  }

  /// `r` rows read, `x` rejected; rows applied are the difference.
  private struct ObjectForm: Codable {
    var bucket: String
    var key: String
    var version: String?
    var base: Int?
    var r: UInt64
    var x: UInt64
    var facts: ObjectFacts?
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let source = try container.decode(String.self, forKey: .source)
    let text = try container.decode(String.self, forKey: .attempt)
    guard let attempt = AttemptID(text) else {
      throw LedgerEntry.UnknownForm(description: "a commit has an impossible attempt")
    }
    let receipts = try ShardReceipt.decode(
      try container.decode([ShardReceipt.Form].self, forKey: .shards),
      shards: try container.decode(Int.self, forKey: .shardCount))
    let objects = try container.decodeIfPresent([ObjectForm].self, forKey: .objects) ?? []
    let ranges = try container.decodeIfPresent([CommittedRange.Form].self, forKey: .ranges) ?? []
    // What is said of rows is counted with from here on.
    guard objects.allSatisfy({ $0.x <= $0.r }) else {
      throw LedgerEntry.UnknownForm(description: "a commit has an object with more rejected rows than rows")
    }
    self.init(
      generation: try container.decode(Int.self, forKey: .generation), attempt: attempt,
      inputs: objects.map {
        CommittedInput(
          object: ObjectIdentity(source: source, bucket: $0.bucket, key: $0.key), version: $0.version, base: $0.base,
          rowsRead: $0.r, rowsApplied: $0.r - $0.x, rowsRejected: $0.x, facts: $0.facts)
      },
      ranges: try ranges.map { try $0.range(of: source) }, schema: try container.decode(String.self, forKey: .schema),
      shards: receipts)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(generation, forKey: .generation)
    try container.encode(attempt.description, forKey: .attempt)
    try container.encode(schema, forKey: .schema)
    try container.encode(source, forKey: .source)
    if !inputs.isEmpty {
      try container.encode(
        inputs.map {
          ObjectForm(
            bucket: $0.object.bucket, key: $0.object.key, version: $0.version, base: $0.base, r: $0.rowsRead,
            x: $0.rowsRejected, facts: $0.facts)
        }, forKey: .objects)
    }
    if !ranges.isEmpty {
      try container.encode(ranges.map { CommittedRange.Form($0) }, forKey: .ranges)
    }
    try container.encode(shards.count, forKey: .shardCount)
    try container.encode(ShardReceipt.forms(shards), forKey: .shards)
  }
}

extension ShardReceipt {
  /// Only shards with rows: `s` shard, `n` rows, `c` checksum, `f` first offset, `e` end.
  struct Form: Codable {
    var s: Int
    var n: Int
    var c: UInt64
    var f: Int64
    var e: Int64
  }

  /// More shards than any dataset has: a bound for what is allocated on a document's word.
  static let shardsMax = 1 << 16

  static func forms(_ receipts: [ShardReceipt]) -> [Form] {
    receipts.enumerated().filter { $1.rows > 0 }.map {
      Form(s: $0, n: $1.rows, c: $1.checksum, f: $1.first, e: $1.end)
    }
  }

  static func decode(_ forms: [Form], shards count: Int) throws -> [ShardReceipt] {
    guard (0...shardsMax).contains(count) else {
      throw LedgerEntry.UnknownForm(description: "an entry has an impossible shard count")
    }
    var receipts = Array(repeating: ShardReceipt(), count: count)
    for form in forms {
      guard receipts.indices.contains(form.s), receipts[form.s].rows == 0, form.n > 0, form.f >= 0, form.e > form.f
      else {
        throw LedgerEntry.UnknownForm(description: "an entry has an impossible receipt of shard \(form.s) of \(count)")
      }
      receipts[form.s] = ShardReceipt(rows: form.n, checksum: form.c, first: form.f, end: form.e)
    }
    return receipts
  }
}

extension CommittedRange {
  /// `r` rows read, `x` rejected. The source stands beside the list.
  struct Form: Codable {
    var topic: String
    var partition: Int
    var from: Int64
    var to: Int64
    var r: UInt64
    var x: UInt64
    var reasons: [String: UInt64]?

    init(_ range: CommittedRange) {
      topic = range.range.topic
      partition = range.range.partition
      from = range.from
      to = range.to
      r = range.rowsRead
      x = range.rowsRejected
      reasons = range.reasons
    }

    func range(of source: String) throws -> CommittedRange {
      guard x <= r, 0 <= from, from <= to else {
        throw LedgerEntry.UnknownForm(description: "a range has more rejected rows than rows, or no place")
      }
      return CommittedRange(
        range: RangeIdentity(source: source, topic: topic, partition: partition), from: from, to: to, rowsRead: r,
        rowsRejected: x, reasons: reasons)
    }
  }
}
