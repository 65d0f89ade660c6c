import Console
import Definition
import Platform
import Worker

/// `tributary topics apply|diff DEFINITION`
struct TopicsCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let verb = arguments.positionals[0]
    guard verb == "apply" || verb == "diff" else {
      throw Failure(.wrongUse, "topics: '\(verb)' is neither apply nor diff")
    }
    let file = try DefinitionFile(arguments.positionals[1])
    let definition = try program.check(file).reading.definition
    let data = DataDirectory(arguments.text("data"), dataset: definition.dataset, definition: file)
    if definition.broker == nil { try data.take() }
    do {
      let (broker, _) = try Brokers.open(definition, data: data, name: "tributary-topics") { _ in }
      defer { broker.close() }
      let topics = DatasetTopics(definition.dataset)
      let foreign = definition.foreignTopics
      var specs = topics.specs(shards: definition.shards)
      // Notifications that have a topic of their own do not come here.
      if foreign != definition.recordTopics { specs.removeAll { $0.name == DatasetTopics.events } }
      // Who writes to a topic has it as they want it: it is made where it is missing, else let be.
      let found = try broker.describe(foreign)
      specs += foreign.filter { found[$0] == nil }.map { TopicSpec(name: $0, partitions: 4) }
      let plan = TopicPlan(
        specs, have: try broker.describe(specs.map(\.name)), fixedPartitions: topics.fixedPartitions)
      if verb == "apply" { try plan.apply(to: broker) }
      try show(plan, applied: verb == "apply")
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.failed, "\(error)")
    }
  }

  private func show(_ plan: TopicPlan, applied: Bool) throws(Failure) {
    if arguments.flag("json") {
      program.write(
        .object([
          ("applied", .bool(applied)),
          (
            "differences",
            .array(
              plan.differences.map {
                .object([
                  ("topic", .string($0.topic)), ("difference", .string($0.description)),
                  ("mended", .bool(applied && $0.isMended)),
                ])
              })
          ),
        ]))
    } else if plan.isEmpty {
      program.output.write("all topics are as they should be\n")
    } else {
      for difference in plan.differences {
        let mark = applied ? (difference.isMended ? "done" : "left") : "differs"
        program.output.write("\(mark): \(difference)\n")
      }
    }
    let left = applied ? plan.differences.filter { !$0.isMended } : plan.differences
    if !left.isEmpty {
      throw Failure(.failed, applied ? "\(left.count) differences are left to you" : "\(left.count) differences")
    }
  }
}
