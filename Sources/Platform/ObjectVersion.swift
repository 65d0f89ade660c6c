/// What tells one version of an object from another.
public enum ObjectVersion {
  /// The version id where there is one; else the entity tag and the time of modification; else (files) size and time.
  public static func text(of info: ObjectInfo) -> String {
    if let version = info.version { return version }
    if let etag = info.etag { return "\(etag)/\(info.modifiedMicroseconds)" }
    return "\(info.size)/\(info.modifiedMicroseconds)"
  }
}
