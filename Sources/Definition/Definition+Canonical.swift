internal import Columns

extension Definition {
  /// A stable text of what shapes a snapshot; equal texts mean equal snapshots of equal inputs at the same as-of time.
  /// The caller hashes it (the manifest's semantic hash).
  ///
  /// Left out, because they do not change what a snapshot holds: `broker`, `events`, `store`, the schedule and
  /// retention, where the snapshot lies, `shards` (ARCHITECTURE.md, I1), `max_rejects`, `settle`, `on_gap`, and
  /// `as_of`, which a manifest names by itself. Sources and their columns are sorted by name, features are not: their
  /// order is that of the snapshot's columns. All texts are in quotes with escapes, so different definitions cannot
  /// give the same text.
  public var canonical: String {
    var lines = CanonicalText()
    lines.line("tributary", ["definition", "1"])
    lines.line("dataset", [quote(dataset)])
    lines.line("key", key.map(quote))
    for source in sources.sorted(by: { $0.name < $1.name }) { lines.add(source) }
    for feature in features { lines.add(feature) }
    lines.line("rows", [quote(rows.source), "label", optional(rows.label), "at", optional(rows.at)])
    lines.line(
      "split",
      split.shares.flatMap { [quote($0.name), $0.share.description] } + [
        "salt", quote(split.salt), "by", optional(split.by),
      ])
    lines.line(
      "snapshot", CanonicalText.words(snapshot.format) + ["part_target", String(snapshot.partTarget)])
    lines.line("max_row", [String(maxRowBytes)])
    return lines.text
  }
}

extension Definition {
  /// A stable text of what the reading of a source depends on, and nothing else: equal texts mean that the same bytes
  /// become the same rows, in the same columns.
  ///
  /// Columns stand in the file's order, not sorted: row batches hold them in that order, without names. Where a null
  /// record is a row (a removal) or is rejected follows from `keep`, the one place where that counts.
  public func schema(of source: Source) -> String {
    var lines = CanonicalText()
    lines.line("tributary", ["schema", "1"])
    var words = [quote(source.name)] + CanonicalText.words(source.format)
    words += ["time", optional(source.time), "tombstones", String(source.takesTombstones(key: key))]
    lines.line("source", words)
    for column in source.columns { lines.add(column, of: source.name) }
    lines.line("key", key.map(quote))
    lines.line("max_row", [String(maxRowBytes)])
    return lines.text
  }
}

extension Source {
  /// Whether a record without a value removes its key's row: the newest row a key is kept, and the key can be told
  /// without a value.
  public func takesTombstones(key: [String]) -> Bool {
    guard case .records = input, keep == .latest else { return false }
    return key.allSatisfy { column($0)?.location == .recordKey }
  }
}

/// Lines of words; the words that a user wrote are quoted.
private struct CanonicalText {
  private(set) var text = ""

  mutating func line(_ name: String, _ words: [String]) {
    text += ([name] + words).joined(separator: " ") + "\n"
  }

  mutating func add(_ source: Source) {
    var words = [quote(source.name)]
    switch source.input {
    case .objects(let place): words += ["objects", quote(place)]
    case .records(let topic): words += ["records", quote(topic)]
    }
    words += CanonicalText.words(source.format)
    words += ["keep", source.keep == .latest ? "latest" : "events", "time", optional(source.time)]
    words +=
      ["include", "["] + source.include.map(quote) + ["]", "exclude", "["] + source.exclude.map(quote) + ["]"]
    words += ["on_remove", source.onRemove == .keep ? "keep" : "remove"]
    line("source", words)
    for column in source.columns.sorted(by: { $0.name < $1.name }) { add(column, of: source.name) }
  }

  static func words(_ format: Format) -> [String] {
    guard case .csv(let csv) = format else { return ["json"] }
    var words = ["csv", "header", String(csv.header), "names"]
    words += csv.names.map { ["["] + $0.map(quote) + ["]"] } ?? ["-"]
    words += ["delimiter", String(csv.delimiter), "quote", number(csv.quote), "escape", number(csv.escape)]
    words += ["null_values", "["] + csv.nullValues.map(quote) + ["]", "skip_lines", String(csv.skipLines)]
    return words
  }

