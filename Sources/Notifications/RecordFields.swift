/// The members of one event that matter, in whatever order and dialect they stood.
struct RecordFields {
  private var version: String?
  private var source: String?
  private var name: String?
  private var time: String?
  private var bucket: String?
  private var key: [UInt8]?
  private var versionID: String?
  private var etag: String?
  private var size: String?
  private var sequencer: String?
  private var again = false
  private var isRepair = false

  /// S3's longest key has 1,024 bytes, Linux' longest path 4,096.
  private static let keyBytesMax = 4096

  init() {}

  /// An element of `Records`; one that is no object has no members.
  init(record reader: inout JSONReader) throws(JSONFault) {
    var fields = RecordFields()
    try Self.members(&reader) { name, reader throws(JSONFault) in
      switch name {
      case "eventVersion": fields.version = text(try reader.scalar())
      case "eventSource": fields.source = text(try reader.scalar())
      case "eventName": fields.name = text(try reader.scalar())
      case "eventTime": fields.time = text(try reader.scalar())
      case "s3": try fields.takePlace(&reader)
      default: try reader.skip()
      }
    }
    self = fields
  }

  /// EventBridge's `detail`.
  init(detail reader: inout JSONReader) throws(JSONFault) {
    var fields = RecordFields()
    try fields.takePlace(&reader)
    self = fields
  }

  /// A member of Tributary's own form; false if it is none.
  mutating func takeOwn(_ member: String, _ reader: inout JSONReader) throws(JSONFault) -> Bool {
    switch member {
    case "bucket": bucket = text(try reader.scalar())
    case "kind": name = text(try reader.scalar())
    case "again": again = text(try reader.scalar()) == "true"
    case "repair": isRepair = text(try reader.scalar()) == "true"
    case "key", "version", "etag", "size", "sequencer": try takeObject(member, &reader)
    default: return false
    }
    return true
  }

  private mutating func takePlace(_ reader: inout JSONReader) throws(JSONFault) {
    try Self.members(&reader) { name, reader throws(JSONFault) in
      switch name {
      case "version": version = text(try reader.scalar())
      case "bucket":
        try Self.members(&reader) { name, reader throws(JSONFault) in
          if name == "name" { bucket = text(try reader.scalar(), bytesMax: 255) } else { try reader.skip() }
        }
      case "object":
        try Self.members(&reader) { name, reader throws(JSONFault) in try takeObject(name, &reader) }
      default: try reader.skip()
      }
    }
  }

  private mutating func takeObject(_ member: String, _ reader: inout JSONReader) throws(JSONFault) {
    switch member {
    case "key": key = try reader.scalar()
    case "versionId", "version-id", "version": versionID = text(try reader.scalar())
    case "eTag", "etag": etag = text(try reader.scalar())
    case "size": size = text(try reader.scalar())
    case "sequencer": sequencer = text(try reader.scalar())
    default: try reader.skip()
    }
  }

  /// Visits an object's members; a value of another kind has none.
  private static func members(
    _ reader: inout JSONReader, _ visit: (String, inout JSONReader) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    guard try reader.shape() == .object else { return try reader.skip() }
    try reader.object(visit)
  }

  // MARK: Hints

  /// `told`: `bucket/key` as somebody who is not the record says it.
  func classicHint(told: [UInt8]?) -> RecordOutcome {
    guard let name else { return .broken("a record without eventName") }
    guard let major = major(version), major == "2" || version == nil else {
      return .broken("a record of version '\(version ?? "")'; 2.x is known")
    }
    guard let key, let bucket, !bucket.isEmpty else {
      if case .other = ObjectHint.Kind(eventName: name) { return .noReason }
      return .broken("a record '\(name)' without bucket or key")
    }
    let isEncoded: Bool
    switch source {
    case "aws:s3", "minio:s3": isEncoded = true
    case "ceph:s3": isEncoded = false
    default: isEncoded = told != Array("\(bucket)/".utf8) + key
    }
    return hint(name, bucket, isEncoded ? FormEncoding.decode(key) : key, time)
  }

  func bridgeHint(detailType: String, time: String?) -> RecordOutcome {
    guard let major = major(version), major == "0" || version == nil else {
      return .broken("an event of version '\(version ?? "")'; 0 is known")
    }
    guard let key, let bucket, !bucket.isEmpty else {
      return detailType.utf8.starts(with: "Object ".utf8)
        ? .broken("an event '\(detailType)' without bucket or key")
        : .broken("an event '\(detailType)', which is not of an object")
    }
    return hint(detailType, bucket, key, time)
  }

  func ownHint(time: String?) -> RecordOutcome {
    guard let name, let key, let bucket else { return .broken("a hint of Tributary's without bucket, key or kind") }
    let eventName =
      switch name {
      case "created": "ObjectCreated"
      case "removed": "ObjectRemoved"
      default: name
      }
    return hint(eventName, bucket, key, time)
  }

  private func hint(_ name: String, _ bucket: String, _ key: [UInt8], _ time: String?) -> RecordOutcome {
    let kind = ObjectHint.Kind(eventName: name)
    if case .other = kind { return .noReason }
    guard (1...Self.keyBytesMax).contains(key.count) else { return .broken("a key of \(key.count) bytes") }
    guard !key.contains(0), !bucket.utf8.contains(0) else { return .broken("a key with a zero byte") }
    guard let key = String(validating: key, as: UTF8.self) else { return .broken("a key that is not UTF-8") }
    var hint = ObjectHint(
      bucket: bucket, key: key, kind: kind, version: versionID.flatMap { $0.isEmpty || $0 == "null" ? nil : $0 },
      sequencer: sequencer.flatMap { $0.isEmpty ? nil : $0 }, eventTimeText: time, again: again)
    hint.isRepair = isRepair
    if kind == .created {
      hint.etag = etag.map { unquoted($0) }.flatMap { $0.isEmpty ? nil : $0 }
      hint.size = size.flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
    }
    return .hint(hint)
  }

  /// What stands before the first dot; "" for none.
  private func major(_ version: String?) -> Substring? {
    guard let version else { return "" }
    return version.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).first
  }

  private func unquoted(_ text: String) -> String {
    guard text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "\""), text.utf8.last == UInt8(ascii: "\"") else {
      return text
    }
    return String(text.dropFirst().dropLast())
  }
}
