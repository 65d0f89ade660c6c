internal import Definition
internal import Pipeline
internal import Platform

extension InputListing {
  /// The inputs of a manifest, pinned: an S3 object to its version or entity tag, a file by its content afterwards, records
  /// by their offsets.
  ///
  /// What is gone or has changed is noted in `gone` (an input, and why), and is to be taken from the segments in `state`.
  /// What stands in there before is not looked for again.
  init(
    _ definition: Definition, rebuilding manifest: Manifest, stores: any StoreDirectory, topics: TopicAccess,
    state: StorePlace?, gone: inout [InputIdentity: String]
  ) {
    tables = definition.sources.map { _ in InputTable() }
    let objects = manifest.inputs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let ranges = (manifest.ranges ?? []).sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
    var held = HeldRecords(topics)
    for (index, source) in definition.sources.enumerated() {
      var lost = AttemptInputs(source: index, isRetained: true)
      for record in objects where record.source == source.name {
        let number = tables[index].add(InputTable.Entry(name: record.key, modified: record.modifiedMicroseconds))
        let identity = InputIdentity(record)
        do throws(Gone) {
          if let reason = gone[identity] { throw Gone(reason: reason) }
          let (info, store) = try InputListing.pin(record, stores)
          inputs.append(InputFile(source: index, info: info, number: number, store: store, expected: record))
        } catch {
          gone[identity] = error.reason
          guard let state else { continue }
          lost.objects.append(
            InputFile(
              source: index, info: record.info, number: number, store: state.store, expected: record, isRetained: true))
        }
      }
      for record in ranges where record.source == source.name {
        let identity = InputIdentity(record)
        let range = InputRange(
          source: index,
          range: RangeIdentity(source: record.source, topic: record.topic, partition: record.partition),
          from: record.from, to: record.to,
          number: tables[index].add(InputTable.Entry(topic: record.topic, partition: record.partition)),
          expected: record)
        if let reason = gone[identity] ?? held.refusal(of: range) {
          gone[identity] = reason
          lost.ranges.append(range)
        } else {
          self.ranges.append(range)
        }
      }
      if lost.count > 0 { retained.append(lost) }
    }
  }

  /// Why an input is not where it came from: a sentence.
  private struct Gone: Error { var reason: String }

  /// The object as it was, and its store.
  private static func pin(_ record: Manifest.InputRecord, _ stores: any StoreDirectory) throws(Gone)
    -> (ObjectInfo, any ObjectStore)
  {
    let location = record.location
    do {
      let place = try stores.open(record.bucket.isEmpty ? record.key : "s3://\(record.bucket)/")
      // A version is there or not, whatever the newest is; the first read shows it.
      if record.version != nil { return (record.info, place.store) }
      var info = try place.store.head(record.key)
      if let etag = record.etag, info.etag != etag {
        throw Gone(reason: "input \(location) changed: its entity tag was \(etag) and is \(info.etag ?? "none")")
      }
      if record.bucket.isEmpty, let was = record.sha256, let now = info.etag, was != now {
        throw Gone(reason: "input \(location) changed: its content had SHA-256 \(was) and has \(now)")
      }
      if !record.bucket.isEmpty {
        info.version = nil
        info.etag = record.etag
      }
      return (info, place.store)
    } catch let gone as Gone {
      throw gone
    } catch let error as StoreError where error.code == .notFound {
      throw Gone(reason: "input \(location) is gone")
    } catch {
      throw Gone(reason: "input \(location): \(error)")
    }
  }
}

extension Manifest.InputRecord {
  var location: String { ObjectIdentity(source: source, bucket: bucket, key: key).location }

  /// As the store described it then.
  fileprivate var info: ObjectInfo {
    ObjectInfo(
      bucket: bucket, key: key, size: size, modifiedMicroseconds: modifiedMicroseconds, etag: etag, version: version)
  }
}

/// What the broker holds of a manifest's ranges; each topic is asked for once.
private struct HeldRecords {
  private let topics: TopicAccess
  private var known: [String: Result<[Int: OffsetBounds], BatchError>] = [:]

  init(_ topics: TopicAccess) { self.topics = topics }

  /// Why a range cannot be read: a sentence; nil where all its offsets are there.
  mutating func refusal(of range: InputRange) -> String? {
    guard let first = range.parts.first?.lowerBound, let end = range.parts.last?.upperBound else { return nil }
    let location = RunInput.range(range).location
    switch bounds(of: range.range.topic) {
    case .failure(let error): return "input \(location): \(error)"
    case .success(let partitions):
      guard let bounds = partitions[range.range.partition] else {
        return "input \(location) is gone: the topic has \(partitions.count) partitions"
      }
      guard bounds.first > first || bounds.end < end else { return nil }
      return "input \(location) is gone: the topic holds \(bounds.first) to \(bounds.end) there"
    }
  }

  private mutating func bounds(of topic: String) -> Result<[Int: OffsetBounds], BatchError> {
    if let found = known[topic] { return found }
    let found: Result<[Int: OffsetBounds], BatchError>
    do {
      found = .success(
        Dictionary(try topics.bounds(of: topic).map { ($0.key.partition, $0.value) }) { first, _ in first })
    } catch {
      found = .failure(error as? BatchError ?? BatchError(["\(error)"]))
    }
    known[topic] = found
    return found
  }
}
