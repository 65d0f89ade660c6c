import Console
import Glibc

/// Measurements as a table for people and as JSON for report.py.
struct Report {
  let measurements: [Measurement]
  let options: MicrobenchOptions

  var text: String {
    var table = TextTable([
      TextTable.Column("stage"), TextTable.Column("rows/s", isRight: true), TextTable.Column("bytes/s", isRight: true),
      TextTable.Column("beside it"), TextTable.Column("bytes/s", isRight: true),
      TextTable.Column("takes", isRight: true),
    ])
    for measured in measurements {
      let (rows, bytes) = (measured.stage.rows, measured.stage.bytes)
      func rate(_ count: Int, _ seconds: Double) -> String {
        count == 0 ? "" : NumberText.short(Double(count) / seconds)
      }
      let own = [measured.stage.name, rate(rows, measured.seconds), rate(bytes, measured.seconds)]
      let besides = zip(measured.stage.yardsticks, measured.yardsticks).map { yardstick, seconds in
        [yardstick.name, rate(bytes, seconds), NumberText.significant(measured.seconds / seconds, digits: 2) + " x"]
      }
      table.append(own + (besides.first ?? ["", "", ""]))
      for beside in besides.dropFirst() { table.append(["", "", ""] + beside) }
    }
    return table.render(.plain)
  }

  var json: JSONValue {
    .object([
      ("rounds", .int(Int64(options.rounds))), ("megabytes", .int(Int64(options.megabytes))),
      (
        "stages",
        .array(
          measurements.map { measured in
            .object([
              ("name", .string(measured.stage.name)), ("rows", .int(Int64(measured.stage.rows))),
              ("bytes", .int(Int64(measured.stage.bytes))), ("seconds", .double(measured.seconds)),
              (
                "yardsticks",
                .array(
                  zip(measured.stage.yardsticks, measured.yardsticks).map { yardstick, seconds in
                    .object([("name", .string(yardstick.name)), ("seconds", .double(seconds))])
                  })
              ),
            ])
          })
      ),
    ])
  }

  func write(_ path: String) throws {
    let text = json.text + "\n"
    guard let file = fopen(path, "wb") else { throw MicrobenchError("\(path) cannot be written") }
    let written = fputs(text, file)
    try require(fclose(file) == 0 && written >= 0, "\(path) cannot be written")
  }
}
