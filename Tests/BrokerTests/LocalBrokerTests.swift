import EmbeddedBroker
import Foundation
import Platform
import TestKit
import Testing

/// The brokers inside this process, against what every broker keeps.
@Suite struct LocalBrokerTests {
  static let memory = BrokerUnderTest(
    name: "memory", make: { try MemoryBroker(clock: VirtualClock()) },
    truncate: { broker, partition, offset in try (broker as? MemoryBroker)?.truncate(partition, before: offset) },
    patienceSeconds: 30)

  static let embedded = BrokerUnderTest(
    name: "embedded", make: { try EmbeddedBroker(path: TemporaryPath.new(), clock: VirtualClock()) },
    truncate: { broker, partition, offset in try (broker as? EmbeddedBroker)?.truncate(partition, before: offset) },
    patienceSeconds: 30)

  @Test("memory", arguments: BrokerConformance.all.indices)
  func memory(_ number: Int) throws { try run(Self.memory, number) }

  @Test("embedded", arguments: BrokerConformance.all.indices)
  func embedded(_ number: Int) throws { try run(Self.embedded, number) }

  private func run(_ kind: BrokerUnderTest, _ number: Int) throws {
    let (name, body) = BrokerConformance.all[number]
    do { try body(kind) } catch { Issue.record("\(kind.name): \(name): \(error)") }
  }
}

/// Paths of files for one run, in a directory that goes with the process.
enum TemporaryPath {
  private static let directory: String = {
    let template = NSTemporaryDirectory() + "/broker-tests-\(getpid())"
    try? FileManager.default.createDirectory(atPath: template, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "/broker-tests-\(getpid())") }
    return template
  }()

  static func new() -> String { "\(directory)/\(UUID().uuidString).db" }
}
