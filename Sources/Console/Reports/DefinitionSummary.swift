internal import Columns
public import Definition
public import Pipeline

/// What a definition that is right would make: its sources and the snapshot's columns.
public struct DefinitionSummary: Sendable {
  private let definition: Definition
  private let columns: [Column]
  private let semanticHash: String

  private struct Column: Sendable {
    var name: String
    var type: String
    var role: String
    /// Where it comes from.
    var source: String
  }

  /// Throws where the definition asks for what this program cannot do.
  public init(_ definition: Definition, semanticHash: String) throws(PlanError) {
    self.definition = definition
    self.semanticHash = semanticHash
    let plan = try DatasetPlan(definition, asOf: definition.asOf ?? 0)
    let features = Dictionary(definition.features.map { ($0.name, $0) }) { first, _ in first }
    columns = plan.output.map { output in
      let role: String
      if case .key = output.value { role = "key" } else { role = output.isLabel ? "label" : "feature" }
      var source = ""
      if role == "feature", let feature = features[output.name] {
        let expression = FeatureText.expression(feature, in: definition)
        source = expression.isEmpty ? feature.source : "\(feature.source): \(expression)"
      } else if role == "label" {
        source = definition.rows.source
      }
      return Column(name: output.name, type: output.type.description, role: role, source: source)
    }
  }

  public func render(file: String, warnings: Int, _ style: TerminalStyle) -> String {
    let name = DisplayText.printable(file)
    let good = style.paint(style.isUnicode ? "✔ " : "", .green)
    let also = warnings == 0 ? "" : " (\(warnings) warning\(warnings == 1 ? "" : "s"))"
    var text = "\(good)\(name) is valid\(also): dataset \(style.paint(definition.dataset, .bold))\n\n"

    var sources = TextTable([
      .init("source"), .init("keep", cutTo: 20), .init("format"), .init("columns", isRight: true),
      .init("objects", cutTo: 24, keepsEnd: true),
    ])
    for source in definition.sources {
      sources.append([
        source.name, keep(source), format(source.format), String(source.columns.count), place(source.input),
      ])
    }
    text += sources.render(style)

    var table = TextTable([.init("column"), .init("type"), .init("role"), .init("from", cutTo: 30)])
    for column in columns { table.append([column.name, column.type, column.role, column.source]) }
    text +=
      "\nThe snapshot: one row per \(definition.key.joined(separator: ", ")) of \(definition.rows.source), "
    text += "split into \(shares(style)), as \(target).\n"
    return text + table.render(style)
  }

  public func json(file: String, warnings: [Problem]) -> JSONValue {
    .object([
      ("valid", .bool(true)),
      ("file", .string(file)),
      ("dataset", .string(definition.dataset)),
      ("semantic_hash", .string(semanticHash)),
      ("key", .array(definition.key.map { .string($0) })),
      (
        "sources",
        .array(
          definition.sources.map { source in
            .object([
              ("name", .string(source.name)), ("keep", .string(source.keep == .latest ? "latest" : "events")),
              ("time", .optional(source.time)), ("format", .string(format(source.format))),
              ("place", .string(place(source.input))),
              (
                "columns",
                .object(source.columns.map { ($0.name, .string($0.type.description)) })
              ),
            ])
          })
      ),
      (
        "schema",
        .array(
          columns.map {
            .object([("name", .string($0.name)), ("type", .string($0.type)), ("role", .string($0.role))])
          })
      ),
      ("to", .string(definition.snapshot.to)),
      ("warnings", ProblemReport.json(warnings)),
      ("problems", .array([])),
    ])
  }

  private var target: String {
    let format =
      switch definition.snapshot.format {
      case .parquet: "Parquet"
      case .csv: "CSV"
      case .json: "JSON lines"
      }
    return "\(format) below \(DisplayText.printable(definition.snapshot.to))"
  }

  private func shares(_ style: TerminalStyle) -> String {
    definition.split.shares.map { "\($0.name) \(NumberText.percent($0.share))" }.joined(separator: ", ")
  }

  private func keep(_ source: Source) -> String {
    let by = source.time.map { " by \($0)" } ?? ""
    return (source.keep == .latest ? "latest" : "events") + by
  }

  private func format(_ format: Format) -> String {
    switch format {
    case .csv: "csv"
    case .json: "json"
    }
  }

  private func place(_ input: Source.Input) -> String {
    switch input {
    case .objects(let place): place
    case .records(let topic): "topic \(topic)"
    }
  }
}
