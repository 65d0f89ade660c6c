import Definition
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A small lake in memory: customers (CSV, newest row a key) and visits (JSON lines, every row), and what is in it.
struct Lake {
  var seed: UInt64
  /// The bucket, or "" for local files.
  var bucket = ""
  var shards = 4
  /// Rows of visits; customers are a tenth.
  var visits = 2000
  var files = 7
  /// Whether some rows are at fault.
  var faulty = true
  var dataset = "lake"
  var to = "out"
  var maxRejects = RejectLimit.share(1)
  var maxRowBytes = 900 << 10

  /// Where the objects lie.
  var root: String { bucket.isEmpty ? "" : "s3://\(bucket)/" }

  static let text = """
    dataset: DATASET
    key: id
    shards: SHARDS
    sources:
      customers:
        objects: "ROOTcustomers/"
        format: csv
        keep: latest
        columns: {id: string, name: string, plan: string, since: date, file: {path: $object, type: string}}
      visits:
        objects: "ROOTvisits/"
        format: json
        keep: events
        time: at
        columns: {id: {path: customer.id, type: string}, at: timestamp, page: string, cost: double, n: int}
    features:
      customers: [name, plan, since]
      visits:
        visits: count()
        cost: sum(cost)
        cost_sd: stddev(cost)
        pages: count_distinct(page)
        last_page: last(page)
        most: max(n)
        recent: "sum(n) where page != 'home'"
    rows: {from: customers}
    split: {train: 0.8, eval: 0.2, salt: v1}
    snapshot: {to: "ROOTTARGET", format: {csv: {header: true}}}
    as_of: 2026-01-01T00:00:00Z
    """

  func definition() throws -> Definition {
    var text = Self.text
    for (name, value) in ["DATASET": dataset, "SHARDS": "\(shards)", "ROOT": root, "TARGET": to] {
      text = text.split(separator: name, omittingEmptySubsequences: false).joined(separator: value)
    }
    var definition = try DefinitionReader.read(text: text, file: "lake.yaml").get().definition
    definition.maxRejects = maxRejects
    definition.maxRowBytes = maxRowBytes
    return definition
  }

  struct Contents {
    /// Lines that are records, good and bad.
    var rows = 0
    var rejected = 0
    /// Good visits before the as-of time, by customer.
    var visits: [String: Int] = [:]
    var customers: Set<String> = []
  }

  /// Writes the lake's objects.
  @discardableResult
  func fill(_ objects: MemoryObjects) -> Contents {
    var random = SeededGenerator(seed: seed)
    var contents = Contents()
    let ids = (0..<max(visits / 10, 1)).map { "c-\($0)" }
    for file in 0..<files {
      var text = "id,name,plan,since\n"
      for id in ids where random.chance(files) || file == 0 {
        contents.rows += 1
        if faulty && random.chance(20) {
          contents.rejected += 1
          text += random.pick([
            "\(id),too few\n", "\(id),a,b,no date\n", ",a,b,2020-01-01\n", "\(id),a,b,2020-01-01,many\n",
          ])
        } else {
          contents.customers.insert(id)
          text +=
            "\(id),\"na,me \(random.int(0...99))\",\(random.pick(["pro", "free", ""])),2024-02-\(random.int(10...28))\n"
        }
      }
      objects.set("customers/part-\(file).csv", Array(text.utf8), modified: Int64(random.int(0...3)))
    }
    for file in 0..<files {
      var text = ""
      for _ in 0..<visits / files {
        let id = random.pick(ids)
        contents.rows += 1
        if faulty && random.chance(20) {
          contents.rejected += 1
          text += random.pick([
            "{broken\n", "{\"at\":\"2025-01-01T00:00:00Z\"}\n", "{\"customer\":{\"id\":\"\(id)\"},\"at\":\"never\"}\n",
          ])
          continue
        }
        let late = random.chance(10)
        if !late { contents.visits[id, default: 0] += 1 }
        text += """
          {"customer":{"id":"\(id)"},"at":"\(late ? 2026 : 2025)-0\(random.int(1...9))-11T10:00:0\(random.int(0...9))Z",\
          "page":"\(random.pick(["home", "shop", "caf\\u00e9", "a very long page name that goes on"]))",\
          "cost":\(random.int(-1000...100_000)).\(random.int(0...99)),"n":\(random.int(-5...50))}

          """
      }
      objects.set("visits/part-\(file).jsonl", Array(text.utf8), modified: Int64(random.int(0...3)))
    }
    return contents
  }

  func options(
    id: String = "one", now: Int64 = 1_000_000, threads: Int = 2,
    temporaryDirectory: String = "/tmp"
  ) -> BatchOptions {
    BatchOptions(
      id: id, now: now, threads: threads, temporaryDirectory: temporaryDirectory,
      programVersion: "test")
  }

  func run(_ options: BatchOptions, _ stores: any StoreDirectory) throws -> BatchRun {
    BatchRun(
      try definition(), record: .init(text: Self.text, variables: [:], directory: ""), semanticHash: "hash",
      options: options, stores: stores)
  }

  /// Runs to the end, or fails after a minute.
  func outcome(_ options: BatchOptions, _ stores: any StoreDirectory) throws -> BatchOutcome {
    let run = try run(options, stores)
    return try withDeadline(seconds: 60, "the run of lake \(seed)") { try run.run() }
  }

  func stores(_ objects: MemoryObjects, readMax: Int = 1 << 20, hook: @escaping MemoryStore.Hook = { _, _ in })
    -> MemoryDirectory
  {
    MemoryDirectory { MemoryStore(objects, bucket: $0, readMax: readMax, hook: hook) }
  }
}
