/// Who owns which partitions of one consumer group inside a process. Pure: time (microseconds that only grow) is passed in.
///
/// A partition moves only after its owner let go of it, so two members that keep polling never own it together:
/// ```
///            target is a member               target changes             owner polls again, or leaves,
///   free ────and it polls─────▶ owned ────and owner polls──▶ releasing ──or its session ends──▶ free
///                                 └──── owner does not poll for a session ────▶ free (owner is told `lost`)
/// ```
public struct GroupState: Sendable {
  /// One stay of a member in the group: from its join until it leaves or another joins with its name.
  public struct Session: Hashable, Comparable, Sendable {
    let number: Int
    public static func < (a: Session, b: Session) -> Bool { a.number < b.number }
  }

  public enum Step: Sendable, Equatable {
    case nothing
    case assigned([TopicPartition])
    case revoked([TopicPartition], lost: Bool)
    /// The session is over: it left, or another member joined with the same name.
    case fenced
  }

  struct Member: Sendable {
    var name: String
    var topics: Set<String>
    /// When the last call ended.
    var lastCall: Int64
    /// Inside a call nobody is late, however long it waits.
    var isInCall = false
    /// Whether the session is alive; else it is told what it lost and begins anew when it polls again.
    var isAlive = true
    /// What it was told to let go of, and does with its next poll.
    var releasing: Set<TopicPartition> = []
    var lost: [TopicPartition] = []
  }

  /// Grows whenever something changed that another member may be waiting for.
  public private(set) var changes = 0

  private let timeoutMicroseconds: Int64
  private var members: [Session: Member] = [:]
  private var owners: [TopicPartition: Session] = [:]
  private var targets: [TopicPartition: Session] = [:]
  private var partitionCounts: [String: Int] = [:]
  private var sessions = 0

  public init(timeoutMicroseconds: Int64) { self.timeoutMicroseconds = timeoutMicroseconds }

  /// A new session. A member of the same name gives its partitions to this one at once, and is fenced.
  public mutating func join(name: String, topics: [String], now: Int64) -> Session {
    expire(now)
    sessions += 1
    let session = Session(number: sessions)
    for (old, member) in members where member.name == name {
      members[old] = nil
      owners = owners.filter { $0.value != old }
      targets = targets.mapValues { $0 == old ? session : $0 }
    }
    members[session] = Member(name: name, topics: Set(topics), lastCall: now)
    rebalance()
    return session
  }

  public mutating func leave(_ session: Session, now: Int64) {
    expire(now)
    guard members.removeValue(forKey: session) != nil else { return }
    owners = owners.filter { $0.value != session }
    rebalance()
  }

  /// How many partitions each topic has; topics that are missing come into being later.
  public mutating func set(partitionCounts counts: [String: Int]) {
    guard counts != partitionCounts else { return }
    partitionCounts = counts
    rebalance()
  }

  /// The beginning of a poll: lets go of what was to be released, and says what comes next. ``endCall(_:now:)`` follows.
  public mutating func poll(_ session: Session, now: Int64) -> Step {
    expire(now)
    guard var member = members[session] else { return .fenced }
    defer { members[session] = member }
    member.isInCall = true
    if !member.isAlive {
      member.isAlive = true
      let lost = member.lost
      member.lost = []
      members[session] = member
      rebalance()
      if !lost.isEmpty { return .revoked(lost, lost: true) }
    }
    if !member.releasing.isEmpty {
      for partition in member.releasing { owners[partition] = nil }
      member.releasing = []
      changes += 1
    }
    let leaving = owners.filter { $0.value == session && targets[$0.key] != session }.keys.sorted()
    if !leaving.isEmpty {
      member.releasing = Set(leaving)
      return .revoked(leaving, lost: false)
    }
    let coming = targets.filter { $0.value == session && owners[$0.key] == nil }.keys.sorted()
    for partition in coming { owners[partition] = session }
    return coming.isEmpty ? .nothing : .assigned(coming)
  }

  /// The beginning of another call, such as a commit; false if the session is over. ``endCall(_:now:)`` follows.
  public mutating func beginCall(_ session: Session, now: Int64) -> Bool {
    expire(now)
    guard members[session]?.isAlive == true else { return false }
    members[session]?.isInCall = true
    return true
  }

  /// The end of a call. Only polls (`isPoll`) keep the session alive: a member that commits in a circle is stuck too.
  public mutating func endCall(_ session: Session, isPoll: Bool = true, now: Int64) {
    guard var member = members[session] else { return }
    member.isInCall = false
    if isPoll { member.lastCall = now }
    members[session] = member
  }

  public func owns(_ session: Session, _ partition: TopicPartition) -> Bool { owners[partition] == session }

  /// When the next session ends if its member does not poll before.
  public var nextExpiry: Int64? {
    members.values.lazy.filter { $0.isAlive && !$0.isInCall }.map { $0.lastCall + timeoutMicroseconds }.min()
  }

  private mutating func expire(_ now: Int64) {
    var isChanged = false
    for (session, member) in members
    where member.isAlive && !member.isInCall && now - member.lastCall >= timeoutMicroseconds {
      var late = member
      late.isAlive = false
      // What it was told to let go of, it need not be told again.
      late.lost = owners.filter { $0.value == session && !member.releasing.contains($0.key) }.keys.sorted()
      late.releasing = []
      members[session] = late
      owners = owners.filter { $0.value != session }
      isChanged = true
    }
    if isChanged { rebalance() }
  }

  private mutating func rebalance() {
    let partitions = partitionCounts.flatMap { topic, count in (0..<count).map { TopicPartition(topic, $0) } }
    let alive = members.filter(\.value.isAlive).map { ($0.key, $0.value.topics) }
    targets = GroupBalance.targets(partitions: partitions.sorted(), members: alive, current: targets)
    changes += 1
  }
}
