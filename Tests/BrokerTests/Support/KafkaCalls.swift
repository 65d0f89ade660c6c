import Foundation
import Platform
import Testing

@testable import KafkaBroker

/// A topic of a name that no other test has.
func newTopic(
  _ broker: KafkaBroker, partitions: Int = 1, config: [String: String] = [:], _ name: String = "t"
) throws -> String {
  let topic = "\(name)-" + String(UInt64.random(in: 0 ... .max), radix: 36)
  try broker.create([TopicSpec(name: topic, partitions: partitions, config: config)])
  return topic
}

/// The error that a call throws.
func failure(_ body: () throws -> Void) -> BrokerError? {
  do { try body() } catch { return error as? BrokerError }
  return nil
}

/// A text for a message.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

struct Late: Error, CustomStringConvertible { var description: String }

/// Reads `count` records (offset and value) of a partition, within a minute.
func read(
  _ broker: any Broker, _ at: TopicPartition, from offset: Int64 = 0, count: Int
) throws -> [(offset: Int64, value: String?)] {
  let reader = try broker.reader(at, from: offset)
  defer { reader.close() }
  var found: [(Int64, String?)] = []
  let deadline = Date.now.addingTimeInterval(60)
  while found.count < count {
    guard Date.now < deadline else { throw Late(description: "\(found.count) of \(count) records of \(at)") }
    guard let block = try reader.poll(milliseconds: 200, maxBytes: 1 << 20) else { continue }
    for index in 0..<block.count { found.append((block.entries[index].offset, text(block.value(index)))) }
  }
  return found
}

/// A member that begins what it is given, commits what it has read when a partition is taken away, and remembers all.
final class Member {
  let consumer: KafkaConsumer
  var owned: Set<TopicPartition> = []
  var records: [TopicPartition: [(offset: Int64, value: String?)]] = [:]
  var next: [TopicPartition: Int64] = [:]
  var events: [String] = []
  var start = StartOffset.committed

  init(_ broker: KafkaBroker, group: String, topics: [String], name: String) throws {
    consumer = try broker.kafkaConsumer(group: group, topics: topics, member: name)
  }

  var count: Int { records.values.reduce(0) { $0 + $1.count } }
  var values: [String] { records.values.flatMap { $0 }.compactMap(\.value) }

  /// One poll. Errors that pass are not errors here.
  func step(milliseconds: Int = 50, maxBytes: Int = 1 << 20) throws {
    let event: ConsumerEvent
    do throws(BrokerError) {
      event = try consumer.poll(milliseconds: milliseconds, maxBytes: maxBytes)
    } catch {
      if error.isTransient { return }
      throw error
    }
    switch event {
    case .nothing: break
    case .assigned(let partitions):
      events.append("assigned \(partitions.count)")
      owned.formUnion(partitions)
      for partition in partitions { try consumer.begin(partition, at: start) }
    case .revoked(let partitions, let lost):
      events.append("\(lost ? "lost" : "revoked") \(partitions.count)")
      if !lost {
        do throws(BrokerError) {
          try consumer.commit(next.filter { partitions.contains($0.key) })
        } catch {
          events.append("\(error)")
        }
      }
      owned.subtract(partitions)
      for partition in partitions { next[partition] = nil }
    case .records(let blocks):
      for block in blocks {
        #expect(owned.contains(block.at), "records of a partition that is not owned")
        for index in 0..<block.count {
          records[block.at, default: []].append((block.entries[index].offset, text(block.value(index))))
        }
        next[block.at] = block.nextOffset
      }
    case .outOfRange(let partition, let wanted, let bounds):
      events.append("out of range \(wanted) \(bounds.first) \(bounds.end)")
      try consumer.begin(partition, at: .first)
    }
  }
}

/// Polls all members in turn until a condition holds.
func drive(
  _ members: [Member], seconds: Double = 60, _ what: String, until isDone: () throws -> Bool
) throws {
  let deadline = Date.now.addingTimeInterval(seconds)
  while try !isDone() {
    guard Date.now < deadline else {
      throw Late(description: "\(what): \(members.map { "\($0.owned.count) owned, \($0.count) read, \($0.events)" })")
    }
    for member in members { try member.step() }
  }
}
