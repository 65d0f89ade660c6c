internal import Columns

/// Reads one column of a source, in its short form (`cnt: int`) or its long one.
struct ColumnReader {
  let nodes: NodeReader
  let zones: ZoneNames
  /// nil: wrong, and reported.
  let format: Format?
  let isRecords: Bool
  /// The names of a CSV's columns, where they are known.
  let csvNames: [String]?
  private let csvNameSet: Set<String>
  private var log: ProblemLog { nodes.log }

  private static let example = "a type such as int, or {path: a.b, type: int}"

  init(nodes: NodeReader, zones: ZoneNames, format: Format?, isRecords: Bool) {
    self.nodes = nodes
    self.zones = zones
    self.format = format
    self.isRecords = isRecords
    if case .csv(let options) = format { csvNames = options.names } else { csvNames = nil }
    csvNameSet = Set(csvNames ?? [])
  }

  func column(_ entry: YAMLEntry) -> ColumnDraft {
    var draft = ColumnDraft(node: entry.value)
    let before = log.problems.count
    nodes.checkName(of: entry, NameText.column)
    switch entry.value.content {
    case .refused: return draft
    case .scalar:
      guard let named = nodes.parsed(entry.value, "a type", TypeText.parse) else { return draft }
      guard case .type(let type) = named else {
        log.report(
          entry.value, "type count needs the path of a JSON array", hint: "write {path: items, type: count}")
        return draft
      }
      draft.type = type
      if let location = ownLocation(entry.key, entry.value, at: entry.keyMark) {
        draft.column = SourceColumn(name: entry.key, location: location, type: type)
      }
    default:
      guard
        let section = nodes.section(
          entry.value, "column \(quoted(entry.key))", keys: KnownKeys.column, example: ColumnReader.example)
      else { return draft }
      draft = long(entry, section, draft)
    }
    if log.problems.count > before { draft.column = nil }
    return draft
  }

  private func long(_ entry: YAMLEntry, _ section: Section, _ start: ColumnDraft) -> ColumnDraft {
    var draft = start
    var named: TypeText.Named?
    if let node = section["type"] {
      named = nodes.parsed(node, "a type", TypeText.parse)
    } else {
      nodes.missing(
        "type", in: section, hint: "add type: string, int, double, bool, date, timestamp or decimal(p,s)")
    }
    let location = location(entry, section)
    let onError =
      nodes.choice(
        section["on_error"], "reject or set_null",
        ["reject": SourceColumn.OnError.reject, "set_null": .setNull])
      ?? .reject
    let reduce = nodes.choice(
      section["reduce"], "sum, min, max, mean, count, first or last",
      [
        "sum": SourceColumn.Reduce.sum, "min": .min, "max": .max, "mean": .mean, "count": .count,
        "first": .first,
        "last": .last,
      ])
    guard let named else { return draft }
    let type: ColumnType
    switch named {
    case .count: type = .int
    case .type(let other): type = other
    }
    draft.type = type
    let time = time(section, type)
    let value = fallback(section["default"], type)
    guard let location, let time, let value else { return draft }
    var column = SourceColumn(
      name: entry.key, location: location, type: type, time: time, onError: onError, reduce: reduce)
    column.defaultText = section["default"]?.text
    column.defaultValue = value
    if named == .count { column.reduce = .count }
    check(column, section, isCount: named == .count)
    draft.column = column
    return draft
  }

  // MARK: where it lies

  private func location(_ entry: YAMLEntry, _ section: Section) -> SourceColumn.Location? {
    if let from = section["from"], let path = section["path"] {
      if !from.isRefused && !path.isRefused {
        log.report(path, "column \(quoted(entry.key)) has both 'from' and 'path'", hint: "keep one of them")
      }
      return nil
    }
    if let from = section["from"] {
      guard let name = nodes.parsed(from, "a column's name", NameText.column) else { return nil }
      return ownLocation(name, from, at: from.mark)
    }
    guard let path = section["path"] else { return ownLocation(entry.key, entry.value, at: entry.keyMark) }
    guard let text = nodes.text(path, "a path such as customer.id") else { return nil }
    if let special = special(text) {
      if let needed = special.needs, needed != (isRecords ? "records" : "objects") {
        log.report(path, "\(text) is there only in a source of \(needed)")
        return nil
      }
      return special.location
    }
    if case .csv = format, !text.hasPrefix("$") {
      log.report(
        path, "'path' leads into JSON documents, and this source is csv", hint: "write from: \(text)")
      return nil
    }
    return nodes.parsed(path, "a path", JSONPathText.parse).map { .path($0) }
  }

  /// The member or CSV column of a name.
  private func ownLocation(_ name: String, _ node: YAMLNode, at mark: Mark) -> SourceColumn.Location? {
    switch format {
    case nil: return nil
    case .json: return .path(JSONPath(steps: [.member(name)]))
    case .csv:
      if let csvNames, !csvNameSet.contains(name) {
        log.report(
          node, at: mark, "the csv's 'names' have no column \(quoted(name))",
          hint: log.nearest(name, among: csvNames, otherwise: "add it to names, or say from: which it is"))
        return nil
      }
      return .named(name)
    }
  }

