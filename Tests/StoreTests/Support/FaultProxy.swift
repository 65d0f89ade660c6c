import Foundation
import TestKit

/// Tests/system/fault_proxy.py before a server on this machine.
final class FaultProxy {
  let port: Int
  private let process: LeashedProcess

  init(upstream: Int, seed: Int, faults: String, stallSeconds: Int = 10, retryAfter: Int? = nil) throws {
    let script = LeashedProcess.root.appending(path: "Tests/system/fault_proxy.py").path
    process = try LeashedProcess(
      [
        "python3", script, "--upstream", String(upstream), "--seed", String(seed), "--faults", faults,
        "--stall-seconds", String(stallSeconds),
      ] + (retryAfter.map { ["--retry-after", String($0)] } ?? []))
    let line = process.readLine()
    guard let port = line.split(separator: " ").last.flatMap({ Int($0) }) else {
      throw SeaweedServer.Unusable(description: "the fault proxy did not start: '\(line)'")
    }
    self.port = port
  }

  deinit { process.stop() }
}
