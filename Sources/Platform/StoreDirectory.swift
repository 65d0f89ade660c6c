/// A place that a definition names, opened: the store behind it and the key or prefix within.
public struct StorePlace: Sendable {
  public var store: any ObjectStore
  /// The bucket, or "" for local files.
  public var bucket: String
  /// A prefix (S3), or a file, directory or glob (local).
  public var path: String
  /// The path is no glob although it looks like one: there was a file of that very name when the place was opened.
  public var isLiteral: Bool

  public init(store: any ObjectStore, bucket: String, path: String, isLiteral: Bool = false) {
    self.store = store
    self.bucket = bucket
    self.path = path
    self.isLiteral = isLiteral
  }

  /// The place of `relative` below this one.
  public func key(_ relative: String) -> String {
    path.isEmpty ? relative : path.hasSuffix("/") ? path + relative : path + "/" + relative
  }
}

/// Turns the places that definitions name (`s3://bucket/prefix`, paths) into stores. Made by the executable, where
/// credentials and endpoints are known; the same location gives the same store.
public protocol StoreDirectory: Sendable {
  /// Throws when the location cannot be understood or no credentials are found.
  func open(_ location: String) throws(StoreError) -> StorePlace

  /// All objects that a source's location means (prefix, directory, file or glob), hidden names and directory markers
  /// left out, in no particular order: those that the place's ``PlacePattern`` contains.
  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo]
}
