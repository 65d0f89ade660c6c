internal import Pipeline
internal import Platform

/// An object that somebody said to look at, until what is there is in the ledger.
///
/// ```
/// waiting ─look─▶ looked ─read─▶ staged ─append─▶ appended ─folded─▶ done
///    ▲               │              │                 │
///    └── again: it changed, the store failed, the ledger refused it (someone else was faster) ──┘
/// ```
final class ObjectTask {
  let identity: ObjectIdentity
  /// Index of the source.
  let source: Int
  /// Records of `s3.events` that wait for it.
  var tokens: [OffsetTracker.Token] = []
  /// Somebody said to look again while it was under way.
  var isDirty = false
  /// Read it even if this version is accepted already.
  var again = false
  /// Found by a reconciling listing: counted as repaired once accepted.
  var isRepair = false
  /// Failed tries of this version.
  var tries = 0
  /// Tries that failed for a reason that passes, the store's or that it changed underneath: they only wait longer.
  var delays = 0
  /// Not before this time, microseconds.
  var notBefore: Int64 = 0

  // What was seen when it was last looked at.
  /// Position of the last accepted entry before the look.
  var base: Int?
  /// nil: there is no such object.
  var info: ObjectInfo?

  /// What the ledger calls an object that could not even be looked at.
  static let unknownVersion = "unknown"

  var version: String { info.map { ObjectVersion.text(of: $0) } ?? ObjectTask.unknownVersion }

  init(identity: ObjectIdentity, source: Int) {
    self.identity = identity
    self.source = source
  }
}

/// Objects of one source that are read and committed together.
///
/// One thread at a time works on it, hence `@unchecked Sendable`.
final class ObjectAttempt: @unchecked Sendable {
  let source: Int
  let tasks: [ObjectTask]
  var commit: Commit?
  /// Where the entry was appended.
  var offset: Int64?
  /// Of an entry that sets the one object aside.
  var setsAside: String?
  let bytes: Int64

  init(source: Int, tasks: [ObjectTask]) {
    self.source = source
    self.tasks = tasks
    bytes = tasks.reduce(0) { $0 + ($1.info?.size ?? 0) }
  }
}
