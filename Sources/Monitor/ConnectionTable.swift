internal import Glibc

/// The server's connections and how long each may go on as it is.
///
/// ```
///   opened ─▶ reading ─ handling(_:) ─▶ handling ─ answered(_:) ─▶ sending ─ completed(_:) ─▶ reading ─▶ closed
/// ```
/// Called by libmicrohttpd's threads. A socket in the table is open: libmicrohttpd closes it after it has told
/// ``closed(_:)``, so nobody else's descriptor of the same number is ever shut down.
final class ConnectionTable: @unchecked Sendable {
  // Sendable: `connections` and `isStopping` are reached within the lock alone; the pthread objects live at fixed
  // addresses from init to deinit.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let stopping: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
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

  init(allowedMilliseconds: Int64) {
    self.allowedMilliseconds = allowedMilliseconds
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    precondition(pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(stopping, &attributes) == 0)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(stopping)
    pthread_mutex_destroy(mutex)
    stopping.deallocate()
    mutex.deallocate()
  }

  func opened(_ connection: OpaquePointer, socket: Int32) {
    locked { connections[connection] = Connection(socket: socket, phase: .reading(since: Self.now())) }
  }

  func handling(_ connection: OpaquePointer) {
    locked { connections[connection]?.phase = .handling(on: pthread_self()) }
  }

  func answered(_ connection: OpaquePointer) {
    locked { connections[connection]?.phase = .sending(since: Self.now()) }
  }

  func completed(_ connection: OpaquePointer) {
    locked { connections[connection]?.phase = .reading(since: Self.now()) }
  }

  func closed(_ connection: OpaquePointer) {
    locked { connections[connection] = nil }
  }

  var count: Int { locked { connections.count } }

  /// Whether the calling thread is inside a handler.
  var isHandlerThread: Bool {
    locked {
      connections.values.contains {
        if case .handling(let thread) = $0.phase { pthread_equal(thread, pthread_self()) != 0 } else { false }
      }
    }
  }

  /// Ends connections whose time is up, again and again until ``stop()``: the body of a thread.
  func reap() {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !isStopping {
      let now = Self.now()
      for connection in connections.values where isOver(connection.phase, now) {
        // libmicrohttpd's thread sees the end of the stream and closes.
        shutdown(connection.socket, Int32(SHUT_RDWR))
      }
      wait(milliseconds: min(1000, max(10, allowedMilliseconds / 4)))
    }
  }

  /// Waits until no answer is being made or sent; at most so long for sending, as long as it takes for handlers.
  func drain(milliseconds: Int64) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let deadline = Self.now() + milliseconds
    while connections.values.contains(where: { isUnderWay($0.phase, beforeDeadline: Self.now() < deadline) }) {
      wait(milliseconds: 50)
    }
  }

  func stop() {
    locked {
      isStopping = true
      pthread_cond_broadcast(stopping)
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

  private func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Within the lock.
  private func wait(milliseconds: Int64) {
    let wake = Self.now() + milliseconds
    var time = timespec(tv_sec: Int(wake / 1000), tv_nsec: Int(wake % 1000) * 1_000_000)
    pthread_cond_timedwait(stopping, mutex, &time)
  }

  /// Milliseconds of the clock that nobody sets.
  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
