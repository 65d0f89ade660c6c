internal import Threads

/// A bounded set of threads that carry out transfers in the background; started as needed, ended with the object.
///
/// Jobs run in the order they were given, end by themselves and never wait for other jobs, so a bounded number of threads cannot
/// deadlock, and where there is none their giver does them.
/// Not Swift's cooperative pool: its threads must not block.
final class TransferThreads: Sendable {
  private let queue: Queue

  init(threadsMax: Int) { queue = Queue(threadsMax: max(1, threadsMax)) }

  deinit { queue.stop() }

  func run(_ job: @escaping @Sendable () -> Void) { queue.add(job) }

  private final class Queue: @unchecked Sendable {
    // Sendable: all that changes is touched within the lock only.
    private let lock = ConditionLock()
    private let threadsMax: Int
    private var jobs: [@Sendable () -> Void] = []
    private var threads = 0
    private var idle = 0
    private var isStopped = false

    init(threadsMax: Int) { self.threadsMax = threadsMax }

    func add(_ job: @escaping @Sendable () -> Void) {
      let needsThread = lock.withLock {
        jobs.append(job)
        lock.wakeAll()
        guard jobs.count > idle, threads < threadsMax else { return false }
        threads += 1
        return true
      }
      guard needsThread, !start() else { return }
      let isFirst = lock.withLock {
        threads -= 1
        return threads == 0
      }
      // No thread can be had at all: the caller does the work.
      if isFirst { drain() }
    }

    /// Waiting jobs are still carried out, so that whoever waits for them is not left waiting.
    func stop() {
      lock.withLock {
        isStopped = true
        lock.wakeAll()
      }
    }

    private func start() -> Bool {
      guard let thread = SystemThread.ifAny({ [self] in work() }) else { return false }
      thread.detach()
      return true
    }

    private func work() {
      while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
      lock.withLock {
        idle += 1
        while jobs.isEmpty, !isStopped { lock.wait() }
        idle -= 1
        if jobs.isEmpty {
          threads -= 1
          return nil
        }
        return jobs.removeFirst()
      }
    }

    private func drain() {
      while let job = lock.withLock({ jobs.isEmpty ? nil : jobs.removeFirst() }) { job() }
    }
  }
}
