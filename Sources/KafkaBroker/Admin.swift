internal import CRDKafka
internal import Foundation
internal import Platform

/// What is asked of the cluster about topics and groups, through any handle. A value; calls block.
struct Admin {
  let handle: ClientHandle

  private var milliseconds: Int32 { handle.context.settings.requestMilliseconds }

  /// Sends one request and reads its answer. `read` may return what points into the event only as copies.
  func ask<R>(
    _ operation: String, _ location: String, _ kind: rd_kafka_admin_op_t,
    send: (_ options: OpaquePointer?, _ queue: OpaquePointer) -> Void,
    read: (_ event: OpaquePointer) throws(BrokerError) -> R
  ) throws(BrokerError) -> R {
    guard let queue = rd_kafka_queue_new(handle.pointer) else {
      throw handle.error(RD_KAFKA_RESP_ERR__FAIL, operation, location)
    }
    defer { rd_kafka_queue_destroy(queue) }
    let options = rd_kafka_AdminOptions_new(handle.pointer, kind)
    defer { rd_kafka_AdminOptions_destroy(options) }
    // The values are within the library's range, so setting them cannot fail.
    _ = rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
    if kind == RD_KAFKA_ADMIN_OP_CREATETOPICS {
      _ = rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, nil, 0)
    }
    send(options, queue)
    // The request has its own time limit; a second more than that is for the answer's way here.
    guard let event = rd_kafka_queue_poll(queue, milliseconds + 1000) else {
      throw handle.error(RD_KAFKA_RESP_ERR__TIMED_OUT, operation, location)
    }
    defer { rd_kafka_event_destroy(event) }
    let code = rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let text = rd_kafka_event_error_string(event).map { String(cString: $0) }
      throw handle.error(KafkaFault(code, text), operation, location)
    }
    handle.context.reached()
    return try read(event)
  }

  struct Cluster {
    struct Topic {
      var partitions: Int
      var replication: Int
      var hasLeaders: Bool
    }
    var brokers: Int
    var topics: [String: Topic]
  }

  /// Asks for all topics, since asking for one by name may create it.
  func cluster(_ operation: String) throws(BrokerError) -> Cluster {
    try handle.metadata(operation, topics: true) { metadata in
      var cluster = Cluster(brokers: Int(metadata.broker_cnt), topics: [:])
      for index in 0..<Int(metadata.topic_cnt) {
        let topic = metadata.topics[index]
        guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, topic.partition_cnt > 0 else { continue }
        let partitions = (0..<Int(topic.partition_cnt)).map { topic.partitions[$0] }
        cluster.topics[String(cString: topic.topic)] = Cluster.Topic(
          partitions: partitions.count, replication: partitions.map { Int($0.replica_cnt) }.min() ?? 0,
          hasLeaders: partitions.allSatisfy { $0.leader >= 0 })
      }
      return cluster
    }
  }

  /// See ``Broker/create(_:)``.
  func create(_ specs: [TopicSpec]) throws(BrokerError) {
    let cluster = try cluster("create topics")
    let missing = specs.filter { cluster.topics[$0.name] == nil }
    if !missing.isEmpty { try create(missing, brokers: cluster.brokers) }
    try waitForLeaders(specs.map(\.name))
  }

  private func create(_ specs: [TopicSpec], brokers: Int) throws(BrokerError) {
    var topics: [OpaquePointer?] = []
    defer { rd_kafka_NewTopic_destroy_array(&topics, topics.count) }
    for spec in specs {
      let fitted = spec.fitted(brokers: brokers)
      var message = [CChar](repeating: 0, count: 256)
      guard
        let topic = rd_kafka_NewTopic_new(
          fitted.name, Int32(clamping: fitted.partitions), Int32(clamping: fitted.replication), &message,
          message.count)
      else {
        throw handle.error(KafkaFault(RD_KAFKA_RESP_ERR__INVALID_ARG, string(message)), "create topic", spec.name)
      }
      topics.append(topic)
      for (name, value) in fitted.config.sorted(by: { $0.key < $1.key }) {
        rd_kafka_NewTopic_set_config(topic, name, value)
      }
    }
    let location = specs.count == 1 ? specs[0].name : "\(specs[0].name) and \(specs.count - 1) more"
    try ask("create topics", location, RD_KAFKA_ADMIN_OP_CREATETOPICS) { options, queue in
      rd_kafka_CreateTopics(handle.pointer, &topics, topics.count, options, queue)
    } read: { event throws(BrokerError) in
      var count = 0
      guard let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
      else { return }
      for index in 0..<count {
        let code = rd_kafka_topic_result_error(results[index])
        // Somebody else was faster.
        if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { continue }
        let text = rd_kafka_topic_result_error_string(results[index]).map { String(cString: $0) }
        throw handle.error(
          KafkaFault(code, text), "create topic", String(cString: rd_kafka_topic_result_name(results[index])))
      }
    }
  }

  /// A topic that was just made has no leaders for a moment, and a subscriber would be told that it does not exist.
  private func waitForLeaders(_ names: [String]) throws(BrokerError) {
    let deadline = monotonicMilliseconds() + Int64(milliseconds)
    while true {
      let topics = try cluster("create topics").topics
      guard let late = names.first(where: { topics[$0]?.hasLeaders != true }) else { return }
      guard monotonicMilliseconds() < deadline else {
        throw BrokerError(
          .unavailable, operation: "create topic", location: late, message: "its partitions have no leaders yet",
          hint: "look at the brokers' logs")
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }

  /// See ``Broker/committed(group:_:)``.
  func committed(group: String, _ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64] {
    if partitions.isEmpty { return [:] }
    let list = PartitionList(Set(partitions))
    var request = list.withPointer { rd_kafka_ListConsumerGroupOffsets_new(group, $0) }
    defer { rd_kafka_ListConsumerGroupOffsets_destroy(request) }
    return try ask("committed", group, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS) { options, queue in
      rd_kafka_ListConsumerGroupOffsets(handle.pointer, &request, 1, options, queue)
    } read: { event throws(BrokerError) in
      var count = 0
      let answer = rd_kafka_event_ListConsumerGroupOffsets_result(event)
      guard let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(answer, &count), count > 0 else { return [:] }
      if let failure = rd_kafka_group_result_error(groups[0]) {
        throw handle.error(rd_kafka_error_code(failure), "committed", group)
      }
      var offsets: [TopicPartition: Int64] = [:]
      guard let found = rd_kafka_group_result_partitions(groups[0]) else { return [:] }
      for element in PartitionList.elements(found) where element.code == RD_KAFKA_RESP_ERR_NO_ERROR {
        if element.offset >= 0 { offsets[element.at] = element.offset }
      }
      return offsets
    }
  }
}
