import Foundation
import Synchronization

/// Runs `body` on `count` threads of their own, released together; gives the results in order.
func onThreads<Value: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Value) -> [Value] {
  let results = Mutex<[Int: Value]>([:])
  let ready = DispatchSemaphore(value: 0)
  let start = DispatchSemaphore(value: 0)
  let group = DispatchGroup()
  for index in 0..<count {
    group.enter()
    Thread {
      ready.signal()
      start.wait()
      let value = body(index)
      results.withLock { $0[index] = value }
      group.leave()
    }.start()
  }
  for _ in 0..<count { ready.wait() }
  for _ in 0..<count { start.signal() }
  group.wait()
  return results.withLock { results in (0..<count).compactMap { results[$0] } }
}

/// Reproducible bytes and choices; the seed goes into the failure message.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: count)
    out.withUnsafeMutableBytes { raw in
      var offset = 0
      while offset < count {
        var word = next()
        withUnsafeBytes(of: &word) { source in
          for index in 0..<min(8, count - offset) { raw[offset + index] = source[index] }
        }
        offset += 8
      }
    }
    return out
  }
}
