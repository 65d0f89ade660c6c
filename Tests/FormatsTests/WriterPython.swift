import Columns
import Foundation

/// Runs the scripts of `Tests/system` with the Python that has pyarrow, DuckDB, Polars and pandas.
enum WriterPython {
  static var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// `TRIBUTARY_PYTHON`, or the project's virtual environment. Missing: the test fails, it is never skipped.
  static func run(_ script: String, _ arguments: [String]) throws -> String {
    let python =
      ProcessInfo.processInfo.environment["TRIBUTARY_PYTHON"]
      ?? root.appendingPathComponent(".venv/bin/python").path
    guard FileManager.default.isExecutableFile(atPath: python) else {
      throw Failure(description: "no Python at \(python): run `make test`, or set TRIBUTARY_PYTHON")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [root.appendingPathComponent("Tests/system/\(script)").path] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(script) ended with \(process.terminationStatus):\n\(text)")
    }
    return text
  }

  /// Runs `body` with a directory that is removed afterwards.
  static func withDirectory<R>(_ body: (URL) throws -> R) throws -> R {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tributary-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
  }

  /// The expected values as JSON that shares no code with the writers under test: integers and decimals as text, doubles
  /// as the bits' text, so that nothing is lost on the way.
  static func description(of expected: ExpectedTable, groups: [Int], required: Set<String> = []) throws
    -> Data
  {
    let columns: [[String: Any]] = zip(expected.fields, expected.columns).map { field, values in
      var column: [String: Any] = [
        "name": field.name, "type": "\(field.type)", "required": required.contains(field.name),
      ]
      column["values"] = values.map { value -> Any in
        switch value {
        case nil: NSNull()
        case .string(let text): text
        case .int(let int), .timestamp(let int): "\(int)"
        case .double(let double): "\(double.bitPattern)"
        case .bool(let bool): bool ? "1" : "0"
        case .date(let days): "\(days)"
        case .decimal(let unscaled): "\(unscaled)"
        }
      }
      return column
    }
    return try JSONSerialization.data(withJSONObject: ["groups": groups, "columns": columns])
  }
}
