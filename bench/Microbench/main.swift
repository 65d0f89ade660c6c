import Definition
import Glibc
import Pipeline

// tributary-microbench: each stage of the program alone, on rows of the reference job that are in memory, beside what
// limits it. Seconds are this thread's processor time; the program's own code is called, nothing is written again here.

let options = MicrobenchOptions.parse(Array(CommandLine.arguments.dropFirst()))

do {
  let lake = try Lake(definition: options.definition, data: options.data, bytes: options.megabytes << 20)
  let maxRowBytes = lake.plan.definition.maxRowBytes
  let decoded = try lake.sources.map { try Decoded($0, maxRowBytes: maxRowBytes) }
  let (usageIndex, usageSource) = try lake.source("usage")
  let (usage, billing) = (decoded[usageIndex], decoded[try lake.source("billing").index])

  // Every source's rows in every shard's state, as a snapshot finds them.
  let states = (0..<lake.plan.shards).map { ShardState(shard: $0, plan: lake.plan) }
  var usageBatches: [RowBatch] = []
  for (index, source) in decoded.enumerated() {
    let batches = source.deal(ShardSplitter(shards: lake.plan.shards, types: source.source.plan.carriedTypes))
    var inputs = InputTable()
    let input = inputs.add(InputTable.Entry(name: source.source.name, modified: 0))
    for batch in batches { states[batch.shard].apply(batch, source: index, inputs: [input], table: inputs) }
    if index == usageIndex { usageBatches = batches }
  }

  var stages: [Stage] = []
  stages += try Stage.inflate(usageSource)
  stages.append(try Stage.zstd(usageSource))
  stages += Stage.csv(usage)
  stages += try Stage.quotedCSV(usage, maxRowBytes: maxRowBytes)
  stages.append(try Stage.cast("timestamps", usage, column: "event_ts"))
  stages.append(try Stage.cast("integers", usage, column: "cnt"))
  stages.append(try Stage.cast("doubles", usage, column: "duration_s"))
  stages.append(try Stage.json(billing))
  stages.append(try Stage.cast("JSON doubles", billing, column: "plan_price"))
  stages.append(try Stage.cast("JSON sums of arrays", billing, column: "items_amount"))
  stages.append(try Stage.hash(usage))
  stages += try Stage.batches(usage, usageBatches, shards: lake.plan.shards)
  stages += try Stage.state(lake, source: usageIndex, usageBatches, states)
  stages += try Stage.writing(lake, states)

  let chosen = stages.filter { options.only.isEmpty || $0.name.contains(options.only) }
  try require(!chosen.isEmpty, "no stage's name has '\(options.only)'; there are: \(stages.map(\.name))")
  let report = Report(
    measurements: try chosen.map { try Measurement($0, rounds: options.rounds) }, options: options)
  print(report.text, terminator: "")
  if let path = options.json { try report.write(path) }
} catch {
  print("tributary-microbench: \(error)")
  exit(1)
}
