internal import CRDKafka
internal import Platform

/// What is set on librdkafka's handles: our defaults, then what the user says. A value.
struct KafkaSettings: Sendable {
  let brokers: String
  let clientID: String
  /// The user's, under librdkafka's own names.
  let properties: [String: String]
  /// Topics whose messages are not worth compressing.
  private let compact: Set<String>
  /// Topics of whose records nobody wants the headers.
  let headerless: Set<String>

  enum Role: Sendable {
    /// Appends, and asks for everything that is not reading.
    case producer
    case member(group: String, name: String)
    case reader
  }

  /// What other values would break: offsets are committed when the ledger has judged, never by the library, and a
  /// gap is an error that somebody has to see (ARCHITECTURE.md §4).
  private static let fixed: [String: String] = [
    "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "error",
  ]
  /// What has a place of its own.
  private static let elsewhere: Set<String> = [
    "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id", "transactional.id",
  ]

  init(
    brokers: String, clientID: String, properties: [String: String], compact: Set<String> = [],
    headerless: Set<String> = []
  ) throws(BrokerError) {
    self.brokers = brokers
    self.compact = compact
    self.headerless = headerless
    self.clientID = clientID
    self.properties = properties
    guard !brokers.allSatisfy(\.isWhitespace) else {
      throw Self.refuse("brokers", "no broker is named", "write brokers: \"host:port\", several with commas")
    }
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
      if let only = Self.fixed[name], value != only {
        throw Self.refuse(name, "\(name) has to be \(only) here", "leave it out")
      }
      if Self.elsewhere.contains(name) {
        throw Self.refuse(name, "\(name) is set by Tributary", "leave it out")
      }
    }
  }

  /// How long an append, and anything else that is asked, may take before `.unavailable` is thrown.
  var deliveryMilliseconds: Int {
    Int(properties["message.timeout.ms"] ?? properties["delivery.timeout.ms"] ?? "") ?? 30_000
  }
  var requestMilliseconds: Int32 { Int32(max(1000, min(15_000, deliveryMilliseconds))) }
  /// Key and value of a message together.
  var messageBytesMax: Int { Int(properties["message.max.bytes"] ?? "") ?? 1_000_000 }

  /// What is set on a topic alone. The user's word on compression holds for all topics.
  func properties(ofTopic name: String) -> [String: String] {
    let isChosen = properties["compression.type"] != nil || properties["compression.codec"] != nil
    return compact.contains(name) && !isChosen ? ["compression.type": "none"] : [:]
  }

  /// Values that must not be shown, wherever they turn up.
  var secrets: [String] { properties.filter { Self.isSecret($0.key) && $0.value.count > 2 }.map(\.value) }

  private static func isSecret(_ name: String) -> Bool {
    ["password", "secret", "key.pem", "key.string", "token", "oauthbearer.config", "jaas"].contains {
      name.contains($0)
    }
  }

  /// Replaces secrets in a text that the library made.
  func redacted(_ text: String) -> String {
    var text = text
    for secret in secrets { text = text.replacing(secret, with: "***") }
    return text
  }

  /// Names and values in the order in which they are to be set. `optional`: not every release of librdkafka knows it.
  private func entries(_ role: Role) -> [(name: String, value: String, optional: Bool)] {
    var entries: [(String, String, Bool)] = [
      ("bootstrap.servers", brokers, false), ("client.id", clientID, false),
      ("socket.keepalive.enable", "true", false), ("log.connection.close", "false", false),
      // A broker that is back is found soon.
      ("reconnect.backoff.ms", "100", false), ("reconnect.backoff.max.ms", "1000", false),
      ("socket.connection.setup.timeout.ms", "10000", true),
    ]
    switch role {
    case .producer:
      entries += [
        ("acks", "all", false), ("enable.idempotence", "true", false), ("linger.ms", "2", false),
        ("compression.type", "lz4", false), ("message.timeout.ms", "30000", false),
        ("partitioner", "murmur2_random", false), ("topic.metadata.propagation.max.ms", "10000", true),
        // A bound on memory: an append that would pass it waits.
        ("queue.buffering.max.kbytes", "65536", false), ("queue.buffering.max.messages", "100000", false),
      ]
    case .member(let group, let name):
      entries += [
        ("group.id", group, false), ("group.instance.id", name, false),
        ("session.timeout.ms", "10000", false), ("heartbeat.interval.ms", "3000", false),
        ("max.poll.interval.ms", "300000", false), ("partition.assignment.strategy", "cooperative-sticky", false),
        ("queued.max.messages.kbytes", "32768", false),
      ]
    case .reader:
      // The end is told, also of a partition that ends in a hole.
      entries += [("queued.max.messages.kbytes", "16384", false), ("enable.partition.eof", "true", false)]
    }
    switch role {
    case .producer: break
    case .member, .reader:
      entries += Self.fixed.sorted { $0.key < $1.key }.map { ($0.key, $0.value, false) }
      entries += [
        ("isolation.level", "read_committed", false), ("check.crcs", "true", false),
        // A fetch that waits at the broker delays what is to be read elsewhere after a seek or resume.
        ("fetch.wait.max.ms", "100", false),
        // Both delay fetching after the local queue was full; the defaults (1 s, 500 ms) starve a fast consumer.
        ("fetch.queue.backoff.ms", "10", true), ("fetch.error.backoff.ms", "20", false),
      ]
    }
    return entries + properties.sorted { $0.key < $1.key }.map { ($0.key, $0.value, false) }
  }

  /// A configuration with everything but callbacks. The caller owns it, until `rd_kafka_new` takes it.
  func configuration(_ role: Role) throws(BrokerError) -> OpaquePointer {
    guard let configuration = rd_kafka_conf_new() else {
      throw BrokerError(.other, operation: "connect", location: brokers, message: "no memory")
    }
    var message = [CChar](repeating: 0, count: 512)
    for entry in entries(role) {
      let result = rd_kafka_conf_set(configuration, entry.name, entry.value, &message, message.count)
      if result == RD_KAFKA_CONF_OK || entry.optional { continue }
      rd_kafka_conf_destroy(configuration)
      guard result == RD_KAFKA_CONF_UNKNOWN else {
        // The library's text repeats the value.
        let text =
          Self.isSecret(entry.name) ? "\(entry.name): the value is not accepted" : redacted(string(message))
        throw Self.refuse(entry.name, text, "see librdkafka's CONFIGURATION.md for its values")
      }
      throw Self.refuse(
        entry.name, "librdkafka \(String(cString: rd_kafka_version_str())) has no property \(entry.name)",
        "check its spelling in librdkafka's CONFIGURATION.md")
    }
    return configuration
  }

  private static func refuse(_ property: String, _ message: String, _ hint: String) -> BrokerError {
    BrokerError(.other, operation: "configure", location: property, message: message, hint: hint)
  }
}

/// The text before the terminating zero.
func string(_ characters: [CChar]) -> String {
  String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
