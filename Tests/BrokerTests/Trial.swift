import Foundation

/// A child process: Tests/BrokerTrial with some arguments.
final class Trial {
  private let process = Process()
  private let output = Pipe()
  private let input = Pipe()
  private var rest: [UInt8] = []

  init(_ arguments: [String]) throws {
    // The executables lie side by side.
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("broker-trial")
    process.arguments = arguments
    process.standardOutput = output
    process.standardInput = input
    try process.run()
  }

  deinit { kill() }

  /// Gives lines to `body` until it says false, or the process ends.
  func lines(_ body: (String) throws -> Bool) throws {
    while true {
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeFirst(end + 1)
        if try !body(line) { return }
      }
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { return }
      rest += more
    }
  }

  /// SIGKILL; returns when the process is gone.
  func kill() {
    guard process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
