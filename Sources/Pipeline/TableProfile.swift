public import Columns

/// The profiles of a table's columns, updated chunk by chunk and merged in any order.
public struct TableProfile: Sendable {
  private let fields: [Field]
  private let columns: [ColumnProfile]

  public init(fields: [Field]) {
    self.fields = fields
    columns = fields.map { ColumnProfile(type: $0.type) }
  }

  /// Adds a table's rows.
  public func update(_ table: Table) {
    for (profile, column) in zip(columns, table.columns) { profile.update(column, count: table.count) }
  }

  public func merge(_ other: TableProfile) {
    for (profile, added) in zip(columns, other.columns) { profile.merge(added) }
  }

  /// By column name.
  public var summaries: [String: ColumnSummary] {
    var summaries: [String: ColumnSummary] = [:]
    for (field, profile) in zip(fields, columns) { summaries[field.name] = profile.summary(name: field.name) }
    return summaries
  }
}
