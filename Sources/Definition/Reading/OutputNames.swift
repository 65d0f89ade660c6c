/// Checks the names of a snapshot's columns: key, features and label, each once.
struct OutputNames {
  let log: ProblemLog

  func check(key: [String], features: [FeatureReader.Output], rows: RowsReader.Draft?) {
    let keys = Set(key)
    let label = rows?.rows.label
    var seen: [String: FeatureReader.Output] = [:]
    var folded: [String: String] = [:]
    for name in key { folded[name.lowercased()] = name }
    for output in features {
      if keys.contains(output.name) {
        report(
          output, "feature \(quoted(output.name)) has the name of the key, which every snapshot holds",
          "leave it out")
      } else if output.name == label {
        report(
          output, "feature \(quoted(output.name)) has the name of the label",
          output.source == rows?.rows.source
            ? "leave it out: a label must not be a feature too" : "give it another name: {NAME: COLUMN}")
      } else if let first = seen[output.name] {
        report(
          output, "a second feature \(quoted(output.name)) (the first in line \(first.mark.line))",
          "give one of them another name: {NAME: COLUMN}")
      } else if let other = folded[output.name.lowercased()] {
        warn(
          output,
          "feature \(quoted(output.name)) differs from \(quoted(other)) only in case; Athena and Hive take them for one"
        )
      }
      seen[output.name] = seen[output.name] ?? output
      folded[output.name.lowercased()] = output.name
      if let label, output.name != label, output.source == rows?.rows.source,
        output.feature?.value == .column(label)
      {
        warn(
          output, "feature \(quoted(output.name)) is the label itself: a model would learn from the answer")
      }
    }
    if let label, keys.contains(label), let node = rows?.labelNode {
      log.report(node, "the label \(quoted(label)) is the key", hint: "name another column")
    }
  }

  private func report(_ output: FeatureReader.Output, _ message: String, _ hint: String) {
    log.report(at: output.mark, path: output.path, message, hint: hint)
  }

  private func warn(_ output: FeatureReader.Output, _ message: String) {
    log.warn(at: output.mark, path: output.path, message)
  }
}
