import CMalloc
import Glibc
import Threads

/// What the program asks of the system it runs on.
enum Machine {
  static func environment() -> [String: String] {
    var variables: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
        variables[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
      }
      next += 1
    }
    return variables
  }

  /// Microseconds since 1970-01-01T00:00:00Z.
  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  /// Seconds on a clock that only goes forward.
  static func monotonicSeconds() -> Double { Double(monotonicMicroseconds()) / 1e6 }

  /// Absolute; "." if the system does not say (a directory that was removed).
  static func currentDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "." }
    defer { free(path) }
    return String(cString: path)
  }

  /// This machine's name in its network.
  static func hostName() -> String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "worker" }
    return bytes.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "worker" }
  }

  /// Memory that this process may use: the machine's, or what its control group allows.
  static func memoryBytes() -> Int {
    let bytes = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
    let allowed = (smallFile("/sys/fs/cgroup/memory.max") ?? "").split { $0 == "\n" }.first.flatMap { Int($0) }
    return min(bytes, allowed ?? .max)
  }

  /// Processors that this process may use: its affinity, and the quota of its control group (containers).
  static func processors() -> Int {
    var count = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    // A mask in hexadecimal, with commas: sched_getaffinity(2) is not visible from Swift.
    if let mask = processStatus("Cpus_allowed") {
      let allowed = mask.compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
      if allowed > 0 { count = min(count, allowed) }
    }
    // "max 100000", or microseconds that may be used of each period of so many.
    let quota = (smallFile("/sys/fs/cgroup/cpu.max") ?? "").split { $0 == " " || $0 == "\n" }.map {
      Double($0)
    }
    if quota.count == 2, let allowed = quota[0], let period = quota[1], allowed > 0, period > 0 {
      count = min(count, Int((allowed / period).rounded(.up).clamped(to: 1...4096)))
    }
    return max(1, count)
  }

  /// The most memory this process has had, in bytes. Not getrusage's, which begins with what the parent had.
  static func peakMemory() -> Int64? {
    processStatus("VmHWM")?.split(separator: " ").first.flatMap { Int64($0) }.map { $0 * 1024 }
  }

  /// Lets all threads allocate from one heap, so that what some of them free while they read serves others that write.
  /// For runs whose threads allocate blocks of many rows, seldom enough not to wait for one another.
  static func shareHeap() { _ = mallopt(M_ARENA_MAX, 1) }

  /// Keeps memory that was let go of for what is wanted next. For runs that take and free blocks of up to some megabytes
  /// all the time, some of them on another thread than took them: the system clears each page that it gives again, and
  /// that was a seventh of a consumer's time. And lets no more heaps be made than keep threads from waiting for one another:
  /// each keeps what its threads have let go of, and there are many more threads than work at a time.
  static func keepHeap() {
    _ = mallopt(M_ARENA_MAX, Int32(clamping: 2 * processors()))
    _ = mallopt(M_MMAP_THRESHOLD, 32 << 20)
    _ = mallopt(M_TRIM_THRESHOLD, 64 << 20)
  }

  /// Seconds of processor time, all threads, user and system.
  static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// A line of the kernel's account of this process (proc(5)), without its name.
  private static func processStatus(_ name: String) -> String? {
    for line in (smallFile("/proc/self/status") ?? "").split(separator: "\n") where line.hasPrefix(name + ":") {
      return String(line.dropFirst(name.count + 1).drop { $0 == "\t" || $0 == " " })
    }
    return nil
  }

  /// The first 16 KiB of a file of the system's own; nil if it cannot be read.
  private static func smallFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = read(descriptor, &bytes, bytes.count)
    return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
