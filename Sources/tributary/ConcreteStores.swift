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
      return StorePlace(store: local, bucket: "", path: location)
    }
    let place = try S3Location.parse(location)
    return StorePlace(
      store: S3Store(bucket: place.bucket, session: try sharedSession()), bucket: place.bucket,
      path: place.key)
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] {
    place.bucket.isEmpty ? try files(place.path) : try objects(place.store, place.bucket, place.path)
  }

  private var local: any ObjectStore {
    root.isEmpty ? LocalStore() : RootedStore(base: LocalStore(), root: root)
  }

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
  private func files(_ path: String) throws(StoreError) -> [ObjectInfo] {
    let rooted = RootedStore(base: LocalStore(), root: root)
    let full = rooted.full(path)
    var found: [ObjectInfo] = []
    let prefix: String
    if access(full.isEmpty ? "." : full, F_OK) == 0 || !Glob.hasWildcards(path) {
      // A path that exists as it is written is no glob.
      try requireExistence(full)
      prefix = path.isEmpty || path.hasSuffix("/") ? path : path + "/"
      try LocalStore().list(prefix: full) { page in
        found += page
        return true
      }
    } else {
      let pattern = path.hasPrefix("/") || root.isEmpty ? path : Glob.escape(root) + "/" + path
      prefix = try compile(path).literalPrefix
      found = try LocalStore.expand(glob: pattern)
    }
    return found.map { root.isEmpty ? $0 : rooted.relative($0, asked: path) }
      .filter { $0.key == path || !ObjectNames.isHidden($0.key, below: prefix) }
  }

  private func requireExistence(_ path: String) throws(StoreError) {
    guard access(path.isEmpty ? "." : path, F_OK) != 0, errno == ENOENT || errno == ENOTDIR else { return }
    throw StoreError(
      .notFound, operation: "LIST", location: path, message: "there is no file or directory of this name",
      hint: "relative paths start from the definition's own directory")
  }

  /// An object, all objects below a prefix, or a glob over keys.
  ///
  /// A prefix ends at a component's end, as a directory does: `s3://lake/usage` never reads `usage_old/`.
  private func objects(
    _ store: any ObjectStore, _ bucket: String, _ path: String
  ) throws(StoreError) -> [ObjectInfo] {
    if Glob.hasWildcards(path) {
      let glob = try compile(path)
      return try list(store, glob.literalPrefix).filter {
        glob.matches($0.key) && !ObjectNames.isHidden($0.key, below: glob.literalPrefix)
      }
    }
    let prefix = path.isEmpty || path.hasSuffix("/") ? path : path + "/"
    let below = try list(store, prefix)
    if !below.isEmpty || prefix == path {
      return below.filter { !ObjectNames.isHidden($0.key, below: prefix) }
    }
    do throws(StoreError) {
      return [try store.head(path)]
    } catch {
      guard error.code == .notFound else { throw error }
    }
    var similar: String?
    try store.list(prefix: path) { page in
      similar = page.first?.key
      return similar == nil
    }
    guard let similar else { return [] }
    throw StoreError(
      .notFound, operation: "LIST", location: "s3://\(bucket)/\(path)",
      message: "there is neither such an object nor one below \(prefix)",
      hint: "write s3://\(bucket)/\(path)* for all whose keys begin so, such as \(similar)")
  }

  private func list(_ store: any ObjectStore, _ prefix: String) throws(StoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    try store.list(prefix: prefix) { page in
      found += page
      return true
    }
    return found
  }

  private func compile(_ pattern: String) throws(StoreError) -> Glob {
    do throws(GlobError) {
      return try Glob(pattern)
    } catch {
      throw StoreError(
        .protocolViolation, operation: "LIST", location: pattern, message: error.description,
        hint: "a backslash before a character takes away its meaning")
    }
  }
}
