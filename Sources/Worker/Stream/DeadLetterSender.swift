internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// Sends what could not be used to the dead letters, with the attempt it belongs to: those of attempts that were never
/// accepted are not shown. One thread at a time.
struct DeadLetterSender {
  let context: StreamContext
  let attempt: AttemptID
  private var waiting: [OutgoingMessage] = []
  private(set) var count = 0

  init(_ context: StreamContext, attempt: AttemptID) {
    self.context = context
    self.attempt = attempt
  }

  /// Takes the buffer's lines: each becomes a message.
  mutating func send(_ rejects: inout RejectBuffer) throws {
    let lines = rejects.takeLines()
    if lines.isEmpty { return }
    let start = Array("{\"kind\":\"row\",\"attempt\":\"\(attempt)\",".utf8)
    for line in lines.split(separator: 0x0a) {
      waiting.append(
        OutgoingMessage(
          topic: context.topics.deadLetters, partition: nil, key: Array("\(attempt)".utf8),
          value: start + line.dropFirst()))
      count += 1
    }
    if waiting.count >= 1000 { try flush() }
  }

  mutating func flush() throws {
    if waiting.isEmpty { return }
    _ = try context.broker.append(waiting)
    waiting.removeAll()
  }

  private struct ObjectLetter: Encodable {
    var kind = "object"
    var source: String
    var object: String
    var version: String
    var reason: String
    var tries: Int
  }

  /// An object that is set aside.
  static func object(
    _ context: StreamContext, _ identity: ObjectIdentity, version: String, reason: String, tries: Int
  ) throws {
    let letter = ObjectLetter(
      source: identity.source, object: identity.location, version: version, reason: reason, tries: tries)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    _ = try context.broker.append([
      OutgoingMessage(
        topic: context.topics.deadLetters, partition: nil, key: Array(identity.location.utf8),
        value: Array(try encoder.encode(letter)))
    ])
  }

  /// A message that cannot be understood.
  static func message(_ context: StreamContext, _ at: TopicPartition, offset: Int64, reason: String, bytes: [UInt8])
    throws(BrokerError)
  {
    var line = JSONText()
    line.member("kind", "message")
    line.member("topic", at.topic)
    line.member("partition", UInt64(at.partition))
    line.member("offset", UInt64(max(offset, 0)))
    line.member("reason", reason)
    line.member("raw", String(decoding: bytes.prefix(RejectBuffer.rawMax), as: UTF8.self))
    if bytes.count > RejectBuffer.rawMax { line.member("length", UInt64(bytes.count)) }
    _ = try context.broker.append([
      OutgoingMessage(
        topic: context.topics.deadLetters, partition: nil, key: Array("\(at)".utf8), value: Array(line.finish()))
    ])
  }
}
