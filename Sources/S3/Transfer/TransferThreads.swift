internal import Glibc

/// A bounded set of threads that carry out transfers in the background; started as needed, ended with the object.
///
/// Jobs run in the order they were given and never wait for other jobs, so a bounded number of threads cannot deadlock.
/// Not Swift's cooperative pool: its threads must not block.
final class TransferThreads: Sendable {
  private let queue: Queue

  init(threadsMax: Int) { queue = Queue(threadsMax: max(1, threadsMax)) }

  deinit { queue.stop() }

  func run(_ job: @escaping @Sendable () -> Void) { queue.add(job) }

  private final class Queue: @unchecked Sendable {
    // Sendable: all that changes is touched under the monitor only.
    private let monitor = Monitor()
    private let threadsMax: Int
    private var jobs: [@Sendable () -> Void] = []
    private var threads = 0
    private var idle = 0
    private var isStopped = false

    init(threadsMax: Int) { self.threadsMax = threadsMax }

    func add(_ job: @escaping @Sendable () -> Void) {
      let needsThread = monitor.locked {
        jobs.append(job)
        monitor.broadcast()
        guard jobs.count > idle, threads < threadsMax else { return false }
        threads += 1
        return true
      }
      guard needsThread, !start() else { return }
      let isFirst = monitor.locked {
        threads -= 1
        return threads == 0
      }
      // No thread can be had at all: the caller does the work.
      if isFirst { drain() }
    }

    /// Waiting jobs are still carried out, so that whoever waits for them is not left waiting.
    func stop() {
      monitor.locked {
        isStopped = true
        monitor.broadcast()
      }
    }

    private func start() -> Bool {
      let context = Unmanaged.passRetained(self)
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { context in
          guard let context else { return nil }
          Unmanaged<Queue>.fromOpaque(context).takeRetainedValue().work()
          return nil
        }, context.toOpaque())
      guard code == 0 else {
        context.release()
        return false
      }
      pthread_detach(thread)
      return true
    }

    private func work() {
      while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
      monitor.locked {
        idle += 1
        while jobs.isEmpty, !isStopped { monitor.wait() }
        idle -= 1
        if jobs.isEmpty {
          threads -= 1
          return nil
        }
        return jobs.removeFirst()
      }
    }

    private func drain() {
      while let job = monitor.locked({ jobs.isEmpty ? nil : jobs.removeFirst() }) { job() }
    }
  }
}