  private func special(_ text: String) -> (location: SourceColumn.Location, needs: String?)? {
    switch text {
    case "$object": return (.object, "objects")
    case "$row": return (.row, "objects")
    case "$modified": return (.modified, "objects")
    case "$key": return (.recordKey, "records")
    case "$timestamp": return (.recordTimestamp, "records")
    default:
      guard text.hasPrefix("$headers."), text.utf8.count > 9 else { return nil }
      return (.header(String(text.dropFirst(9))), "records")
    }
  }

  // MARK: what it becomes

  private func time(_ section: Section, _ type: ColumnType) -> TimeFormat? {
    for key in ["format", "zone", "unit"] {
      guard let node = section[key], !node.isRefused else { continue }
      let fits = type == .timestamp || (type == .date && key == "format")
      if !fits {
        log.report(
          node, "'\(key)' does not fit type \(type)",
          hint: "it belongs to \(key == "format" ? "dates and timestamps" : "timestamps")")
        return nil
      }
    }
    if let unit = section["unit"] {
      if let other = section["format"] ?? section["zone"] {
        log.report(
          other, "a number since 1970 ('unit') has neither format nor zone", hint: "keep one of them")
        return nil
      }
      return nodes.choice(unit, "s, ms, us or ns", ["s": EpochUnit.s, "ms": .ms, "us": .us, "ns": .ns]).map {
        .epoch($0)
      }
    }
    let zone = nodes.parsed(section["zone"], "a time zone such as Europe/Paris", zones.parse)
    if section["zone"] != nil && zone == nil { return nil }
    if let format = section["format"] {
      return nodes.parsed(format, "a format such as \"%d/%m/%Y\"", TimePatternText.parse).map {
        .pattern($0, zone: zone)
      }
    }
    return zone.map { .iso8601In(zone: $0) } ?? .iso8601
  }

  /// The outer optional is nil after a problem; the inner one where there is no default.
  private func fallback(_ node: YAMLNode?, _ type: ColumnType) -> Literal?? {
    guard let node else { return .some(nil) }
    guard let text = nodes.text(node, type.withArticle, allowEmpty: true) else { return nil }
    do {
      return .some(try LiteralText.parse(text, as: type))
    } catch {
      log.report(
        node, offset: error.offset, "the default of \(type.withArticle): \(error.message)", hint: error.hint)
      return nil
    }
  }

  private func check(_ column: SourceColumn, _ section: Section, isCount: Bool) {
    let name = quoted(column.name)
    switch column.location {
    case .row where column.type != .int:
      log.report(section["type"] ?? section.node, "$row is an int, not \(column.type.withArticle)")
    case .object where column.type != .string:
      log.report(section["type"] ?? section.node, "$object is a string, not \(column.type.withArticle)")
    case .recordTimestamp where column.type != .timestamp && column.type != .int:
      log.report(
        section["type"] ?? section.node,
        "$timestamp is a timestamp (or an int: milliseconds since 1970), not \(column.type.withArticle)")
    case .modified where column.type != .timestamp:
      log.report(
        section["type"] ?? section.node,
        "\(section["path"]?.text ?? name) is a timestamp, not \(column.type.withArticle)")
    case .modified where column.time != .iso8601, .recordTimestamp where column.time != .iso8601:
      log.report(
        section["path"] ?? section.node,
        "\(section["path"]?.text ?? name) is a time already: leave out format, zone and unit")
    default: break
    }
    checkReduce(column, section, isCount: isCount)
  }

  private func checkReduce(_ column: SourceColumn, _ section: Section, isCount: Bool) {
    var isMany = false
    if case .path(let path) = column.location { isMany = path.steps.contains(.elements) }
    if isCount {
      if let node = section["reduce"] {
        log.report(node, "type count counts already", hint: "leave out 'reduce'")
      }
      guard case .path = column.location else {
        log.report(
          section["type"] ?? section.node,
          "type count counts the elements of a JSON array; this is no path into JSON")
        return
      }
      return
    }
    guard let node = section["reduce"] else {
      if isMany {
        log.report(
          section["path"] ?? section.node,
          "a path with [] gives many values, and nothing says how they become one",
          hint: "add reduce: sum, min, max, mean, count, first or last")
      }
      return
    }
    guard isMany else {
      log.report(
        node, "'reduce' needs a path with [], which gives many values", hint: "as in path: items[].amount")
      return
    }
    guard let reduce = column.reduce, !reduce.accepts(column.type) else { return }
    let (needs, hint) =
      switch reduce {
      case .mean: ("a mean is a double", "write type: double")
      case .count: ("a count is an int", "write type: int")
      default: ("\(reduce) needs numbers", "")
      }
    log.report(node, "\(needs), and \(quoted(column.name)) is \(column.type.withArticle)", hint: hint)
  }
}
