/// Reads notifications of objects in every dialect that reaches `s3.events`.
///
/// | sender | form | key |
/// |---|---|---|
/// | AWS S3, moto | `Records`, by itself, in an SNS envelope, as an SQS body | form-encoded |
/// | EventBridge | one event with `detail-type` and `detail` | as it is |
/// | MinIO | `EventName`, `Key`, `Records` | form-encoded, `/` too |
/// | Ceph | `Records` of `ceph:s3` | as it is |
/// | Tributary's lister | `{"tributary":1,…}` (``encode(_:)``) | as it is |
///
/// Pure; linear in the bytes; memory is bounded by a few times the document, which has at most ``bytesMax`` bytes. Nothing
/// that is in a document can be worse than a hint at a key that is not there, which costs one look.
public enum NotificationParser {
  /// Larger documents are not read: the largest that a broker or queue lets through by default has 1 MiB.
  public static let bytesMax = 16 << 20

  /// Envelopes within one another: SNS in SNS is not sent by anybody.
  private static let envelopesMax = 3

  public enum Parsed: Sendable, Hashable {
    /// In the document's order. `skipped`: records that are no reason to look (tags, restores), or broken ones beside good
    /// ones.
    case hints([ObjectHint], skipped: Int)
    /// What S3 sends when notifications are set up.
    case test
    case unreadable(String)
  }

  /// `messageKey`: the key of the Kafka message. It tells how keys of senders that are not known are encoded: MinIO's and
  /// those that follow it is `bucket/key`, decoded.
  public static func parse(_ bytes: UnsafeRawBufferPointer, messageKey: [UInt8]?) -> Parsed {
    parse(bytes, messageKey: messageKey, envelopes: 0)
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer, messageKey: [UInt8]?, envelopes: Int) -> Parsed {
    guard bytes.count <= bytesMax else {
      return .unreadable("the notification has \(bytes.count) bytes; at most \(bytesMax) are read")
    }
    guard envelopes <= envelopesMax else { return .unreadable("too many envelopes within one another") }
    do throws(JSONFault) {
      var reader = JSONReader(bytes)
      if reader.isAtEnd() { return .unreadable("the notification is empty") }
      let document = try Document(&reader)
      guard reader.isAtEnd() else { throw reader.fault("something follows its end") }
      if let message = document.message, document.isEnvelope {
        return message.withUnsafeBytes { parse($0, messageKey: messageKey, envelopes: envelopes + 1) }
      }
      return document.parsed(messageKey: messageKey)
    } catch {
      return .unreadable(error.reason)
    }
  }

  /// The key for a Kafka message with this notification: `bucket/key` where it speaks of one object, else nil. All events
  /// of an object then stand in one partition.
  public static func messageKey(of bytes: [UInt8]) -> [UInt8]? {
    guard case .hints(let hints, _) = bytes.withUnsafeBytes({ parse($0, messageKey: nil) }), let first = hints.first,
      hints.allSatisfy({ $0.bucket == first.bucket && $0.key == first.key })
    else { return nil }
    return Array("\(first.bucket)/\(first.key)".utf8)
  }
}
