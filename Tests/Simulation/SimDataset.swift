import Definition
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
          window: random.chance(2)))
    }
    if recordSources == 2 {
      let topic = random.chance(2) ? "app.clicks" : "app.profiles"
      if topics[topic] == nil { topics[topic] = random.int(1...2) }
      sources.append(
        SimSource(
          name: "prof", kind: .records(topic: topic, keyed: true), isLatest: true, isTimed: random.chance(2)))
    }
    if random.chance(2) {
      everyMinutes = random.pick([1, 5])
      delaySeconds = random.pick([0, 20])
      if random.chance(3) { keepLast = random.int(1...3) }
      listsBeforeCut = random.chance(3)
    }
  }

  /// The definition's text. `asBatch`: records are objects in `rec/<source>/`, for a reference run.
  func text(asBatch: Bool = false) -> String {
    var lines = ["dataset: sim", "key: id", "shards: \(shards)", "max_rejects: 100%", "sources:"]
    for source in sources {
      lines.append("  \(source.name):")
      var columns = "id: string, t: timestamp, n: int, s: string"
      switch source.kind {
      case .objects(let prefix, let isCSV):
        lines.append("    objects: \"s3://lake/\(prefix)\"")
        lines.append("    format: \(isCSV ? "csv" : "json")")
        if source.keeps { lines.append("    on_remove: keep") }
      case .records(let topic, let keyed):
        if asBatch {
          lines.append("    objects: \"s3://lake/rec/\(source.name)/\"")
        } else {
          lines.append("    records: \(topic)")
          if keyed {
            columns =
              "id: {path: $key, type: string}, t: {path: $timestamp, type: timestamp}, n: int, s: string"
          }
        }
        lines.append("    format: json")
      }
      lines.append("    keep: \(source.isLatest ? "latest" : "events")")
      if source.isTimed { lines.append("    time: t") }
      lines.append("    columns: {\(columns)}")
    }
    lines.append("features:")
    for source in sources {
      let name = source.name
      if source.isLatest {
        lines.append("  \(name): {\(name)_n: n, \(name)_s: s}")
      } else {
        lines.append("  \(name):")
        lines.append("    \(name)_count: count()")
        lines.append("    \(name)_sum: sum(n)")
        lines.append("    \(name)_max: max(n)")
        lines.append("    \(name)_last: last(s)")
        if source.window { lines.append("    \(name)_win: count() over 1h") }
      }
    }
    lines.append("rows: {from: base}")
    lines.append("split: {train: 0.7, eval: 0.3, salt: v1}")
    var snapshot = "to: \"s3://lake/out\", format: {csv: {header: true}}, part_target: 64KiB"
    if let everyMinutes { snapshot += ", every: \(everyMinutes)m, delay: \(delaySeconds)s" }
    if let keepLast { snapshot += ", keep_last: \(keepLast)" }
    if listsBeforeCut { snapshot += ", complete: listing" }
    lines.append("snapshot: {\(snapshot)}")
    return lines.joined(separator: "\n") + "\n"
  }

  func definition(asBatch: Bool = false) throws -> Definition {
    switch DefinitionReader.read(text: text(asBatch: asBatch), file: "sim.yaml") {
    case .success(let reading): return reading.definition
    case .failure(let error): throw SimError("the definition is wrong: \(error)\n\(text(asBatch: asBatch))")
    }
  }
}

struct SimError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// A row as it was meant; how it is written is its object's or topic's matter.
struct SimRow: Hashable {
  var key: String
  /// Microseconds, whole seconds.
  var time: Int64
  var number: Int
  var text: String
  /// Written so that every source rejects it.
  var isBad = false

  static func random(_ random: inout SeededGenerator, around now: Int64, label: String) -> SimRow {
    SimRow(
      key: "k\(random.int(0...7))",
      // Few different times, so that there are ties; some in the future of any cut.
      time: now / 1_000_000 * 1_000_000 + random.pick([-7200, -3600, -1800, -60, -60, 0, 60, 3600]) * 1_000_000,
      number: random.int(-9...99), text: label, isBad: random.chance(8))
  }

  var iso: String { SimRow.iso(time) }

  static func iso(_ micros: Int64) -> String {
    let seconds = micros / 1_000_000
    let days = seconds / 86_400
    // Civil from days, after Howard Hinnant.
    let z = days + 719_468
    let era = z / 146_097
    let doe = z - era * 146_097
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
    let mp = (5 * doy + 2) / 153
    let day = doy - (153 * mp + 2) / 5 + 1
    let month = mp < 10 ? mp + 3 : mp - 9
    let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let rest = seconds % 86_400
    return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
  }

  var csv: String { isBad ? "\(key),\(iso),x,\(text)\n" : "\(key),\(iso),\(number),\(text)\n" }
  var json: String {
    isBad
      ? "{\"id\":\"\(key)\",\"t\":\"never\",\"n\":\"x\",\"s\":\"\(text)\"}"
      : "{\"id\":\"\(key)\",\"t\":\"\(iso)\",\"n\":\(number),\"s\":\"\(text)\"}"
  }
}
