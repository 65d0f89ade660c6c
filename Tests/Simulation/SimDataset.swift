import Definition
import Digests
import Pipeline
import Platform
import TestKit

/// A random definition, and how its inputs look.
struct SimDataset {
  enum Kind {
    case objects(prefix: String, isCSV: Bool)
    case records(topic: String, keyed: Bool)
  }

  struct SimSource {
    var name: String
    var kind: Kind
    var isLatest: Bool
    var isTimed: Bool
    var keeps = false
    var window = false
    /// The column that the text is read from: by another one, all its inputs are other rows.
    var textFrom = "s"
    /// What retention took before it was read is let go.
    var skipsGaps = false

    var isRecords: Bool { if case .records = kind { true } else { false } }
    func text(of row: SimRow) -> String { textFrom == "s" ? row.text : "u\(row.text)" }
  }

  var sources: [SimSource] = []
  var shards: Int
  var everyMinutes: Int?
  var delaySeconds = 0
  var keepLast: Int?
  var listsBeforeCut = false
  /// Of each record topic.
  var topics: [String: Int] = [:]
  var prefixes: [String: Bool] = [:]
  /// How often the definition was changed.
  var revision = 0
  /// A source that the definition had, and has not now.
  var away: SimSource?
  var rowsFrom = "base"
  var salt = "v1"

  init(_ random: inout SeededGenerator, level: Int) {
    shards = level == 0 ? 1 : random.int(1...5)
    prefixes["a/"] = true
    sources.append(
      SimSource(
        name: "base", kind: .objects(prefix: "a/", isCSV: true), isLatest: true, isTimed: random.chance(2),
        keeps: random.chance(3)))
    if level == 0 { return }
    let shared = random.chance(3)
    prefixes[shared ? "a/" : "b/"] = shared
    sources.append(
      SimSource(
        name: "ev", kind: .objects(prefix: shared ? "a/" : "b/", isCSV: shared), isLatest: false, isTimed: true,
        keeps: random.chance(4), window: random.chance(2)))
    if random.chance(3) {
      prefixes["c/"] = false
      sources.append(
        SimSource(
          name: "more", kind: .objects(prefix: "c/", isCSV: false), isLatest: true, isTimed: random.chance(2),
          keeps: random.chance(3)))
    }
    let recordSources = random.int(0...2)
    if recordSources >= 1 {
      topics["app.clicks"] = random.int(1...3)
      sources.append(
        SimSource(
          name: "clicks", kind: .records(topic: "app.clicks", keyed: false), isLatest: false, isTimed: true,
          window: random.chance(2), skipsGaps: random.chance(2)))
    }
    if recordSources == 2 {
      let topic = random.chance(2) ? "app.clicks" : "app.profiles"
      if topics[topic] == nil { topics[topic] = random.int(1...2) }
      sources.append(
        SimSource(
          name: "prof", kind: .records(topic: topic, keyed: true), isLatest: true, isTimed: random.chance(2),
          skipsGaps: random.chance(2)))
    }
    if random.chance(2) {
      everyMinutes = random.pick([1, 5])
      delaySeconds = random.pick([0, 20])
      if random.chance(3) { keepLast = random.int(1...3) }
      listsBeforeCut = random.chance(3)
    }
  }

  func source(_ name: String) -> SimSource? { sources.first { $0.name == name } }

  /// The next definition of the dataset. `columnsToo`: also such that inputs are to be read again.
  func changed(_ random: inout SeededGenerator, columnsToo: Bool, isWavering: Bool) -> SimDataset {
    var next = self
    if columnsToo { next.comeOrGo(&random, often: isWavering) }
    let sources = next.sources
    // A feature has another name each time, so that no definition comes again: going back is refused.
    next.revision += 1
    if random.chance(3) { next.salt = "v\(next.revision + 1)" }
    if random.chance(3) || next.source(rowsFrom) == nil {
      next.rowsFrom = random.pick(sources.filter(\.isLatest).map(\.name))
    }
    for index in sources.indices {
      if !sources[index].isLatest && random.chance(3) { next.sources[index].window.toggle() }
      // What became of the rows of objects that were removed depends on it: they are read again, too.
      if columnsToo && !sources[index].isRecords && random.chance(4) { next.sources[index].keeps.toggle() }
      if columnsToo && random.chance(3) { next.sources[index].textFrom = sources[index].textFrom == "s" ? "u" : "s" }
    }
    if everyMinutes != nil && random.chance(3) { next.everyMinutes = random.pick([1, 2, 5]) }
    return next
  }