  mutating func add(_ column: SourceColumn, of source: String) {
    var words = [quote(source), quote(column.name)] + CanonicalText.words(column.location)
    words += [column.type.description] + CanonicalText.words(column.time)
    words += ["on_error", column.onError == .reject ? "reject" : "set_null"]
    words += ["default", column.defaultValue.map(CanonicalText.word) ?? "-"]
    words += ["reduce", column.reduce.map { "\($0)" } ?? "-"]
    line("column", words)
  }

  mutating func add(_ feature: Feature) {
    var words = [quote(feature.name), quote(feature.source), feature.type.description]
    switch feature.value {
    case .column(let name): words += ["column", quote(name)]
    case .aggregate(let aggregate):
      words += ["aggregate", aggregate.function.rawValue, optional(aggregate.column)]
      words += ["where", aggregate.predicate.map(CanonicalText.word) ?? "-"]
      words += ["over", aggregate.over.map { String($0) } ?? "-"]
    }
    words += ["default", feature.fallback.map(CanonicalText.word) ?? "-"]
    line("feature", words)
  }

  private static func words(_ location: SourceColumn.Location) -> [String] {
    switch location {
    case .named(let name): return ["named", quote(name)]
    case .object: return ["$object"]
    case .row: return ["$row"]
    case .modified: return ["$modified"]
    case .recordKey: return ["$key"]
    case .recordTimestamp: return ["$timestamp"]
    case .header(let name): return ["$headers", quote(name)]
    case .path(let path):
      let steps = path.steps.map { step in
        switch step {
        case .member(let name): quote(name)
        case .elements: "[]"
        case .index(let index): "[\(index)]"
        }
      }
      return ["path", "("] + steps + [")"]
    }
  }

  private static func words(_ time: TimeFormat) -> [String] {
    switch time {
    case .iso8601: ["iso8601", "-"]
    case .iso8601In(let zone): ["iso8601", quote(zone)]
    case .pattern(let pattern, let zone): ["pattern", quote(pattern), optional(zone)]
    case .epoch(let unit): ["epoch", unit.rawValue]
    }
  }

  static func words(_ format: SnapshotTarget.Format) -> [String] {
    switch format {
    case .json: ["json"]
    case .parquet(let options):
      ["parquet", options.compression.rawValue, "row_group_rows", String(options.rowGroupRows)]
    case .csv(let options):
      [
        "csv", "header", String(options.header), "label_first", String(options.labelFirst), "without_key",
        String(options.withoutKey), "delimiter", String(options.delimiter),
      ]
    }
  }

  /// Bounded by the expression parser's limits, hence the recursion.
  private static func word(_ predicate: Predicate) -> String {
    switch predicate {
    case .compare(let column, let comparison, let literal):
      "(\(comparison.rawValue) \(quote(column)) \(word(literal)))"
    case .isIn(let column, let literals): "(in \(quote(column)) \(literals.map(word).joined(separator: " ")))"
    case .isNull(let column): "(null \(quote(column)))"
    case .and(let left, let right): "(and \(word(left)) \(word(right)))"
    case .or(let left, let right): "(or \(word(left)) \(word(right)))"
    case .not(let inner): "(not \(word(inner)))"
    }
  }

  private static func word(_ literal: Literal) -> String {
    switch literal {
    case .string(let text): quote(text)
    case .int(let value): "int:\(value)"
    case .double(let value): "double:\(value)"
    case .bool(let value): "bool:\(value)"
    case .date(let days): "date:\(days)"
    case .timestamp(let micros): "timestamp:\(micros)"
    case .decimal(let unscaled): "decimal:\(unscaled)"
    }
  }
}

private func optional(_ text: String?) -> String { text.map(quote) ?? "-" }

private func number(_ byte: UInt8?) -> String { byte.map { String($0) } ?? "-" }

private func quote(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
