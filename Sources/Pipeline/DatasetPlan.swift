public import Columns
public import Definition

/// A definition made ready to run: which columns travel, what each shard keeps, what a snapshot holds.
public struct DatasetPlan: Sendable {
  public let definition: Definition
  public let shards: Int
  /// As of this time, microseconds; rows at or after it do not count.
  public let asOf: Int64
  public let sources: [SourcePlan]
  /// The snapshot's columns: key, features, label.
  public let output: [OutputColumn]
  /// Names and types of `output`.
  public let fields: [Field]
  public let rowsSource: Int

  /// The definition must be one that ``DefinitionReader`` accepted: its names resolve.
  ///
  /// `carriesAll`: row batches hold all columns of their sources instead of those that features need now, so that
  /// features can change without anything being read again.
  public init(_ definition: Definition, asOf: Int64, carriesAll: Bool = false) throws(PlanError) {
    self.definition = definition
    self.shards = definition.shards
    self.asOf = asOf
    guard let rowsSource = definition.sources.firstIndex(where: { $0.name == definition.rows.source }) else {
      throw PlanError(message: "rows: no source named '\(definition.rows.source)'")
    }
    self.rowsSource = rowsSource
    sources = try definition.sources.map { source throws(PlanError) in
      try SourcePlan(source, definition: definition, asOf: asOf, carriesAll: carriesAll)
    }
    output = try DatasetPlan.output(definition, sources: sources, rowsSource: rowsSource)
    fields = output.map { Field(name: $0.name, type: $0.type) }
  }

  private static func output(_ definition: Definition, sources: [SourcePlan], rowsSource: Int)
    throws(PlanError) -> [OutputColumn]
  {
    var columns: [OutputColumn] = []
    for (index, key) in definition.key.enumerated() {
      guard let column = definition.sources[rowsSource].column(key) else {
        throw PlanError(message: "source '\(definition.rows.source)' lacks the key column '\(key)'")
      }
      columns.append(OutputColumn(name: key, type: column.type, value: .key(index), fallback: nil, isLabel: false))
    }
    for feature in definition.features {
      guard let source = definition.sources.firstIndex(where: { $0.name == feature.source }) else {
        throw PlanError(message: "feature '\(feature.name)': no source named '\(feature.source)'")
      }
      let value: OutputColumn.Value
      switch feature.value {
      case .column(let name):
        guard let at = sources[source].keptIndex[name] else {
          throw PlanError(message: "feature '\(feature.name)': source '\(feature.source)' has no column '\(name)'")
        }
        value = .latest(source: source, kept: at)
      case .aggregate(let aggregate):
        value = .aggregate(source: source, try sources[source].reading(aggregate, feature: feature.name))
      }
      columns.append(
        OutputColumn(
          name: feature.name, type: feature.type, value: value, fallback: feature.fallback, isLabel: false))
    }
    if let label = definition.rows.label {
      guard let at = sources[rowsSource].keptIndex[label] else {
        throw PlanError(message: "rows: source '\(definition.rows.source)' has no column '\(label)' for the label")
      }
      columns.append(
        OutputColumn(
          name: label, type: sources[rowsSource].kept[at].type, value: .latest(source: rowsSource, kept: at),
          fallback: nil, isLabel: true))
    }
    return columns
  }
}

/// A definition that asks for what this program cannot do.
public struct PlanError: Error, Sendable, CustomStringConvertible {
  public var message: String
  public init(message: String) { self.message = message }
  public var description: String { message }
}

/// A column of the snapshot and where its values come from.
public struct OutputColumn: Sendable {
  public enum Value: Sendable {
    /// The n-th part of the key.
    case key(Int)
    /// A kept column of a `latest` source.
    case latest(source: Int, kept: Int)
    /// An aggregate of an `events` source.
    case aggregate(source: Int, AggregateReading)
  }
  public var name: String
  public var type: ColumnType
  public var value: Value
  public var fallback: Literal?
  public var isLabel: Bool

  /// The source whose rows decide its values; nil for the key.
  public var source: Int? {
    switch value {
    case .key: nil
    case .latest(let source, _), .aggregate(let source, _): source
    }
  }
}
