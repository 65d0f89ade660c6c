/// The text by which the ledger knows one version of an object.
public enum ObjectVersion {
  /// The version id where there is one; else the entity tag, else (local files) the size, with `/` and the time of the
  /// last change in microseconds.
  ///
  /// A listing and a HEAD give the same text for a local file, whose HEAD has a tag of its own, and for an object in a
  /// bucket without versions. Of a bucket with versions a listing tells no ids: the lister asks for them.
  public static func text(of info: ObjectInfo) -> String {
    if let version = info.version { return version }
    if !info.bucket.isEmpty, let etag = info.etag { return "\(etag)/\(info.modifiedMicroseconds)" }
    return "\(info.size)/\(info.modifiedMicroseconds)"
  }
}
