public import Columns

/// The profiles of a table's columns, updated chunk by chunk and merged in any order.
public struct TableProfile: Sendable {
  public let fields: [Field]
  private let columns: [ColumnProfile]

  public init(fields: [Field]) {
    self.fields = fields
    columns = fields.map { ColumnProfile(type: $0.type) }
  }

  private init(fields: [Field], columns: [ColumnProfile]) {
    self.fields = fields
    self.columns = columns
  }

  /// Adds a table's rows, to the profiles of some columns alone where `chosen` has one flag a column. What is known of a
  /// column in `counts` (none, or one a column) is used in the place of its rows.
  public func update(_ table: Table, columns chosen: [Bool]? = nil, counts: [ValueCounts?] = []) {
    for index in columns.indices where chosen?[index] ?? true {
      if index < counts.count, let counts = counts[index] {
        columns[index].update(counts)
      } else {
        columns[index].update(table.columns[index], count: table.count)
      }
    }
  }

  /// This one's profiles of the chosen columns, and another's of the rest. They are shared, so neither may be updated
  /// from now on.
  public func taking(_ chosen: [Bool], rest other: TableProfile) -> TableProfile {
    precondition(other.fields == fields, "profiles of different tables cannot be put together")
    return TableProfile(
      fields: fields, columns: columns.indices.map { chosen[$0] ? columns[$0] : other.columns[$0] })
  }

  /// About how much memory it takes.
  public var bytes: Int { columns.reduce(0) { $0 + $1.bytes } }

  /// `other` must have the same fields.
  public func merge(_ other: TableProfile) {
    precondition(other.fields == fields, "profiles of different tables cannot be merged")
    for (profile, added) in zip(columns, other.columns) { profile.merge(added) }
  }

  /// The profile as bytes: merged after a round trip it gives the same summaries.
  public func encode() -> [UInt8] {
    var out = StateWriter(.table)
    out.put(count: fields.count)
    for (field, profile) in zip(fields, columns) {
      out.put(field.name)
      profile.write(to: &out)
    }
    return out.finish()
  }

  /// Reads what ``encode()`` wrote.
  public init(decoding bytes: [UInt8]) throws(StateError) {
    var state = try StateReader(bytes, .table)
    var fields: [Field] = []
    var columns: [ColumnProfile] = []
    for _ in 0..<(try state.count(atMost: bytes.count)) {
      let name = try state.text()
      let profile = try ColumnProfile(&state)
      fields.append(Field(name: name, type: profile.type))
      columns.append(profile)
    }
    try state.end()
    self.fields = fields
    self.columns = columns
  }

  /// By column name.
  public var summaries: [String: ColumnSummary] {
    var summaries: [String: ColumnSummary] = [:]
    for (field, profile) in zip(fields, columns) { summaries[field.name] = profile.summary(name: field.name) }
    return summaries
  }
}
