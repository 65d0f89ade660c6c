extension NotificationParser {
  /// The members of a document's top level that tell what it is.
  struct Document {
    private var records: [RecordFields]?
    private var bridge = RecordFields()
    private var hasDetail = false
    private var detailType: String?
    private var event: String?
    private var type: String?
    /// MinIO's outer key, `bucket/key`.
    private var outerKey: [UInt8]?
    private var ownVersion: String?
    private var own = RecordFields()
    private var time: String?
    /// An SNS envelope's content.
    private(set) var message: [UInt8]?

    /// Reads one object and nothing behind it.
    init(_ reader: inout JSONReader) throws(JSONFault) {
      guard try reader.shape() == .object else { throw reader.fault("it is no object") }
      var document = Document()
      try reader.object { name, reader throws(JSONFault) in try document.take(name, &reader) }
      self = document
    }

    private init() {}

    var isEnvelope: Bool {
      records == nil && detailType == nil && ownVersion == nil && (type == nil || type == "Notification")
    }

    private mutating func take(_ name: String, _ reader: inout JSONReader) throws(JSONFault) {
      switch name {
      case "Records":
        guard try reader.shape() == .array else { return try reader.skip() }
        var found: [RecordFields] = []
        try reader.array { reader throws(JSONFault) in
          found.append(try RecordFields(record: &reader))
        }
        records = found
      case "detail":
        bridge = try RecordFields(detail: &reader)
        hasDetail = true
      case "detail-type": detailType = text(try reader.scalar())
      case "Event": event = text(try reader.scalar())
      case "Type": type = text(try reader.scalar())
      case "Message": message = try reader.scalar()
      case "Key": outerKey = try reader.scalar()
      case "tributary": ownVersion = text(try reader.scalar()) ?? ""
      case "time": time = text(try reader.scalar())
      default:
        if try !own.takeOwn(name, &reader) { try reader.skip() }
      }
    }

    func parsed(messageKey: [UInt8]?) -> Parsed {
      if let ownVersion {
        guard ownVersion == "1" else { return .unreadable("a hint of version '\(ownVersion)' of Tributary's form") }
        return collect([own.ownHint(time: time)])
      }
      if let records {
        guard !records.isEmpty else { return .hints([], skipped: 0) }
        // Only one record's key can be told by the one key of the message.
        let told = records.count == 1 ? messageKey ?? outerKey : nil
        return collect(records.map { $0.classicHint(told: told) })
      }
      if event == "s3:TestEvent" { return .test }
      if let detailType {
        guard hasDetail else { return .unreadable("an event '\(detailType)' without detail") }
        return collect([bridge.bridgeHint(detailType: detailType, time: time)])
      }
      switch type {
      case "SubscriptionConfirmation", "UnsubscribeConfirmation":
        return .unreadable("SNS asks for a confirmation: confirm the subscription at its SubscribeURL")
      default: return .unreadable("no notification of objects in a form that is known")
      }
    }

    private func collect(_ outcomes: [RecordOutcome]) -> Parsed {
      var hints: [ObjectHint] = []
      var skipped = 0
      var problem: String?
      for outcome in outcomes {
        switch outcome {
        case .hint(let hint): hints.append(hint)
        case .noReason: skipped += 1
        case .broken(let reason):
          skipped += 1
          problem = problem ?? reason
        }
      }
      if hints.isEmpty, let problem { return .unreadable(problem) }
      return .hints(hints, skipped: skipped)
    }
  }
}

/// What became of one record.
enum RecordOutcome {
  case hint(ObjectHint)
  /// An event that changes no rows.
  case noReason
  case broken(String)
}

/// Valid UTF-8 of a length that such a value can have; else nil.
func text(_ bytes: [UInt8]?, bytesMax: Int = 1024) -> String? {
  guard let bytes, bytes.count <= bytesMax else { return nil }
  return String(validating: bytes, as: UTF8.self)
}
