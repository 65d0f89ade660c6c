internal import Glibc
internal import Threads

/// The server's connections and how long each may go on as it is.
///
/// ```
///   opened ─▶ reading ─ handling(_:) ─▶ handling ─ answered(_:) ─▶ sending ─ completed(_:) ─▶ reading ─▶ closed
/// ```
/// Called by libmicrohttpd's threads. A socket in the table is open: libmicrohttpd closes it after it has told
/// ``closed(_:)``, so nobody else's descriptor of the same number is ever shut down.
final class ConnectionTable: @unchecked Sendable {
  // Sendable: `connections` and `isStopping` are reached within the lock alone.
  private let lock = ConditionLock()
  private var connections: [OpaquePointer: Connection] = [:]
  private var isStopping = false
  private let allowedMilliseconds: Int64

  private struct Connection {
    var socket: Int32
    var phase: Phase
  }

  private enum Phase {
    case reading(since: Int64)
    case handling(on: pthread_t)
    case sending(since: Int64)
  }

  init(allowedMilliseconds: Int64) { self.allowedMilliseconds = allowedMilliseconds }

  func opened(_ connection: OpaquePointer, socket: Int32) {
    lock.withLock { connections[connection] = Connection(socket: socket, phase: .reading(since: Self.now())) }
  }

  func handling(_ connection: OpaquePointer) {
    lock.withLock { connections[connection]?.phase = .handling(on: pthread_self()) }
  }

  func answered(_ connection: OpaquePointer) {
    lock.withLock { connections[connection]?.phase = .sending(since: Self.now()) }
  }

  func completed(_ connection: OpaquePointer) {
    lock.withLock { connections[connection]?.phase = .reading(since: Self.now()) }
  }

  func closed(_ connection: OpaquePointer) {
    lock.withLock { connections[connection] = nil }
  }

  var count: Int { lock.withLock { connections.count } }

  /// Whether the calling thread is inside a handler.
  var isHandlerThread: Bool {
    lock.withLock {
      connections.values.contains {
        if case .handling(let thread) = $0.phase { pthread_equal(thread, pthread_self()) != 0 } else { false }
      }
    }
  }

  /// Ends connections whose time is up, again and again until ``stop()``: the body of a thread.
  func reap() {
    lock.lock()
    defer { lock.unlock() }
    while !isStopping {
      let now = Self.now()
      for connection in connections.values where isOver(connection.phase, now) {
        // libmicrohttpd's thread sees the end of the stream and closes.
        shutdown(connection.socket, Int32(SHUT_RDWR))
      }
      lock.wait(milliseconds: Int(min(1000, max(10, allowedMilliseconds / 4))))
    }
  }

  /// Waits until no answer is being made or sent; at most so long for sending, as long as it takes for handlers.
  func drain(milliseconds: Int64) {
    lock.lock()
    defer { lock.unlock() }
    let deadline = Self.now() + milliseconds
    while connections.values.contains(where: { isUnderWay($0.phase, beforeDeadline: Self.now() < deadline) }) {
      lock.wait(milliseconds: 50)
    }
  }

  func stop() {
    lock.withLock {
      isStopping = true
      lock.wakeAll()
    }
  }

  private func isUnderWay(_ phase: Phase, beforeDeadline: Bool) -> Bool {
    switch phase {
    case .reading: false
    case .handling: true
    case .sending: beforeDeadline
    }
  }

  private func isOver(_ phase: Phase, _ now: Int64) -> Bool {
    switch phase {
    case .reading(let since), .sending(let since): now - since > allowedMilliseconds
    case .handling: false
    }
  }

  /// Milliseconds of the clock that nobody sets.
  private static func now() -> Int64 { monotonicMicroseconds() / 1000 }
}
