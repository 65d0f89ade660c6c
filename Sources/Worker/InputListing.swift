internal import Definition
internal import Pipeline
internal import Platform

/// What a run reads: listed from the sources, or what a manifest names.
struct InputListing {
  var inputs: [InputFile] = []
  var ranges: [InputRange] = []
  /// One a source at most: inputs whose rows have to come out of segments.
  var retained: [AttemptInputs] = []
  /// One a source.
  var tables: [InputTable] = []

  /// Grouped as they are read.
  var attempts: [AttemptInputs] {
    AttemptGrouping.groups(inputs).map { AttemptInputs(source: $0[0].source, objects: $0) }
      + ranges.map { AttemptInputs(source: $0.source, ranges: [$0]) } + retained
  }

  var count: Int { inputs.count + ranges.count + retained.reduce(0) { $0 + $1.count } }

  /// Lists every source, and of a topic the records that it holds now. Order does not depend on the store's: source, then
  /// key or partition.
  init(_ definition: Definition, stores: any StoreDirectory, topics: TopicAccess) throws(BatchError) {
    var problems: [String] = []
    for (index, source) in definition.sources.enumerated() {
      var table = InputTable()
      defer { tables.append(table) }
      guard case .objects(let location) = source.input else {
        if case .records(let topic) = source.input {
          do {
            for (at, bounds) in try topics.bounds(of: topic) {
              ranges.append(
                InputRange(
                  source: index,
                  range: RangeIdentity(source: source.name, topic: at.topic, partition: at.partition),
                  from: bounds.first, to: bounds.end,
                  number: table.add(InputTable.Entry(topic: at.topic, partition: at.partition))))
            }
          } catch {
            problems.append("source '\(source.name)': \(error)")
          }
        }
        continue
      }
      do {
        let place = try stores.open(location)
        if let problem = try overlap(source, place, definition, stores) {
          problems.append(problem)
          continue
        }
        let rule = try SourceRule(source, place)
        let found = try stores.objects(at: place).filter { rule.contains($0.key) }
        if found.isEmpty {
          problems.append(
            "source '\(source.name)': there are no objects at \(location); check the path, include and exclude")
        }
        var seen: Set<String> = []
        for info in found.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        where seen.insert(info.key).inserted {
          let number = table.add(
            InputTable.Entry(name: info.key, modified: info.modifiedMicroseconds))
          inputs.append(InputFile(source: index, info: info, number: number, store: place.store))
        }
      } catch {
        problems.append("source '\(source.name)': \(error)")
      }
    }
    if !problems.isEmpty { throw BatchError(problems) }
  }

  /// A problem if snapshots would be written among a source's objects, where the next run would read them.
  private func overlap(
    _ source: Source, _ place: StorePlace, _ definition: Definition, _ stores: any StoreDirectory
  ) throws(StoreError) -> String? {
    let target = try stores.open(definition.snapshot.to)
    guard target.bucket == place.bucket else { return nil }
    // What a glob surely begins with: the folders before its first wildcard.
    var folder = String(place.path.prefix { !"*?[{".contains($0) })
    if folder.count < place.path.count {
      folder = String(folder.prefix(through: folder.lastIndex(of: "/") ?? folder.startIndex))
    }
    if !folder.hasSuffix("/") { folder += "/" }
    guard target.key("").hasPrefix(folder), folder != "/" || place.path == "/" else { return nil }
    // A glob without `**` stays in its own folder.
    if place.path.contains("*") && !place.path.contains("**") { return nil }
    return
      "source '\(source.name)': snapshot.to (\(definition.snapshot.to)) lies within its objects, so the next run would read snapshots as input; give snapshots a place of their own"
  }
}
