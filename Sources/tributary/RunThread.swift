import Glibc
import Synchronization
import Threads
import Worker

/// A batch run on a thread of its own.
///
/// Sendable: what is not constant lies within the mutex.
final class RunThread: Sendable {
  let run: BatchRun
  private let result = Mutex<Result<BatchOutcome, BatchError>?>(nil)

  init(_ run: BatchRun) { self.run = run }

  /// nil until the run has ended.
  var ended: Result<BatchOutcome, BatchError>? { result.withLock { $0 } }

  /// Starts it; when the run ends, the calling thread's ``SignalSet/wait(milliseconds:)`` is ended. The caller keeps the
  /// main thread alive until then, or ends the process.
  func start() throws(Failure) {
    let caller = pthread_self()
    do {
      try SystemThread { [self] in
        let ended: Result<BatchOutcome, BatchError>
        do throws(BatchError) {
          ended = .success(try run.run())
        } catch {
          ended = .failure(error)
        }
        result.withLock { $0 = ended }
        SignalSet.wake(caller)
      }.detach()
    } catch {
      throw Failure(.failed, error.description)
    }
  }
}
