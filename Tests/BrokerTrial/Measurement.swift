import EmbeddedBroker
import Foundation
import Platform

/// Throughput of the embedded broker in a new file.
enum Measurement {
  static func run(_ path: String) throws {
    let broker = try EmbeddedBroker(path: path, clock: MachineClock())
    try broker.create([TopicSpec(name: "small", partitions: 16), TopicSpec(name: "large", partitions: 16)])
    for threads in [1, 4] {
      let first = try ends(broker, "small")
      try time("200,000 × 100 B in calls of 500, \(threads) thread(s)", megabytes: 20) {
        try inThreads(threads) { thread in
          for call in 0..<400 / threads {
            let value = [UInt8](repeating: 7, count: 100)
            let message = OutgoingMessage(topic: "small", partition: (call * threads + thread) % 16, value: value)
            _ = try broker.append([OutgoingMessage](repeating: message, count: 500))
          }
        }
      }
      try time("  read again", megabytes: 20) { try read(broker, "small", from: first) }
    }
    for threads in [1, 4] {
      let first = try ends(broker, "large")
      try time("1000 × 512 KiB, \(threads) thread(s)", megabytes: 524) {
        try inThreads(threads) { thread in
          let value = [UInt8](repeating: 9, count: 512 << 10)
          for call in 0..<1000 / threads {
            _ = try broker.append([
              OutgoingMessage(topic: "large", partition: (call * threads + thread) % 16, value: value)
            ])
          }
        }
      }
      try time("  read again", megabytes: 524) { try read(broker, "large", from: first) }
    }
    for threads in [1, 4] {
      try time("\(threads) thread(s), 1000 × 1 message of 700 B each", megabytes: 1) {
        try inThreads(threads) { thread in
          let message = OutgoingMessage(topic: "small", partition: thread, value: [UInt8](repeating: 1, count: 700))
          for _ in 0..<1000 { _ = try broker.append([message]) }
        }
      }
    }
    broker.close()
  }

  private static func ends(_ broker: EmbeddedBroker, _ topic: String) throws -> [TopicPartition: Int64] {
    try broker.bounds((0..<16).map { TopicPartition(topic, $0) }).mapValues(\.end)
  }

  private static func read(_ broker: EmbeddedBroker, _ topic: String, from: [TopicPartition: Int64]) throws {
    for (partition, offset) in from {
      let reader = try broker.reader(partition, from: offset)
      while try reader.poll(milliseconds: 0, maxBytes: 4 << 20) != nil {}
      reader.close()
    }
  }

  private static func time(_ what: String, megabytes: Double, _ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    let parts = (ContinuousClock.now - start).components
    let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    say(what + ": " + String(format: "%.2f s, %.0f MB/s", seconds, megabytes / seconds))
  }

  private static func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let done = DispatchSemaphore(value: 0)
    for number in 0..<count {
      Thread.detachNewThread {
        do { try body(number) } catch { say(error) }
        done.signal()
      }
    }
    for _ in 0..<count { done.wait() }
  }
}
