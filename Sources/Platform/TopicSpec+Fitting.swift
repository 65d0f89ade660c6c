extension TopicSpec {
  /// The spec as a cluster of so many brokers can have it: no more replicas than brokers, and `min.insync.replicas`
  /// lower by as much, so that appends go on with as many brokers lost as was meant (but one has to be there).
  public func fitted(brokers: Int) -> TopicSpec {
    fitted(replication: min(replication, max(brokers, 1)))
  }

  /// The spec with fewer replicas.
  func fitted(replication fewer: Int) -> TopicSpec {
    guard fewer < replication else { return self }
    var spec = self
    spec.replication = fewer
    let name = "min.insync.replicas"
    if let insync = config[name].flatMap({ Int($0) }) {
      spec.config[name] = String(max(1, insync - (replication - fewer)))
    }
    return spec
  }
}
