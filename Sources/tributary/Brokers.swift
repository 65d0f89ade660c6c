import Definition
import EmbeddedBroker
import KafkaBroker
import Logging
import Platform
import Status
import Worker

/// The broker that a definition names.
enum Brokers {
  static func open(
    _ definition: Definition, data: DataDirectory, name: String, log: @escaping @Sendable (String) -> Void
  ) throws(BrokerError) -> (broker: any Broker, kind: NodeStatus.Broker.Kind) {
    switch definition.broker {
    case .kafka(let brokers, let properties):
      // Row batches are written compactly; see RowSections.
      let rows = DatasetTopics(definition.dataset).rows
      let broker = try KafkaBroker(
        brokers: brokers, properties: properties, clientID: name, compact: [rows],
        headerless: definition.headerlessTopics.union([rows]), log: log)
      return (broker, .kafka)
    case nil:
      // Nobody waits for this process's members to be given up but itself; a step of one, such as bringing files of a snapshot
      // to a slow store, may take as long as a member of Kafka's may.
      return (
        try EmbeddedBroker(path: data.broker, clock: SystemClock(), sessionMilliseconds: 300_000), .embedded
      )
    }
  }
}

/// The system's time of day.
struct SystemClock: WallClock {
  func now() -> Int64 { Machine.now() }
}
