/// What a notification says of one object: a reason to look at the store, never a fact (ARCHITECTURE.md §4).
public struct ObjectHint: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case created
    /// Deleted, hidden by a delete marker, or expired by a lifecycle rule.
    case removed
    /// Tags, access lists, restores: nothing that changes rows. The event's own name.
    case other(String)
  }

  /// The bucket; "" for local files, which only Tributary's own hints name.
  public var bucket: String
  /// Decoded. Whatever the sender wrote: `../x` is a literal key. Before it is used as a *path* (bucket ""), the key must
  /// have been matched against a source's place (Worker's `SourceMatcher`), which no path that climbs out passes.
  public var key: String
  public var kind: Kind
  /// Of a removal: the version that went, or the delete marker that came; it says nothing of what is there now.
  public var version: String?
  /// Without quotes; nil for removals, where some servers send the tag of what is no longer there.
  public var etag: String?
  /// Bytes; nil where it was not told (MinIO leaves it out for empty objects) and for removals.
  public var size: Int64?
  /// Orders events of one key on AWS. Other servers put other things here: not to be compared.
  public var sequencer: String?
  /// As it was written.
  public var eventTimeText: String?
  /// Read the object again even if its version is the accepted one.
  public var again: Bool
  /// A listing found it where no notification had spoken of it: counted as repaired once it is in the ledger.
  public var isRepair = false

  public init(
    bucket: String, key: String, kind: Kind, version: String? = nil, etag: String? = nil, size: Int64? = nil,
    sequencer: String? = nil, eventTimeText: String? = nil, again: Bool = false
  ) {
    self.bucket = bucket
    self.key = key
    self.kind = kind
    self.version = version
    self.etag = etag
    self.size = size
    self.sequencer = sequencer
    self.eventTimeText = eventTimeText
    self.again = again
  }
}

extension ObjectHint.Kind {
  /// Reads the event names of S3, MinIO and Ceph (`ObjectCreated:Put`, with or without `s3:` before it) and EventBridge's
  /// detail types (`Object Created`).
  public init(eventName: String) {
    var name = Substring(eventName)
    if name.utf8.starts(with: "s3:".utf8) { name = Substring(name.utf8.dropFirst(3)) }
    switch name {
    case "Object Created", "ObjectSynced:Create", "Replication:Create":
      self = .created
    case "Object Deleted", "ObjectSynced:Delete", "ObjectSynced:DeletionMarkerCreated":
      self = .removed
    default:
      let family = name.utf8.prefix { $0 != UInt8(ascii: ":") }
      switch Substring(family) {
      case "ObjectCreated": self = .created
      case "ObjectRemoved", "LifecycleExpiration": self = .removed
      // Ceph's name for lifecycle; `ObjectLifecycle:Transition` only moves an object.
      case "ObjectLifecycle" where name.utf8.starts(with: "ObjectLifecycle:Expiration".utf8): self = .removed
      default: self = .other(eventName)
      }
    }
  }
}
