internal import CScan

/// Copies the values of a column that are not null, one behind the other.
public enum Compaction {
  /// Values that may be written behind the last one.
  public static let room = 8

  /// Gives how many they are; `target` has ``room`` for more.
  @inlinable @inline(__always)
  public static func copy<T: BitwiseCopyable>(
    _ values: UnsafePointer<T>, _ validity: UnsafePointer<UInt8>, _ rows: Int, to target: UnsafeMutablePointer<T>
  ) -> Int {
    if MemoryLayout<T>.stride == MemoryLayout<UInt64>.stride {
      // Only moved, as plain bits of the same size; nobody looks at them through the other type meanwhile.
      let copied = words(
        UnsafeRawPointer(values).assumingMemoryBound(to: UInt64.self), validity, rows,
        to: UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt64.self))
      if let copied { return copied }
    }
    return copyOneByOne(values, validity, rows, to: target)
  }

  /// Nulls' values, too, and the next one over them: without a branch that depends on a row.
  @inlinable @inline(__always)
  public static func copyOneByOne<T: BitwiseCopyable>(
    _ values: UnsafePointer<T>, _ validity: UnsafePointer<UInt8>, _ rows: Int, to target: UnsafeMutablePointer<T>
  ) -> Int {
    var count = 0
    for row in 0..<rows {
      target[count] = values[row]
      count &+= Int(validity[row])
    }
    return count
  }

  /// Eight at a time, where the processor can.
  @usableFromInline
  static func words(
    _ values: UnsafePointer<UInt64>, _ validity: UnsafePointer<UInt8>, _ rows: Int,
    to target: UnsafeMutablePointer<UInt64>
  ) -> Int? {
    guard CastLoop.isWide else { return nil }
    return Int(cscan_compact_words(values, validity, rows, target))
  }
}
