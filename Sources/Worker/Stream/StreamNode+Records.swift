public import Definition
internal import Platform

extension StreamNode {
  /// Why records were not taken.
  public enum SendFault: Error, Sendable, Hashable {
    /// Nothing reads the topic; with those that are read.
    case noSuchTopic(read: [String])
    /// A line without a tab, where each is to begin with a key.
    case missingKey(line: Int)
  }

  /// Appends records to a topic that the dataset reads, and gives their number once they are durable: a source's, or that
  /// of the notifications, for stores that can do no more than call an address.
  ///
  /// `lines`: a record's value each; with `keyed`, a key, a tab and the value (none: a tombstone). A key decides the
  /// partition as with Kafka's own clients. If it throws a broker's error, some of them may be there all the same.
  public func send(_ lines: [UInt8], to topic: String, keyed: Bool) throws -> Int {
    let read = parts.ingest.topics
    guard read.contains(topic) else { throw SendFault.noSuchTopic(read: read) }
    let records: [SentRecords.Record]
    do throws(SentRecords.MissingKey) {
      records = try SentRecords(lines, keyed: keyed).records
    } catch {
      throw SendFault.missingKey(line: error.line)
    }
    return try broker.append(
      records.map { OutgoingMessage(topic: topic, partition: nil, key: $0.key, value: $0.value) }
    ).count
  }
}

extension Definition {
  /// Topics that sources read records from, each once, in the file's order.
  public var recordTopics: [String] {
    var topics: [String] = []
    for source in sources {
      if case .records(let topic) = source.input, !topics.contains(topic) { topics.append(topic) }
    }
    return topics
  }

  /// Those of which no source reads headers.
  public var headerlessTopics: Set<String> {
    var topics = Set(recordTopics)
    for case .records(let topic) in sources.filter(\.readsHeaders).map(\.input) { topics.remove(topic) }
    return topics
  }

  /// Topics that others write to: those of records, and that of notifications where it has a name of its own. They are
  /// made where they are missing, else let be.
  public var foreignTopics: [String] {
    if eventsTopic == DatasetTopics.events || recordTopics.contains(eventsTopic) { return recordTopics }
    return recordTopics + [eventsTopic]
  }
}

extension Source {
  /// Whether a column is taken from a header of its records.
  var readsHeaders: Bool { columns.contains { if case .header = $0.location { true } else { false } } }
}
