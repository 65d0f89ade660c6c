public import Foundation

/// A child process that ends with this one, however this one ends (Tests/system/leash.py).
public final class LeashedProcess: @unchecked Sendable {
  // Sendable: set once; the pipes are used by `init` and `stop` only.
  private let process = Process()
  private let rope = Pipe()
  private let output = Pipe()

  /// The package's directory.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// `log`: where the command's output goes; nil keeps standard output for ``readLine()``.
  public init(_ command: [String], removing directory: URL? = nil, log: URL? = nil) throws {
    let leash = Self.root.appending(path: "Tests/system/leash.py").path
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["python3", leash] + (directory.map { ["--remove", $0.path] } ?? []) + command
    process.standardInput = rope
    if let log {
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
      let handle = try FileHandle(forWritingTo: log)
      process.standardOutput = handle
      process.standardError = handle
    } else {
      process.standardOutput = output
    }
    try process.run()
  }

  public var isRunning: Bool { process.isRunning }

  /// The next line of the command's output, without its end.
  public func readLine() -> String {
    var line: [UInt8] = []
    while let byte = try? output.fileHandleForReading.read(upToCount: 1), let first = byte.first, first != 10 {
      line.append(first)
    }
    return String(decoding: line, as: UTF8.self)
  }

  /// The command's process, or nil when it has ended.
  public var command: Int32? {
    let leash = process.processIdentifier
    let children = try? String(contentsOfFile: "/proc/\(leash)/task/\(leash)/children", encoding: .utf8)
    return children?.split(separator: " ").first.flatMap { Int32($0) }
  }

  /// Ends the command and its children, and waits for them.
  public func stop() {
    try? rope.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  deinit { stop() }
}
