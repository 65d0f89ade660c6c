/// Reads the sections that do not shape a snapshot: `store:`, `events:`, `broker:`, and the limits.
struct RuntimeReader {
  let nodes: NodeReader
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader) { self.nodes = nodes }

  func store(_ node: YAMLNode) -> StoreOptions? {
    guard
      let section = nodes.section(
        node, "store", keys: KnownKeys.store,
        example: "store: {endpoint: \"http://localhost:9000\", path_style: true}")
    else { return nil }
    var store = StoreOptions()
    store.endpoint = nodes.parsed(section["endpoint"], "a URL such as http://localhost:9000") {
      text throws(TextFault) in try RuntimeReader.url(text)
    }
    store.region = nodes.text(section["region"], "a region such as us-east-1")
    store.pathStyle = nodes.bool(section["path_style"])
    store.profile = nodes.text(section["profile"], "the name of a profile")
    store.encryption = nodes.choice(
      section["encryption"], "AES256 or aws:kms", ["AES256": "AES256", "aws:kms": "aws:kms"])
    store.kmsKey = nodes.text(section["kms_key"], "the id of a KMS key")
    if let key = section["kms_key"], store.encryption != "aws:kms",
      section["encryption"] == nil || store.encryption != nil
    {
      log.report(key, at: key.keyMark, "'kms_key' needs encryption: aws:kms")
    }
    return store
  }

  /// `reconcile` stands beside `topic` and `sqs`: nil where it is not said.
  func events(_ node: YAMLNode) -> (options: EventsOptions?, reconcileEvery: Int64?) {
    let example = "events: {topic: s3.events}, {sqs: URL} or {list: 30s}"
    guard let section = nodes.section(node, "events", keys: KnownKeys.events, example: example) else {
      return (nil, nil)
    }
    let sources = ["topic", "sqs", "list"]
    let given = sources.compactMap { section[$0] }
    guard given.count == 1 else {
      log.report(
        node, at: node.keyMark, "events: expected one of topic, sqs and list, found \(given.count)",
        hint: "write \(example)")
      return (nil, nil)
    }
    let reconcile = nodes.parsed(section["reconcile"], DurationText.expected, DurationText.parsePositive)
    if let list = section["list"] {
      if let node = section["reconcile"] {
        log.report(
          node, at: node.keyMark,
          "events: 'reconcile' is for notifications; with 'list' every listing finds everything",
          hint: "leave it out")
      }
      return (
        nodes.parsed(list, DurationText.expected, DurationText.parsePositive).map { .list(every: $0) }, nil
      )
    }
    if let topic = section["topic"] {
      return (nodes.parsed(topic, "a topic", NameText.topic).map { .topic($0) }, reconcile)
    }
    let queue = nodes.parsed(section["sqs"], "a queue's URL") { text throws(TextFault) in
      try RuntimeReader.url(text)
    }
    return (queue.map { .sqs($0) }, reconcile)
  }

  /// The outer optional is nil after a problem; the inner one for the embedded broker.
  func broker(_ node: YAMLNode) -> BrokerOptions?? {
    let example = "broker: embedded or broker: {kafka: {brokers: \"localhost:9092\"}}"
    if node.text == "embedded" { return .some(nil) }
    if let text = node.text, !node.isEmpty {
      log.report(
        node, "expected embedded or {kafka: {…}}, found \(quoted(text))",
        hint: log.nearest(text, among: ["embedded"], otherwise: "write \(example)"))
      return nil
    }
    guard let section = nodes.section(node, "broker", keys: ["kafka"], example: example) else { return nil }
    guard let kafka = section["kafka"] else {
      nodes.missing("kafka", in: section, hint: "write \(example)")
      return nil
    }
    guard let entries = nodes.entries(kafka, "kafka", example: example) else { return nil }
    var properties: [String: String] = [:]
    var brokers: String?
    for entry in entries {
      if entry.key == "brokers" {
        brokers = nodes.texts(entry.value, "HOST:PORT")?.map(\.text).joined(separator: ",") ?? ""
        if brokers == "", case .sequence(let items) = entry.value.content, items.isEmpty {
          log.report(entry.value, "expected at least one HOST:PORT")
        }
      } else if let value = nodes.text(entry.value, "the property's value", allowEmpty: true) {
        properties[entry.key] = value
      }
    }
    if let servers = properties.removeValue(forKey: "bootstrap.servers"), brokers == nil { brokers = servers }
    guard let brokers else {
      log.report(kafka, at: kafka.keyMark, "kafka has no 'brokers'", hint: "add brokers: \"localhost:9092\"")
      return nil
    }
    return .some(.kafka(brokers: brokers, properties: properties))
  }

  /// `100` or `0.5%`.
  func maxRejects(_ node: YAMLNode) -> RejectLimit? {
    let expected = "a number of rows such as 100, or a share such as 0.5%"
    guard let text = nodes.text(node, expected) else { return nil }
    if text.hasSuffix("%") {
      let number = String(text.dropLast())
      if LiteralText.isNumber(number, fraction: true), let percent = Double(number), percent >= 0,
        percent <= 100
      {
        return .share(percent / 100)
      }
    } else if let rows = Int(text), rows >= 0 {
      return .rows(rows)
    }
    log.report(
      node, "expected \(expected), found \(quoted(text))",
      hint: LiteralText.isNumber(text, fraction: true) && text.contains(".") ? "write a share with a %" : "")
    return nil
  }

  private static func url(_ text: String) throws(TextFault) -> String {
    let host =
      text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
    guard !host.isEmpty, host.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }) else {
      throw TextFault("expected a URL that begins with http:// or https://, found \(quoted(text))")
    }
    guard !host.prefix(while: { $0 != "/" }).contains("@") else {
      throw TextFault(
        "a URL with a user or password in it",
        hint: "credentials come from the usual AWS places, never from a definition")
    }
    return text
  }
}
