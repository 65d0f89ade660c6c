public import Pipeline
public import Platform

/// What a run of `tributary batch` is given beside its definition.
public struct BatchOptions: Sendable {
  /// The snapshot's id; the start of the run by default.
  public var id: String
  /// The start of the run, microseconds: the as-of time where the definition names none.
  public var now: Int64
  /// Threads that parse and join; at least 1.
  public var threads: Int
  /// Where temporary files go.
  public var temporaryDirectory: String
  /// Tributary's version, for the manifest.
  public var programVersion: String
  /// Only compute the fingerprint: write nothing.
  public var dryRun: Bool
  /// Read exactly the inputs of this manifest instead of listing the sources (`rebuild`).
  public var rebuilds: Manifest?
  /// Places where the manifest's dataset may have its state folder: the first that has one gives the rows of inputs that
  /// are gone where they came from.
  public var statePlaces: [String]

  public init(
    id: String, now: Int64, threads: Int, temporaryDirectory: String,
    programVersion: String, dryRun: Bool = false, rebuilds: Manifest? = nil, statePlaces: [String] = []
  ) {
    self.id = id
    self.now = now
    self.threads = threads
    self.temporaryDirectory = temporaryDirectory
    self.programVersion = programVersion
    self.dryRun = dryRun
    self.rebuilds = rebuilds
    self.statePlaces = statePlaces
  }
}

/// What a finished batch leaves.
public struct BatchOutcome: Sendable {
  public var manifest: Manifest
  /// `s3://bucket/prefix/snapshot=…` or a path.
  public var location: String
  public var rowsRead: UInt64
  public var rowsRejected: UInt64
  /// More rows were rejected than `max_rejects` allows; the snapshot is published all the same (exit code 3).
  public var tooManyRejects: Bool
  /// The same snapshot (id and fingerprint) was there already.
  public var alreadyPublished: Bool
  /// `rebuild`: inputs that were gone where they came from, so that their rows came out of retained segments. Why, a
  /// sentence each.
  public var retained: [String] = []
}

/// Why a batch ended without a snapshot.
public struct BatchError: Error, Sendable, CustomStringConvertible {
  /// One problem a line: what, where, what next.
  public var problems: [String]
  public init(_ problems: [String]) { self.problems = problems }
  public var description: String { problems.joined(separator: "\n") }

  static var cancelled: BatchError { BatchError(["stopped before the end; nothing was published"]) }
}

/// How far a run is; read it from any thread while it goes on.
public struct BatchProgress: Sendable {
  public enum Phase: String, Sendable { case listing, reading, writing, done }
  public var phase: Phase
  public var objects: Int
  public var objectsTotal: Int
  /// Stored (compressed) bytes.
  public var bytes: Int64
  public var bytesTotal: Int64
  public var rows: UInt64
  public var rowsRejected: UInt64
}

/// How a bounded run gets at topics.
public enum TopicAccess: Sendable {
  case broker(any Broker)
  /// Why there is no broker, and what to do.
  case none(String)

  /// What each partition of a topic holds now, in order.
  func bounds(of topic: String) throws -> [(key: TopicPartition, value: OffsetBounds)] {
    switch self {
    case .none(let reason): throw BatchError([reason])
    case .broker(let broker):
      guard let found = try broker.describe([topic])[topic] else {
        throw BatchError(["there is no topic '\(topic)'"])
      }
      return try broker.bounds((0..<found.partitions).map { TopicPartition(topic, $0) }).sorted { $0.key < $1.key }
    }
  }

  var broker: (any Broker)? { if case .broker(let broker) = self { broker } else { nil } }
}
