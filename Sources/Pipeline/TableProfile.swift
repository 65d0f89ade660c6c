public import Columns

/// The profiles of a table's columns, updated chunk by chunk and merged in any order.
public struct TableProfile: Sendable {
  public let fields: [Field]
  private let columns: [ColumnProfile]

  public init(fields: [Field]) {
    self.fields = fields
    columns = fields.map { ColumnProfile(type: $0.type) }
  }

  /// Adds a table's rows.
  public func update(_ table: Table) {
    for (profile, column) in zip(columns, table.columns) { profile.update(column, count: table.count) }
  }

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
