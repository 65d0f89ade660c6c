import Definition
import EmbeddedBroker
import Glibc
import KafkaBroker
import Platform
import Worker

/// The broker of a command that reads topics from one end to the other and ends: Kafka, or the embedded one of a worker
/// that does not run.
struct BoundedBroker {
  let access: TopicAccess

  /// For commands that read no topic.
  static let none = BoundedBroker(access: .none("no broker was opened"))

  /// `meanwhile`: what to do while a worker uses the data directory.
  static func open(_ options: BrokerOptions?, data: DataDirectory, meanwhile: String) -> BoundedBroker {
    do {
      switch options {
      case .kafka(let brokers, let properties):
        // What goes wrong is said by the call that it concerns.
        return BoundedBroker(
          access: .broker(
            try KafkaBroker(brokers: brokers, properties: properties, clientID: "tributary") { _ in }))
      case nil:
        guard Glibc.access(data.broker, F_OK) == 0 else {
          return BoundedBroker(
            access: .none("\(data.path) holds no embedded broker; name its worker's data directory with --data"))
        }
        guard (try? data.take()) != nil else {
          return BoundedBroker(access: .none("a worker uses the embedded broker in \(data.path); \(meanwhile)"))
        }
        return BoundedBroker(access: .broker(try EmbeddedBroker(path: data.broker, clock: SystemClock())))
      }
    } catch {
      return BoundedBroker(access: .none("\(error)"))
    }
  }

  func close() {
    if case .broker(let broker) = access { broker.close() }
  }
}
