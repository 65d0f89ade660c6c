/// How far a compacted partition was rid of records that have newer ones of the same key. A pass goes in small steps, a few
/// with each transaction:
/// ```
///   idle ──enough new records──▶ collecting newest offset of each key ──▶ deleting what is older ──▶ idle
/// ```
/// A pass collects from where the last one ended and looks at the whole partition for older records of those keys; it begins
/// when the new records are half of what is kept, so each record is looked at a few times, whatever the partition's size.
struct Compaction {
  enum Phase {
    case idle
    case collecting(next: Int64)
    case deleting(next: Int64, end: Int64)
  }

  private(set) var phase: Phase = .idle
  /// Before it, the last pass found for each key the newest record only.
  private(set) var cleaned: Int64
  /// What the file says of it.
  private var committed: Int64
  /// Of each key collected in this pass, the newest offset.
  private var newest: [[UInt8]: Int64] = [:]
  private var keyBytes = 0
  private var kept: Int64 = 0
  private var keptByLast: Int64 = 0

  private static let keysMax = 100_000
  private static let keyBytesMax = 16 << 20

  init(cleaned: Int64) {
    self.cleaned = cleaned
    committed = cleaned
  }

  /// Begins a pass if there is enough to do; says whether one is under way.
  mutating func isDue(first: Int64, end: Int64, recordsMin: Int64) -> Bool {
    guard case .idle = phase else { return true }
    cleaned = max(cleaned, first)
    guard end - cleaned >= max(recordsMin, keptByLast / 2) else { return false }
    phase = .collecting(next: cleaned)
    return true
  }

  /// Takes a record in; false when the pass has enough keys.
  mutating func collect(_ key: [UInt8]?, at offset: Int64) -> Bool {
    phase = .collecting(next: offset + 1)
    guard let key else { return true }
    if newest.updateValue(offset, forKey: key) == nil { keyBytes += key.count }
    return newest.count < Self.keysMax && keyBytes < Self.keyBytesMax
  }

  mutating func beginDeleting(from first: Int64, end: Int64) {
    phase = .deleting(next: first, end: end)
    kept = 0
  }

  /// Whether a record has a newer one of its key. Records without a key have none.
  mutating func isOld(_ key: [UInt8]?, at offset: Int64, end: Int64) -> Bool {
    phase = .deleting(next: offset + 1, end: end)
    if let key, let newer = newest[key], newer > offset { return true }
    kept += 1
    return false
  }

  mutating func finish(at end: Int64) {
    keptByLast = kept
    cleaned = end
    reset()
  }

  mutating func commit() { committed = cleaned }

  /// What this transaction did was undone: the pass begins anew.
  mutating func rollback() {
    cleaned = committed
    reset()
  }

  private mutating func reset() {
    phase = .idle
    newest = [:]
    keyBytes = 0
  }
}
