internal import CRDKafka
internal import Platform

extension Admin {
  /// One value of a topic's configuration.
  struct ConfigValue {
    /// nil: sensitive, so the broker does not tell.
    var value: String?
    /// Set for this topic, not inherited from the broker.
    var isOverride: Bool
  }

  /// See ``Broker/describe(_:)``.
  func describe(_ names: [String]) throws(BrokerError) -> [String: TopicDescription] {
    let topics = try cluster("describe topics").topics.filter { names.contains($0.key) }
    let configs = try configs(of: topics.keys.sorted())
    return topics.mapValues { topic in
      TopicDescription(partitions: topic.partitions, replication: topic.replication, config: [:])
    }.reduce(into: [:]) { answer, topic in
      answer[topic.key] = topic.value
      answer[topic.key]?.config = (configs[topic.key] ?? [:]).compactMapValues(\.value)
    }
  }

  /// See ``Broker/alter(_:config:)``. This release of the library can only replace all overrides of a topic, so those
  /// that are there are sent again; a change that somebody makes in between is lost.
  func alter(_ topic: String, _ changes: [String: String]) throws(BrokerError) {
    guard try cluster("alter topic").topics[topic] != nil else {
      throw handle.error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "alter topic", topic)
    }
    var overrides: [String: String] = [:]
    for (name, entry) in try configs(of: [topic])[topic] ?? [:] where entry.isOverride {
      guard let value = entry.value ?? changes[name] else {
        throw BrokerError(
          .other, operation: "alter topic", location: topic,
          message: "\(name) is set, but the broker does not tell its value, so it would be lost",
          hint: "change the topic with Kafka's own tools")
      }
      overrides[name] = value
    }
    overrides.merge(changes) { $1 }
    var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
    defer { rd_kafka_ConfigResource_destroy(resource) }
    for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
      rd_kafka_ConfigResource_set_config(resource, name, value)
    }
    try ask("alter topic", topic, RD_KAFKA_ADMIN_OP_ALTERCONFIGS) { options, queue in
      rd_kafka_AlterConfigs(handle.pointer, &resource, 1, options, queue)
    } read: { event throws(BrokerError) in
      var count = 0
      let answer = rd_kafka_event_AlterConfigs_result(event)
      try check(rd_kafka_AlterConfigs_result_resources(answer, &count), &count, "alter topic")
    }
  }

  private func configs(of topics: [String]) throws(BrokerError) -> [String: [String: ConfigValue]] {
    if topics.isEmpty { return [:] }
    var resources: [OpaquePointer?] = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
    defer { rd_kafka_ConfigResource_destroy_array(&resources, resources.count) }
    return try ask("describe topics", topics[0], RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) { options, queue in
      rd_kafka_DescribeConfigs(handle.pointer, &resources, resources.count, options, queue)
    } read: { event throws(BrokerError) in
      var count = 0
      let answer = rd_kafka_event_DescribeConfigs_result(event)
      let found = rd_kafka_DescribeConfigs_result_resources(answer, &count)
      try check(found, &count, "describe topics")
      var configs: [String: [String: ConfigValue]] = [:]
      for index in 0..<count {
        guard let resource = found?[index], let name = rd_kafka_ConfigResource_name(resource) else { continue }
        configs[String(cString: name)] = values(of: resource)
      }
      return configs
    }
  }

  private func values(of resource: OpaquePointer) -> [String: ConfigValue] {
    var count = 0
    let entries = rd_kafka_ConfigResource_configs(resource, &count)
    var values: [String: ConfigValue] = [:]
    for index in 0..<count {
      guard let entry = entries?[index], let name = rd_kafka_ConfigEntry_name(entry) else { continue }
      values[String(cString: name)] = ConfigValue(
        value: rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) },
        isOverride: rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
    }
    return values
  }

  private func check(
    _ resources: UnsafeMutablePointer<OpaquePointer?>?, _ count: inout Int, _ operation: String
  ) throws(BrokerError) {
    for index in 0..<count {
      guard let resource = resources?[index] else { continue }
      let code = rd_kafka_ConfigResource_error(resource)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { continue }
      let text = rd_kafka_ConfigResource_error_string(resource).map { String(cString: $0) }
      let name = rd_kafka_ConfigResource_name(resource).map { String(cString: $0) }
      throw handle.error(KafkaFault(code, text), operation, name)
    }
  }
}
