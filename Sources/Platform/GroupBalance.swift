/// Which member shall own which partition: even to one, and as few moves as that takes.
enum GroupBalance {
  typealias Session = GroupState.Session

  /// `members`: with the topics each asked for. Depends on nothing but its arguments.
  static func targets(
    partitions: [TopicPartition], members: [(Session, Set<String>)], current: [TopicPartition: Session]
  ) -> [TopicPartition: Session] {
    let members = members.sorted { $0.0 < $1.0 }
    var targets: [TopicPartition: Session] = [:]
    var loads: [Session: Int] = [:]
    var candidates: [String: [Session]] = [:]
    for topic in Set(partitions.map(\.topic)) {
      candidates[topic] = members.filter { $0.1.contains(topic) }.map(\.0)
    }
    func least(_ topic: String) -> Session? {
      candidates[topic]?.min { (loads[$0, default: 0], $0) < (loads[$1, default: 0], $1) }
    }

    for partition in partitions {
      guard let owner = current[partition], candidates[partition.topic]?.contains(owner) == true else { continue }
      targets[partition] = owner
      loads[owner, default: 0] += 1
    }
    for partition in partitions where targets[partition] == nil {
      guard let owner = least(partition.topic) else { continue }
      targets[partition] = owner
      loads[owner, default: 0] += 1
    }
    // Each move makes the sum of the squared loads smaller, so this ends.
    var isMoving = true
    while isMoving {
      isMoving = false
      for partition in partitions.reversed() {
        guard let owner = targets[partition], let other = least(partition.topic),
          loads[owner, default: 0] > loads[other, default: 0] + 1
        else { continue }
        targets[partition] = other
        loads[owner, default: 0] -= 1
        loads[other, default: 0] += 1
        isMoving = true
      }
    }
    return targets
  }
}
