import Definition
import Glibc
import LocalStore
import Platform
import S3
import Synchronization

/// The places that definitions name: `s3://bucket/prefix` is S3, anything else the file system.
final class ConcreteStores: StoreDirectory {
  /// Where relative paths start from, as seen from the current directory; "" is the current one.
  private let root: String
  private let options: StoreOptions
  /// One for all buckets, made when the first is opened: credentials are looked for only where S3 is used.
  private let session = Mutex<S3Session?>(nil)

  init(root: String, options: StoreOptions) {
    self.root = root
    self.options = options
  }

  func open(_ location: String) throws(StoreError) -> StorePlace {
    guard S3Location.isS3(location) else {
      guard !location.contains("://") else {
        throw StoreError(
          .protocolViolation, operation: "open", location: location,
          message: "this kind of place is not known",
          hint: "write s3://bucket/prefix or a path")
      }
      // A path that exists as it is written is no glob.
      let isLiteral = Glob.hasWildcards(location) && access(rooted.full(location), F_OK) == 0
      return StorePlace(store: local(location), bucket: "", path: location, isLiteral: isLiteral)
    }
    let place = try S3Location.parse(location)
    return StorePlace(
      store: S3Store(bucket: place.bucket, session: try sharedSession()), bucket: place.bucket,
      path: place.key)
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] {
    let pattern = try PlacePattern(place)
    return place.bucket.isEmpty ? try files(place.path, pattern) : try objects(place, pattern)
  }

  /// Directories that become empty below a place go; the place stays.
  private func local(_ location: String) -> any ObjectStore {
    let store = LocalStore(root: rooted.full(location))
    return root.isEmpty ? store : RootedStore(base: store, root: root)
  }

  private var rooted: RootedStore { RootedStore(base: LocalStore(), root: root) }

  private func sharedSession() throws(StoreError) -> S3Session {
    let made = session.withLock { session -> Result<S3Session, StoreError> in
      if let session { return .success(session) }
      do throws(StoreError) {
        let new = try S3Session(
          options: S3Options(
            endpoint: options.endpoint, region: options.region, pathStyle: options.pathStyle,
            profile: options.profile, encryption: options.encryption, kmsKey: options.kmsKey))
        session = new
        return .success(new)
      } catch {
        return .failure(error)
      }
    }
    return try made.get()
  }

  // MARK: What a location means

  /// A file, a directory with all below it, or a glob.
  private func files(_ path: String, _ pattern: PlacePattern) throws(StoreError) -> [ObjectInfo] {
    let full = rooted.full(path)
    var found: [ObjectInfo] = []
    if pattern.isGlob {
      found = try LocalStore.expand(
        glob: path.hasPrefix("/") || root.isEmpty ? path : Glob.escape(root) + "/" + path)
    } else {
      try requireExistence(full)
      try LocalStore().list(prefix: full) { page in
        found += page
        return true
      }
    }
    return found.map { root.isEmpty ? $0 : rooted.relative($0, asked: path) }.filter { pattern.contains($0.key) }
  }

  private func requireExistence(_ path: String) throws(StoreError) {
    guard access(path.isEmpty ? "." : path, F_OK) != 0, errno == ENOENT || errno == ENOTDIR else { return }
    throw StoreError(
      .notFound, operation: "LIST", location: path, message: "there is no file or directory of this name",
      hint: "relative paths start from the definition's own directory")
  }

  /// An object, all objects below a prefix, or a glob over keys.
  private func objects(_ place: StorePlace, _ pattern: PlacePattern) throws(StoreError) -> [ObjectInfo] {
    let below = try list(place.store, pattern.listingPrefix)
    let found = below.filter { pattern.contains($0.key) }
    guard let path = pattern.exactKey else { return found }
    do throws(StoreError) {
      return found + [try place.store.head(path)]
    } catch {
      // Who may read what lies below a prefix need not be allowed to read an object of the prefix' own name.
      guard error.code == .notFound || (error.code == .forbidden && !below.isEmpty) else { throw error }
    }
    if !below.isEmpty { return found }
    var similar: String?
    try place.store.list(prefix: path) { page in
      similar = page.first?.key
      return similar == nil
    }
    guard let similar else { return [] }
    throw StoreError(
      .notFound, operation: "LIST", location: "s3://\(place.bucket)/\(path)",
      message: "there is neither such an object nor one below \(pattern.listingPrefix)",
      hint: "write s3://\(place.bucket)/\(path)* for all whose keys begin so, such as \(similar)")
  }

  private func list(_ store: any ObjectStore, _ prefix: String) throws(StoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    try store.list(prefix: prefix) { page in
      found += page
      return true
    }
    return found
  }
}
