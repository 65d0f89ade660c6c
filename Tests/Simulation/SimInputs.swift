import Notifications
import Pipeline
import Platform
import TestKit

/// What happens to the inputs: objects come, change and go, notifications of it too or not, records are produced.
///
/// Remembers all of it as rows, so that whoever checks need not parse anything.
final class SimInputs {
  struct Content {
    /// nil: no reader of the definition can make anything of it.
    var rows: [SimRow]?
  }

  struct Record {
    enum Body {
      case row(SimRow)
      case broken, tombstone
    }
    var offset: Int64
    /// Milliseconds, as the broker says.
    var timestamp: Int64
    var key: String
    var body: Body
  }

  private let world: SimWorld
  private let dataset: SimDataset
  /// By key's prefix and entity tag.
  private(set) var contents: [String: Content] = [:]
  private(set) var records: [TopicPartition: [Record]] = [:]
  private var labels = 0
  /// Notifications that come late.
  private var late: [OutgoingMessage] = []
  /// Uploads that began and are not finished: Last-Modified is their beginning.
  private var uploads: [(key: String, bytes: [UInt8], began: Int64)] = []

  private let kind: SimKind
  private var losesNotifications: Bool { !kind.isTrusting }

  init(_ world: SimWorld, _ dataset: SimDataset, _ kind: SimKind) throws {
    self.kind = kind
    self.world = world
    self.dataset = dataset
    let eventPartitions = kind.isRace ? 4 : world.random.int(1...3)
    try world.broker.create([
      TopicSpec(name: DatasetTopics.events, partitions: eventPartitions, config: ["retention.ms": "-1"])
    ])
    for (topic, partitions) in dataset.topics.sorted(by: { $0.key < $1.key }) {
      try world.broker.create([TopicSpec(name: topic, partitions: partitions, config: ["retention.ms": "-1"])])
      for number in 0..<partitions { records[TopicPartition(topic, number)] = [] }
    }
  }

  private func label() -> String {
    labels += 1
    return "x\(labels)"
  }

  func content(_ key: String, etag: String) -> Content? { contents["\(key.prefix(2)) \(etag)"] }

  /// Objects change while somebody reads what they were.
  func race() throws {
    if world.random.chance(4) { try remove() } else { try change() }
  }

  /// Something of everything, once.
  func happen() throws {
    if kind.isRace && world.random.chance(2) { return try race() }
    switch world.random.int(0...19) {
    case 0...6: try change()
    case 7...8: try remove()
    case 9: try again()
    case 10: try noise()
    case 11: try deliverLate()
    case 12: finishUpload()
    default: if records.isEmpty { try change() } else { try produce() }
    }
  }

  // MARK: Objects

  private func anyKey() -> String {
    let prefix = world.random.pick(dataset.prefixes.keys.sorted())
    if kind.isRace { return "\(world.random.chance(3) ? prefix : "a/")o0" }
    return "\(prefix)\(world.random.chance(4) ? "sub/" : "")o\(world.random.int(0...3))"
  }

  private func change() throws {
    let key = anyKey()
    let isCSV = dataset.prefixes[String(key.prefix(2))] ?? true
    var rows: [SimRow]? = (0..<world.random.pick([0, 1, 2, 4, 9])).map { _ in
      SimRow.random(&world.random, around: world.now, label: label())
    }
    var text = isCSV ? SimRow.header : ""
    for row in rows ?? [] { text += isCSV ? row.csv : row.json + "\n" }
    if isCSV && world.random.chance(15) {
      text = "id,t,s\nk1,2026-01-01T00:00:00Z,\(label())\n"
      rows = nil
    }
    let bytes = Array(text.utf8)
    if world.random.chance(8) {
      uploads.append((key, bytes, world.now))
      note(key, bytes, rows)
      return
    }
    let version = world.lake.put(key, bytes)
    note(key, bytes, rows)
    world.trace.add("  put \(key) \(version.etag) \(rows?.count ?? -1) rows")
    try notify(key, .created, version)
  }

  private func note(_ key: String, _ bytes: [UInt8], _ rows: [SimRow]?) {
    contents["\(key.prefix(2)) \(SimLake.etag(bytes))"] = Content(rows: rows)
  }

  /// A multipart upload ends: the object carries the time when it began.
  func finishUpload() {
    guard !uploads.isEmpty else { return }
    let (key, bytes, began) = uploads.remove(at: world.random.int(0...uploads.count - 1))
    let version = world.lake.put(key, bytes, modified: began)
    world.trace.add("  put \(key) \(version.etag), begun earlier")
    try? notify(key, .created, version)
  }