  /// Goes back to another definition's sources and columns.
  mutating func takeColumns(of other: SimDataset) {
    away = other.away
    let windows = Dictionary(sources.map { ($0.name, $0.window) }, uniquingKeysWith: { first, _ in first })
    sources = other.sources
    for index in sources.indices { sources[index].window = windows[sources[index].name] ?? sources[index].window }
    if source(rowsFrom) == nil { rowsFrom = other.rowsFrom }
  }

  /// A source leaves the definition, or comes back to it as it was.
  private mutating func comeOrGo(_ random: inout SeededGenerator, often: Bool) {
    if let back = away {
      guard random.chance(2) else { return }
      sources.append(back)
      away = nil
    } else if sources.count > (often ? 1 : 2), random.chance(often ? 2 : 4) {
      away = sources.remove(at: random.int(1...sources.count - 1))
    }
  }

  /// A source's features, in the definition's order, with what each is.
  func features(of source: SimSource) -> [(name: String, value: String)] {
    let name = source.name
    if source.isLatest {
      let number = name == "base" && revision > 0 ? "base_n\(revision)" : "\(name)_n"
      return [(number, "n"), ("\(name)_s", "s")]
    }
    return [
      ("\(name)_count", "count()"), ("\(name)_sum", "sum(n)"), ("\(name)_max", "max(n)"), ("\(name)_last", "last(s)"),
    ] + (source.window ? [("\(name)_win", "count() over 1h")] : [])
  }

  /// The snapshots' columns behind the key.
  var columns: [String] { sources.flatMap { features(of: $0).map(\.name) } }

  /// The definition's text. `asBatch`: all sources are objects, in ``batchFolder(_:)``.
  func text(asBatch: Bool = false) -> String {
    var lines = ["dataset: sim", "key: id", "shards: \(shards)", "max_rejects: 100%", "sources:"]
    for source in sources {
      lines.append("  \(source.name):")
      var keyed = false
      switch source.kind {
      case .objects(let prefix, let isCSV):
        lines.append("    objects: \"\(asBatch ? SimDataset.batchFolder(source.name) : "s3://lake/\(prefix)")\"")
        lines.append("    format: \(isCSV ? "csv" : "json")")
        if source.keeps { lines.append("    on_remove: keep") }
      case .records(let topic, let isKeyed):
        if asBatch {
          lines.append("    objects: \"\(SimDataset.batchFolder(source.name))\"")
        } else {
          lines.append("    records: \(topic)")
          if source.skipsGaps { lines.append("    on_gap: skip") }
          keyed = isKeyed
        }
        lines.append("    format: json")
      }
      lines.append("    keep: \(source.isLatest ? "latest" : "events")")
      if source.isTimed { lines.append("    time: t") }
      let id = keyed ? "{path: $key, type: string}" : "string"
      let time = keyed ? "{path: $timestamp, type: timestamp}" : "timestamp"
      let text = source.textFrom == "s" ? "string" : "{from: \(source.textFrom), type: string}"
      lines.append("    columns: {id: \(id), t: \(time), n: int, s: \(text)}")
    }
    lines.append("features:")
    for source in sources {
      lines.append("  \(source.name):")
      for feature in features(of: source) { lines.append("    \(feature.name): \(feature.value)") }
    }
    lines.append("rows: {from: \(rowsFrom)}")
    lines.append("split: {train: 0.7, eval: 0.3, salt: \(salt)}")
    var snapshot = "to: \"s3://lake/out\", format: {csv: {header: true}}, part_target: 64KiB"
    if let everyMinutes { snapshot += ", every: \(everyMinutes)m, delay: \(delaySeconds)s" }
    if let keepLast { snapshot += ", keep_last: \(keepLast)" }
    if listsBeforeCut { snapshot += ", complete: listing" }
    lines.append("snapshot: {\(snapshot)}")
    return lines.joined(separator: "\n") + "\n"
  }

  /// Where a source's inputs lie in a run of `batch`: each apart, for what is gone may count for one and not for another.
  static func batchFolder(_ source: String) -> String { "/in/\(source)/" }

  func definition(asBatch: Bool = false) throws -> Definition {
    switch DefinitionReader.read(text: text(asBatch: asBatch), file: "sim.yaml") {
    case .success(let reading): return reading.definition
    case .failure(let error): throw SimError("the definition is wrong: \(error)\n\(text(asBatch: asBatch))")
    }
  }
}

/// A dataset's definition as it stood for a while, read and hashed.
struct SimRevision {
  let dataset: SimDataset
  let definition: Definition
  let batch: Definition
  let semanticHash: String
  let text: String

  init(_ dataset: SimDataset) throws {
    self.dataset = dataset
    text = dataset.text()
    definition = try dataset.definition()
    batch = try dataset.definition(asBatch: true)
    semanticHash = SHA256.hexDigest(of: definition.canonical)
  }
}
