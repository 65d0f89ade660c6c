internal import Glibc
internal import Synchronization

/// The system gives no thread.
public struct ThreadError: Error, Sendable, CustomStringConvertible {
  /// Of errno(3).
  public let code: Int32

  /// What the user can do.
  public static let hint =
    "raise the limit of tasks (ulimit -u, or pids of the container) or of memory, or give fewer --threads"

  /// What there is to say where nobody has kept it.
  public static let tooMany = ThreadError(code: EAGAIN)

  public var description: String {
    "the system gives no thread (\(String(cString: strerror(code)))); \(ThreadError.hint)"
  }
}

/// A thread of the operating system that is joined or let go of (``detach()``), with a stack for deep parsers.
///
/// How many there may be is limited in containers and by users, so nobody counts on getting one.
public final class SystemThread: @unchecked Sendable {
  // Sendable: all are set once, or atomic.
  private let handle: pthread_t
  private let end: End
  /// Somebody has joined it or let it go.
  private let isTaken = Atomic(false)

  private final class End: @unchecked Sendable {
    // Sendable: only touched within the lock.
    let lock = ConditionLock()
    var hasCome = false
  }

  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  private static let stackBytes = 8 << 20

  /// Starts at once.
  public init(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
    let end = End()
    let work = Unmanaged.passRetained(
      Body {
        body()
        end.lock.withLock {
          end.hasCome = true
          end.lock.wakeAll()
        }
      })
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, SystemThread.stackBytes)
    var handle = pthread_t()
    let code = pthread_create(
      &handle, &attributes,
      { work in
        if let work { Unmanaged<Body>.fromOpaque(work).takeRetainedValue().run() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw ThreadError(code: code)
    }
    self.handle = handle
    self.end = end
  }

  /// For work that can be done without: nil if the system gives none.
  public static func ifAny(_ body: @escaping @Sendable () -> Void) -> SystemThread? { try? SystemThread(body) }

  deinit { detach() }

  /// Waits until it has ended.
  public func join() {
    if !isTaken.exchange(true, ordering: .relaxed) { pthread_join(handle, nil) }
  }

  /// The same, but at most so long; false if it is still running then.
  public func join(milliseconds: Int) -> Bool {
    let deadline = monotonicMicroseconds() + Int64(milliseconds) * 1000
    let hasEnded = end.lock.withLock {
      while !end.hasCome && monotonicMicroseconds() < deadline { end.lock.wait(until: deadline) }
      return end.hasCome
    }
    if hasEnded { join() }
    return hasEnded
  }

  /// Nobody joins it.
  public func detach() {
    if !isTaken.exchange(true, ordering: .relaxed) { pthread_detach(handle) }
  }
}