  private func remove() throws {
    let keys = world.lake.keys.filter { !$0.hasPrefix(SimLake.out) }
    guard !keys.isEmpty else { return }
    let key = world.random.pick(keys)
    world.lake.delete(key)
    world.trace.add("  delete \(key)")
    try notify(key, .removed, nil)
  }

  /// Bytes that a key had before are put again.
  private func again() throws {
    let keys = world.lake.history.keys.sorted()
    guard !keys.isEmpty else { return }
    let key = world.random.pick(keys)
    guard let versions = world.lake.history[key] else { return }
    let version = world.lake.put(key, world.random.pick(versions).bytes)
    world.trace.add("  put again \(key) \(version.etag)")
    try notify(key, .created, version)
  }

  /// Lost, late, once or more.
  private func notify(_ key: String, _ kind: ObjectHint.Kind, _ version: SimLake.Version?) throws {
    let times = self.kind.isRace ? 1 : max(losesNotifications ? 0 : 1, world.random.pick([0, 1, 1, 1, 1, 2]))
    for _ in 0..<times {
      let message = message(key, kind, version)
      if !self.kind.isRace && world.random.chance(4) {
        late.append(message)
      } else {
        _ = try world.broker.append([message])
      }
    }
  }

  private func message(_ key: String, _ kind: ObjectHint.Kind, _ version: SimLake.Version?) -> OutgoingMessage {
    // Keyed as servers do, or not at all.
    let messageKey = self.kind.isRace || world.random.chance(3) ? nil : Array("\(SimLake.bucket)/\(key)".utf8)
    if world.random.chance(2) {
      let hint = ObjectHint(
        bucket: SimLake.bucket, key: key, kind: kind, version: version?.version, etag: version?.etag,
        size: version.map { Int64($0.bytes.count) })
      return OutgoingMessage(
        topic: DatasetTopics.events, partition: nil, key: messageKey, value: NotificationParser.encode(hint))
    }
    let name = kind == .created ? "ObjectCreated:Put" : "ObjectRemoved:Delete"
    let etag = version.map { ",\"eTag\":\"\($0.etag)\",\"size\":\($0.bytes.count)" } ?? ""
    let text =
      "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"\(name)\",\"eventTime\":\"\(SimRow.iso(world.now))\",\"s3\":{\"bucket\":{\"name\":\"\(SimLake.bucket)\"},\"object\":{\"key\":\"\(key)\"\(etag)}}}]}"
    return OutgoingMessage(topic: DatasetTopics.events, partition: nil, key: messageKey, value: Array(text.utf8))
  }

  private func deliverLate() throws {
    guard !late.isEmpty else { return }
    let message = late.remove(at: world.random.int(0...late.count - 1))
    world.trace.add("  a late notification")
    _ = try world.broker.append([message])
  }

  /// What nobody understands, and what speaks of other things.
  private func noise() throws {
    let text = world.random.pick([
      "{", "nonsense", "{\"Records\":[]}", "{\"Records\":[{\"s3\":{}}]}",
      "{\"tributary\":1,\"bucket\":\"other\",\"key\":\"a/o1\",\"kind\":\"created\"}",
      "{\"tributary\":1,\"bucket\":\"lake\",\"key\":\"a/none\",\"kind\":\"created\"}",
    ])
    world.trace.add("  noise \(text)")
    _ = try world.broker.append([
      OutgoingMessage(
        topic: DatasetTopics.events, partition: nil, value: world.random.chance(8) ? nil : Array(text.utf8))
    ])
  }

  // MARK: Records

  private func produce() throws {
    let at = world.random.pick(records.keys.sorted())
    for _ in 0..<world.random.pick([1, 1, 2, 5]) {
      if world.random.chance(5) { world.broker.skip(at, offsets: Int64(world.random.int(1...3))) }
      let row = SimRow.random(&world.random, around: world.now, label: label())
      let body: Record.Body
      let value: [UInt8]?
      switch world.random.int(0...9) {
      case 0: (body, value) = (.tombstone, nil)
      case 1: (body, value) = (.broken, Array(world.random.pick(["{broken", "", "{}{}"]).utf8))
      default: (body, value) = (.row(row), Array(row.json.utf8))
      }
      let offset = try world.broker.append([
        OutgoingMessage(topic: at.topic, partition: at.partition, key: Array(row.key.utf8), value: value)
      ])[0]
      records[at, default: []].append(Record(offset: offset, timestamp: world.now / 1000, key: row.key, body: body))
      world.trace.add("  record \(at) \(offset)")
    }
  }

  /// Everything that was on its way arrives.
  func finish() throws {
    while !uploads.isEmpty { finishUpload() }
    while !late.isEmpty {
      if losesNotifications && world.random.chance(3) { late.removeLast() } else { try deliverLate() }
    }
  }
}
