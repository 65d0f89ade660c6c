import Foundation
import Notifications

/// Notifications as servers sent them.
enum Samples {
  static let files = [
    "aws-classic.jsonl", "minio-kafka.jsonl", "ministack-sqs.jsonl", "moto-sqs.jsonl", "radosgw-http.jsonl",
    "ministack-eventbridge.json", "moto-eventbridge.json",
  ]

  /// One document a line.
  static func documents(_ file: String) throws -> [[UInt8]] {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Fixtures/s3-events")
    return try Data(contentsOf: folder.appendingPathComponent(file)).split(separator: 0x0a).map(Array.init)
  }
}

func parse(_ bytes: [UInt8], messageKey: String? = nil) -> NotificationParser.Parsed {
  bytes.withUnsafeBytes { NotificationParser.parse($0, messageKey: messageKey.map { Array($0.utf8) }) }
}

func parse(_ text: String, messageKey: String? = nil) -> NotificationParser.Parsed {
  parse(Array(text.utf8), messageKey: messageKey)
}

extension NotificationParser.Parsed {
  var hints: [ObjectHint] { if case .hints(let hints, _) = self { hints } else { [] } }
  var isUnreadable: Bool { if case .unreadable = self { true } else { false } }
}

/// A text as a JSON string, for envelopes.
func quoted(_ bytes: [UInt8]) -> String {
  var out = "\""
  for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
    switch scalar {
    case "\"", "\\": out += "\\" + String(scalar)
    case "\n": out += "\\n"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
