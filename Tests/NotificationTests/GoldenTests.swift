import Notifications
import Testing

/// What each captured notification says.
struct GoldenTests {
  private static let awkward = "in/sp ace+plus ü/日.csv"
  private static let tagA = "05cf281c050be3da4eecf3bc6e8aac1b"
  private static let tagAwkward = "9336ebf25087d91c818ee6e9ec29f8c1"
  private static let tagParts = "0b31670df42a7f2c6e7c39d06df55a22-1"

  private static func created(
    _ bucket: String, _ key: String, _ etag: String, _ size: Int64?, _ sequencer: String?, _ time: String,
    version: String? = nil
  ) -> NotificationParser.Parsed {
    .hints(
      [
        ObjectHint(
          bucket: bucket, key: key, kind: .created, version: version, etag: etag, size: size, sequencer: sequencer,
          eventTimeText: time)
      ], skipped: 0)
  }

  private static func removed(
    _ bucket: String, _ key: String, _ sequencer: String?, _ time: String
  ) -> NotificationParser.Parsed {
    .hints(
      [ObjectHint(bucket: bucket, key: key, kind: .removed, sequencer: sequencer, eventTimeText: time)], skipped: 0)
  }

  private static let day = "2026-11-21T"
  private static let expected: [String: [NotificationParser.Parsed]] = [
    "aws-classic.jsonl": [
      created(
        "lake", "usage/happy face+plus.csv", "d41d8cd98f00b204e9800998ecf8427e", 1024, "0055AED6DCD90281E5",
        "1970-01-01T00:00:00.000Z", version: "096fKKXTRTtl3on89fVO.nfljtsv6qko"),
      removed("lake", "usage/old.csv", "0055AED6DCD90281E6", day + "03:00:00.000Z"),
      .test,
    ],
    "minio-kafka.jsonl": [
      created(
        "lake", "usage/dt=2026-11-21/part 0+1.gz", "5d41402abc4b2a76b9719d911017c592", 12345, "187A1F2B3C4D5E6F",
        day + "03:00:01.123Z"),
      created(
        "lake", "usage/empty.csv", "d41d8cd98f00b204e9800998ecf8427e", nil, "187A1F2B7C4D5E6F", day + "03:00:02.000Z"),
    ],
    "ministack-sqs.jsonl": [
      .test,
      created("evbucket", "in/a.csv", tagA, 3, "00000660BF6B292A03", day + "01:55:27.499Z"),
      created("evbucket", awkward, tagAwkward, 2, "00000660BF6B292A04", day + "01:55:27.503Z"),
      created("evbucket", "in/mp.bin", tagParts, 100, "00000660BF6B292A06", day + "01:55:27.521Z"),
      created("evbucket", "in/copy.csv", tagA, 3, "00000660BF6B292A07", day + "01:55:27.526Z"),
      removed("evbucket", "in/a.csv", "00000660BF6B292A08", day + "01:55:27.532Z"),
      removed("evbucket", "in/copy.csv", "00000660BF6B292A09", day + "01:55:27.535Z"),
      removed("evbucket", "in/mp.bin", "00000660BF6B292A0A", day + "01:55:27.535Z"),
    ],
    "moto-sqs.jsonl": [
      .test,
      created("evbucket", "in/a.csv", tagA, 3, nil, day + "01:55:12.797Z"),
      created("evbucket", awkward, tagAwkward, 2, nil, day + "01:55:12.806Z"),
      created("evbucket", "in/mp.bin", tagParts, 100, nil, day + "01:55:12.837Z"),
      created("evbucket", "in/mp.bin", tagParts, 100, nil, day + "01:55:12.838Z"),
      created("evbucket", "in/copy.csv", tagA, 3, nil, day + "01:55:12.845Z"),
      removed("evbucket", "in/a.csv", nil, day + "01:55:12.857Z"),
      removed("evbucket", "in/copy.csv", nil, day + "01:55:12.865Z"),
      removed("evbucket", "in/mp.bin", nil, day + "01:55:12.866Z"),
    ],
    "radosgw-http.jsonl": [
      created("evh", "in/a.csv", tagA, 3, "40FE006B189B023B", day + "02:13:20.986234Z"),
      created("evh", awkward, tagAwkward, 2, "40FE006BC4E0803B", day + "02:13:20.995374Z"),
      created("evh", "in/mp.bin", tagParts, 100, "41FE006B0F0D6904", day + "02:13:21.073987Z"),
      removed("evh", "in/a.csv", "41FE006B837F8F07", day + "02:13:21.126837Z"),
    ],
    "ministack-eventbridge.json": [
      created(
        "evbucket", "in/eb.csv", "c4ca4238a0b923820dcc509a6f75849b", 1, "00000660BF6B292A0C", day + "01:55:34.800Z")
    ],
    "moto-eventbridge.json": [
      created("evbucket", "in/eb.csv", "c4ca4238a0b923820dcc509a6f75849b", 1, "617f08299329d189", day + "01:55:20Z")
    ],
  ]

  @Test(arguments: Samples.files) func eachDocumentSaysWhatItSays(_ file: String) throws {
    #expect(try Samples.documents(file).map { parse($0) } == Self.expected[file])
  }

  /// SNS with and without the escapes that it need not use, and SNS within SQS' own raw body.
  @Test(arguments: Samples.files) func anEnvelopeChangesNothing(_ file: String) throws {
    for document in try Samples.documents(file) {
      let envelope =
        "{\"Type\":\"Notification\",\"MessageId\":\"x\",\"TopicArn\":\"arn:aws:sns:eu-west-1:1:t\","
        + "\"Subject\":\"Amazon S3 Notification\",\"Message\":\(quoted(document)),\"Timestamp\":\"\(Self.day)\"}"
      #expect(parse(envelope) == parse(document))
      #expect(parse("{\"Message\":\(quoted(Array(envelope.utf8)))}") == parse(document))
    }
  }

  @Test func aMessageKeyIsTheOneObject() throws {
    let keys = try Samples.documents("radosgw-http.jsonl").map { NotificationParser.messageKey(of: $0) }
    #expect(keys.prefix(2) == [Array("evh/in/a.csv".utf8), Array("evh/\(Self.awkward)".utf8)])
    let test = try Samples.documents("moto-sqs.jsonl")[0]
    #expect(NotificationParser.messageKey(of: test) == nil)
    #expect(NotificationParser.messageKey(of: [1, 2, 3]) == nil)
  }
}
