extension NotificationParser {
  /// Tributary's own form of a hint, which ``parse(_:messageKey:)`` gives back unchanged: one JSON object without spaces.
  ///
  /// The hint's kind must be `created` or `removed`; others are read back as nothing to do.
  public static func encode(_ hint: ObjectHint) -> [UInt8] {
    var out = Array("{\"tributary\":1".utf8)
    func add(_ name: String, _ value: String?) {
      guard let value else { return }
      out += ",\"\(name)\":".utf8
      JSONText.append(value, to: &out)
    }
    add("bucket", hint.bucket)
    add("key", hint.key)
    switch hint.kind {
    case .created: add("kind", "created")
    case .removed: add("kind", "removed")
    case .other(let name): add("kind", name)
    }
    add("version", hint.version)
    add("etag", hint.etag)
    if let size = hint.size { out += ",\"size\":\(size)".utf8 }
    add("sequencer", hint.sequencer)
    add("time", hint.eventTimeText)
    if hint.again { out += ",\"again\":true".utf8 }
    if hint.isRepair { out += ",\"repair\":true".utf8 }
    out.append(UInt8(ascii: "}"))
    return out
  }
}
