import Notifications
import TestKit

extension FuzzTarget {
  /// Damaged notifications of every dialect: an answer, and hints that come back unchanged from Tributary's own form.
  static let notification = FuzzTarget(name: "notification") { fuzzCase in
    var bytes = Array(fuzzCase.random.pick(samples).utf8)
    if fuzzCase.random.chance(3) {
      bytes = Array("{\"Message\":\"".utf8) + bytes.flatMap { $0 == 0x22 ? [0x5c, 0x22] : [$0] } + Array("\"}".utf8)
    }
    mutation.apply(&bytes, times: fuzzCase.random.int(0...8), &fuzzCase.random)
    fuzzCase.give(bytes)
    let messageKey = fuzzCase.random.chance(2) ? Array("b/a+b".utf8) : nil
    let parsed = bytes.withUnsafeBytes { NotificationParser.parse($0, messageKey: messageKey) }
    guard case .hints(let hints, _) = parsed else { return }
    for hint in hints {
      let again = NotificationParser.encode(hint).withUnsafeBytes { NotificationParser.parse($0, messageKey: nil) }
      try require(again == .hints([hint], skipped: 0), "\(hint) came back as \(again)")
      try require(!hint.key.isEmpty && !hint.key.utf8.contains(0), "a key that cannot be: \(hint)")
    }
  }

  private static let samples = [
    """
    {"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"1970-01-01T00:00:00.000Z",\
    "eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b%2Bc","size":1024,"eTag":"d4",\
    "versionId":"09","sequencer":"00"}}}]}
    """,
    """
    {"EventName":"s3:ObjectCreated:Put","Key":"b/a+b","Records":[{"eventVersion":"2.0","eventSource":"minio:s3",\
    "eventName":"s3:ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},"object":{"key":"a%2Bb"}}},{"eventSource":"ceph:s3",\
    "eventName":"ObjectCreated:Copy","s3":{"bucket":{"name":"b"},"object":{"key":"ü","size":"7","versionId":""}}}]}
    """,
    """
    {"version":"0","detail-type":"Object Created","source":"aws.s3","time":"t","detail":{"version":"0",\
    "bucket":{"name":"b"},"object":{"key":"k","size":1,"etag":"c4","version-id":"null","sequencer":"61"}}}
    """,
    "{\"tributary\":1,\"bucket\":\"\",\"key\":\"a/../b\",\"kind\":\"removed\",\"size\":1,\"again\":true}",
    "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"b\"}",
  ]

  private static let mutation = Mutation([
    "{", "}", "[", "]", "\"", "\\", "\\u0000", "\\ud83d\\ude00", "\\ud800", ",", ":", "null", "true", "%41", "+",
    "\u{0}", "\"key\":", "\"Records\":[", "\"Message\":\"",
  ])
}
