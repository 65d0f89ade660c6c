internal import Definition
internal import Pipeline
internal import Platform

/// Which objects a run reads: listed from the sources, or those that a manifest names.
struct InputListing {
  var inputs: [InputFile] = []
  /// One a source.
  var tables: [InputTable] = []

  /// Lists every source. Order does not depend on the store's: source, then key.
  init(_ definition: Definition, stores: any StoreDirectory) throws(BatchError) {
    var problems: [String] = []
    for (index, source) in definition.sources.enumerated() {
      var table = InputTable()
      defer { tables.append(table) }
      guard case .objects(let location) = source.input else {
        problems.append(
          "source '\(source.name)' reads a topic, which a batch cannot; `rows`, `features` and a source of objects can")
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

  /// The inputs of a manifest, pinned: an S3 object to its version or entity tag, a file by its content afterwards.
  init(_ definition: Definition, records: [Manifest.InputRecord], stores: any StoreDirectory) throws(BatchError) {
    var problems: [String] = []
    tables = definition.sources.map { _ in InputTable() }
    let sorted = records.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (index, source) in definition.sources.enumerated() {
      for record in sorted where record.source == source.name {
        let location = record.bucket.isEmpty ? record.key : "s3://\(record.bucket)/\(record.key)"
        do {
          let place = try stores.open(record.bucket.isEmpty ? record.key : "s3://\(record.bucket)/")
          var info = try place.store.head(record.key)
          if let etag = record.etag, record.version == nil, info.etag != etag {
            problems.append(
              "input \(location) changed: its entity tag was \(etag) and is \(info.etag ?? "none")")
            continue
          }
          if !record.bucket.isEmpty {
            info.version = record.version
            info.etag = record.etag
          }
          let number = tables[index].add(
            InputTable.Entry(name: record.key, modified: record.modifiedMicroseconds))
          inputs.append(
            InputFile(source: index, info: info, number: number, store: place.store, expected: record))
        } catch {
          problems.append(
            error.code == .notFound ? "input \(location) is gone" : "input \(location): \(error)")
        }
      }
    }
    if !problems.isEmpty { throw BatchError(problems) }
  }
}
