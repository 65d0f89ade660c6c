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
    // From the most loaded first, so that nothing is moved twice. Each move makes the sum of the squared loads smaller, so
    // this ends.
    while true {
      var best: (partition: TopicPartition, from: Session, to: Session, gap: Int)?
      for partition in partitions.reversed() {
        guard let from = targets[partition], let to = least(partition.topic) else { continue }
        let gap = loads[from, default: 0] - loads[to, default: 0]
        if gap > max(1, best?.gap ?? 0) { best = (partition, from, to, gap) }
      }
      guard let move = best else { break }
      targets[move.partition] = move.to
      loads[move.from, default: 0] -= 1
      loads[move.to, default: 0] += 1
    }
    return targets
  }
}
