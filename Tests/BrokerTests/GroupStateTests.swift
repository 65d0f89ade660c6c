import Platform
import TestKit
import Testing

/// Groups inside a process, in virtual time.
@Suite struct GroupStateTests {
  private static let second: Int64 = 1_000_000

  private func group(_ partitions: Int) -> GroupState {
    var group = GroupState(timeoutMicroseconds: 10 * Self.second)
    group.set(partitionCounts: ["t": partitions])
    return group
  }

  private func poll(_ group: inout GroupState, _ session: GroupState.Session, _ now: Int64) -> GroupState.Step {
    let step = group.poll(session, now: now)
    group.endCall(session, now: now)
    return step
  }

  private func partitions(_ numbers: Int...) -> [TopicPartition] { numbers.map { TopicPartition("t", $0) } }

  @Test("a member that does not poll loses its partitions, and is told")
  func lost() {
    var group = group(2)
    let a = group.join(name: "a", topics: ["t"], now: 0)
    #expect(poll(&group, a, 0) == .assigned(partitions(0, 1)))
    let b = group.join(name: "b", topics: ["t"], now: 5 * Self.second)
    #expect(poll(&group, b, 9 * Self.second) == .nothing)
    #expect(group.nextExpiry == 10 * Self.second)
    #expect(poll(&group, b, 10 * Self.second) == .assigned(partitions(0, 1)))
    let mayCommit = group.beginCall(a, now: 10 * Self.second)
    #expect(!mayCommit)
    #expect(poll(&group, a, 11 * Self.second) == .revoked(partitions(0, 1), lost: true))
    // It is a member again, and gets its share when the other lets go.
    #expect(poll(&group, a, 11 * Self.second) == .nothing)
    #expect(poll(&group, b, 12 * Self.second) == .revoked(partitions(1), lost: false))
    #expect(group.owns(b, TopicPartition("t", 1)))
    #expect(poll(&group, a, 12 * Self.second) == .nothing)
    #expect(poll(&group, b, 13 * Self.second) == .nothing)
    #expect(poll(&group, a, 13 * Self.second) == .assigned(partitions(1)))
  }

  @Test("who waits inside a call is not late")
  func waiting() {
    var group = group(1)
    let a = group.join(name: "a", topics: ["t"], now: 0)
    #expect(poll(&group, a, 0) == .assigned(partitions(0)))
    _ = group.poll(a, now: 1)
    let b = group.join(name: "b", topics: ["t"], now: 0)
    #expect(poll(&group, b, 100 * Self.second) == .nothing)
    group.endCall(a, now: 100 * Self.second)
    #expect(group.owns(a, TopicPartition("t", 0)))
  }

  @Test("the same name takes over at once, and the older one is fenced")
  func sameName() {
    var group = group(3)
    let a = group.join(name: "a", topics: ["t"], now: 0)
    let b = group.join(name: "b", topics: ["t"], now: 0)
    #expect(poll(&group, a, 1) == .assigned(partitions(0, 1)))
    _ = poll(&group, b, 1)
    let again = group.join(name: "a", topics: ["t"], now: 2)
    #expect(poll(&group, again, 2) == .assigned(partitions(0, 1)))
    #expect(poll(&group, a, 2) == .fenced)
    #expect(poll(&group, b, 2) == .nothing)
  }

  @Test("topics that appear later are shared then")
  func laterTopics() {
    var group = group(0)
    let a = group.join(name: "a", topics: ["t", "later"], now: 0)
    #expect(poll(&group, a, 0) == .nothing)
    let before = group.changes
    group.set(partitionCounts: ["t": 0, "later": 1])
    #expect(group.changes > before)
    #expect(poll(&group, a, 0) == .assigned([TopicPartition("later", 0)]))
  }

  @Test("whatever members do: one owner at a time, even shares in the end, few moves", arguments: 0..<200)
  func random(_ seed: Int) {
    var random = SeededGenerator(seed: seed)
    let count = random.int(1...12)
    var group = group(count)
    var now: Int64 = 0
    var members: [GroupState.Session: Set<TopicPartition>] = [:]
    var names = 0
    func step(_ session: GroupState.Session) {
      switch poll(&group, session, now) {
      case .assigned(let new):
        for (other, owned) in members where other != session {
          // An other may be a zombie, which does not know yet; but then the group does.
          #expect(new.allSatisfy { !owned.contains($0) || !group.owns(other, $0) }, "seed \(seed)")
        }
        members[session]?.formUnion(new)
      case .revoked(let old, _):
        #expect(members[session]?.isSuperset(of: old) == true, "seed \(seed)")
        members[session]?.subtract(old)
      case .nothing: break
      case .fenced: Issue.record("fenced; seed \(seed)")
      }
    }
    for _ in 0..<300 {
      now += Int64(random.int(0...2)) * Self.second
      switch random.int(0...19) {
      case 0 where members.count < 5:
        names += 1
        members[group.join(name: "m\(names)", topics: ["t"], now: now)] = []
      case 1:
        guard let leaver = members.keys.sorted().first else { continue }
        group.leave(leaver, now: now)
        members[leaver] = nil
      default:
        guard !members.isEmpty else { continue }
        step(random.pick(members.keys.sorted()))
      }
    }
    if members.isEmpty { members[group.join(name: "last", topics: ["t"], now: now)] = [] }
    for _ in 0..<6 { for session in members.keys.sorted() { step(session) } }
    let shares = members.values.map(\.count)
    #expect(shares.reduce(0, +) == count && (shares.max() ?? 0) - (shares.min() ?? 0) <= 1, "seed \(seed): \(shares)")
    // One more member takes its share and moves nothing else.
    let before = members
    members[group.join(name: "more", topics: ["t"], now: now)] = []
    for _ in 0..<6 { for session in members.keys.sorted() { step(session) } }
    for (session, owned) in before { #expect(members[session]?.isSubset(of: owned) == true, "seed \(seed)") }
  }
}
