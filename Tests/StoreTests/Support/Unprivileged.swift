import Foundation
import Glibc

/// Runs `body` on a thread that the file system takes for nobody's, so that permissions hold although the tests may run as
/// root. Linux keeps the file system's user id per thread (setfsuid(2)), and drops root's capabilities with it.
func withoutPrivileges<Value: Sendable>(_ body: @escaping @Sendable () -> Value) throws -> Value {
  typealias SetUser = @convention(c) (uid_t) -> Int32
  guard let symbol = dlsym(nil, "setfsuid") else { throw SeaweedServer.Unusable(description: "no setfsuid") }
  let setUser = unsafeBitCast(symbol, to: SetUser.self)
  let values = onThreads(1) { _ in
    if getuid() == 0 { _ = setUser(65_534) }
    return body()
  }
  return values[0]
}
