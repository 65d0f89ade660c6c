internal import CRDKafka
internal import Platform

/// Owns a list of partitions with offsets, as librdkafka's calls take and fill it.
///
/// The pointer is lent to a closure alone: taken out of a value whose last use that is, it would point to freed memory.
struct PartitionList: ~Copyable {
  private let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(capacity: Int = 0) { pointer = rd_kafka_topic_partition_list_new(Int32(max(capacity, 1))) }

  init(_ partitions: some Collection<TopicPartition>, offset: Int64 = -1001) {
    self.init(capacity: partitions.count)
    for partition in partitions { add(partition, offset: offset) }
  }

  deinit { rd_kafka_topic_partition_list_destroy(pointer) }

  func withPointer<R>(_ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> R) -> R { body(pointer) }

  var count: Int { Int(pointer.pointee.cnt) }

  func add(_ at: TopicPartition, offset: Int64) {
    // Never nil: the library ends the process where memory runs out.
    rd_kafka_topic_partition_list_add(pointer, at.topic, Int32(truncatingIfNeeded: at.partition))?.pointee.offset =
      offset
  }

  var elements: [Element] { Self.elements(pointer) }

  struct Element {
    let at: TopicPartition
    let offset: Int64
    let code: rd_kafka_resp_err_t
  }

  static func elements(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [Element] {
    (0..<Int(list.pointee.cnt)).map { index in
      let element = list.pointee.elems[index]
      return Element(
        at: TopicPartition(String(cString: element.topic), Int(element.partition)), offset: element.offset,
        code: element.err)
    }
  }
}
