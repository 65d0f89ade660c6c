import Notifications
import Testing

/// Rules of the dialects that the samples do not show.
struct DialectTests {
  private func record(
    name: String = "ObjectCreated:Put", source: String = "aws:s3", version: String = "\"2.1\"",
    bucket: String = "b", object: String = "\"key\":\"k\""
  ) -> String {
    """
    {"eventVersion":\(version),"eventSource":"\(source)","eventName":"\(name)","s3":{"bucket":{"name":"\(bucket)"},\
    "object":{\(object)}}}
    """
  }

  private func document(_ records: [String]) -> String { "{\"Records\":[\(records.joined(separator: ","))]}" }

  @Test(arguments: [
    ("aws:s3", "a+b%2Bc%20d", "a b+c d"), ("minio:s3", "a%2Fb+c", "a/b c"), ("ceph:s3", "a+b%2Bc%20d", "a+b%2Bc%20d"),
    ("aws:s3", "100%", "100%"), ("aws:s3", "%zz%2", "%zz%2"), ("aws:s3", "%2525", "%25"), ("aws:s3", "%C3%BC", "ü"),
    ("aws:s3", "../../etc/passwd", "../../etc/passwd"), ("aws:s3", "%2e%2e/x", "../x"), ("other", "a+b", "a b"),
    ("aws:s3", "a\\u002fb\\ud83d\\ude00", "a/b😀"),
  ])
  func keysAreDecodedAsTheSenderEncodedThem(source: String, written: String, key: String) {
    let parsed = parse(document([record(source: source, object: "\"key\":\"\(written)\"")]))
    #expect(parsed.hints.map(\.key) == [key])
  }

  /// An unknown sender's encoding shows where the decoded key stands elsewhere.
  @Test func theMessageKeyTellsAnUnknownSendersEncoding() {
    let text = document([record(source: "garage:s3", object: "\"key\":\"a+b%20c\"")])
    #expect(parse(text, messageKey: "b/a+b%20c").hints.map(\.key) == ["a+b%20c"])
    #expect(parse(text, messageKey: "b/a b c").hints.map(\.key) == ["a b c"])
    #expect(parse(text, messageKey: "whatever").hints.map(\.key) == ["a b c"])
    let known = document([record(object: "\"key\":\"a+b\"")])
    #expect(parse(known, messageKey: "b/a+b").hints.map(\.key) == ["a b"])
  }

  @Test(arguments: [
    ("s3:ObjectCreated:Post", "created"), ("ObjectCreated:Copy", "created"), ("ObjectSynced:Create", "created"),
    ("ObjectRemoved:DeleteMarkerCreated", "removed"), ("s3:ObjectRemoved:Delete", "removed"),
    ("LifecycleExpiration:Delete", "removed"), ("s3:LifecycleExpiration:DeleteMarkerCreated", "removed"),
    ("ObjectLifecycle:Expiration:Current", "removed"), ("ObjectLifecycle:Transition:Current", ""),
    ("LifecycleTransition", ""), ("ObjectRestore:Completed", ""), ("ObjectTagging:Put", ""), ("ObjectAcl:Put", ""),
    ("s3:ObjectAccessed:Get", ""), ("Replication:OperationFailedReplication", ""), ("ReducedRedundancyLostObject", ""),
    ("ObjectCreatedX", ""), ("", ""),
  ])
  func eventNames(name: String, kind: String) {
    let parsed = parse(document([record(name: name)]))
    switch kind {
    case "": #expect(parsed == .hints([], skipped: 1))
    default: #expect(parsed.hints.map(\.kind) == [kind == "created" ? .created : .removed])
    }
  }

