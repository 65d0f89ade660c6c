internal import Columns
internal import Definition

/// What windowed aggregates of one `events` source need beside the source's state: `count() over 7d` cannot be kept up
/// to date by adding rows, because rows leave the window as time goes by.
struct WindowPlan {
  /// Positions among the carried columns of what the aggregates read.
  let columns: [Int]
  let types: [ColumnType]
  /// Of these aggregates alone, over these columns.
  let layout: AccumulatorLayout
  /// By output column.
  let readings: [Int: AggregateReading]
  /// The longest window, microseconds.
  let span: Int64

  /// nil where the source has no windowed aggregates.
  init?(_ plan: DatasetPlan, source index: Int) throws(PlanError) {
    let source = plan.sources[index]
    guard source.timeColumn != nil, source.source.keep == .events else { return nil }
    var windowed: [(output: Int, aggregate: Aggregate)] = []
    for (number, feature) in plan.definition.features.enumerated() where feature.source == source.source.name {
      // The snapshot's columns are the key's, then the features.
      guard case .aggregate(let aggregate) = feature.value, aggregate.over != nil else { continue }
      windowed.append((plan.definition.key.count + number, aggregate))
    }
    if windowed.isEmpty { return nil }
    var names: Set<String> = []
    for (_, aggregate) in windowed {
      if let column = aggregate.column { names.insert(column) }
      aggregate.predicate?.collectColumns(into: &names)
    }
    columns = source.carried.indices.filter { names.contains(source.source.columns[source.carried[$0]].name) }
    types = columns.map { source.carriedTypes[$0] }
    var positions: [String: Int] = [:]
    for (position, column) in columns.enumerated() {
      positions[source.source.columns[source.carried[column]].name] = position
    }
    layout = try AccumulatorLayout(
      windowed.map(\.aggregate), positions: positions, types: types, asOf: plan.asOf, source: source.source.name)
    var readings: [Int: AggregateReading] = [:]
    for (output, aggregate) in windowed { readings[output] = layout.readings[aggregate] }
    self.readings = readings
    span = windowed.reduce(0) { max($0, $1.aggregate.over ?? 0) }
  }
}