  @Test func bridgeEventsAreNeverDecoded() {
    func event(_ type: String, _ detail: String) -> String {
      "{\"version\":\"0\",\"detail-type\":\"\(type)\",\"source\":\"aws.s3\",\"time\":\"t\",\"detail\":\(detail)}"
    }
    let detail = "{\"version\":\"0\",\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a+b%20c\",\"version-id\":\"v\"}}"
    #expect(
      parse(event("Object Created", detail))
        == .hints(
          [ObjectHint(bucket: "b", key: "a+b%20c", kind: .created, version: "v", eventTimeText: "t")], skipped: 0))
    #expect(parse(event("Object Deleted", detail)).hints.map(\.kind) == [.removed])
    for other in ["Object Restore Completed", "Object Tags Added", "Object ACL Updated"] {
      #expect(parse(event(other, detail)) == .hints([], skipped: 1))
    }
    let later = "{\"version\":\"1\",\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}"
    #expect(parse(event("Object Created", later)).isUnreadable)
    #expect(parse(event("AWS API Call via CloudTrail", "{}")).isUnreadable)
    #expect(parse("{\"detail-type\":\"Object Created\"}").isUnreadable)
  }

  @Test func versions() {
    for known in ["\"2.0\"", "\"2.6\"", "\"2.99\"", "2.1", "\"2\"", "null"] {
      #expect(parse(document([record(version: known)])).hints.count == 1, "\(known)")
    }
    for unknown in ["\"3.0\"", "\"1.0\"", "\"x\"", "\"22.0\"", "\"\"", "\".\""] {
      #expect(parse(document([record(version: unknown)])).isUnreadable, "\(unknown)")
    }
  }

  @Test func valuesOfOddKinds() {
    func hint(_ object: String) -> ObjectHint? { parse(document([record(object: object)])).hints.first }
    #expect(hint("\"key\":\"k\",\"size\":\"17\"")?.size == 17)
    for size in ["-1", "1.5", "\"many\"", "99999999999999999999", "[1]", "null", "{}", "true"] {
      #expect(hint("\"key\":\"k\",\"size\":\(size)") == ObjectHint(bucket: "b", key: "k", kind: .created))
    }
    #expect(hint("\"key\":\"k\",\"versionId\":\"\",\"eTag\":\"\\\"x\\\"\"")?.etag == "x")
    #expect(hint("\"key\":\"k\",\"versionId\":\"null\"")?.version == nil)
    #expect(hint("\"key\":\"first\",\"key\":\"last\"")?.key == "last")
    #expect(hint("\"key\":12")?.key == "12")
    #expect(hint("\"unknown\":[{\"key\":[\"x\"]}],\"key\":\"k\"")?.key == "k")
  }

  @Test func batches() {
    let mixed = document([
      record(), record(name: "ObjectTagging:Put"), record(object: ""), record(name: "ObjectRemoved:Delete"), "7",
    ])
    let parsed = parse(mixed)
    #expect(parsed.hints.map(\.kind) == [.created, .removed])
    if case .hints(_, let skipped) = parsed { #expect(skipped == 3) }
    #expect(parse("{\"Records\":[]}") == .hints([], skipped: 0))
    #expect(parse("{\"Records\":[\(record(bucket: ""))]}").isUnreadable)
    // The last of several members of one name counts.
    #expect(parse("{\"Records\":[\(record())],\"Records\":[]}") == .hints([], skipped: 0))
  }

  @Test func ownHintsComeBack() {
    let hints = [
      ObjectHint(bucket: "", key: "data/a b+%25\"\\\n\u{7f}ü😀.csv", kind: .created, again: true),
      ObjectHint(
        bucket: "b", key: "../x", kind: .created, version: "v", etag: "e", size: 0, sequencer: "s",
        eventTimeText: "2026-11-21T03:00:00Z"),
      ObjectHint(bucket: "b", key: "k", kind: .removed),
    ]
    for hint in hints { #expect(parse(NotificationParser.encode(hint)) == .hints([hint], skipped: 0)) }
    #expect(parse("{\"tributary\":2,\"bucket\":\"\",\"key\":\"k\",\"kind\":\"created\"}").isUnreadable)
    #expect(parse("{\"tributary\":1,\"bucket\":\"\",\"key\":\"\",\"kind\":\"created\"}").isUnreadable)
    #expect(parse("{\"tributary\":1,\"key\":\"k\",\"kind\":\"created\"}").isUnreadable)
    #expect(parse("{\"tributary\":1,\"bucket\":\"\",\"key\":\"k\",\"kind\":\"new\"}") == .hints([], skipped: 1))
  }
}
