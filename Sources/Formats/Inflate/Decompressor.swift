internal import CISAL
internal import CZstd

/// Undoes an object's compression, told by its first bytes: gzip (many members), zstd (many frames), or none.
///
/// A push parser over caller-owned memory: no allocation after the codec is known. One thread at a time.
/// gzip: RFC 1952, checked against each member's CRC-32 and length, by ISA-L. Zero bytes behind the last member are
/// padding; anything else there is an error, as is an end within a member.
public final class Decompressor: @unchecked Sendable {
  public enum Codec: Sendable { case none, gzip, zstd }

  /// nil until enough bytes were seen.
  public private(set) var codec: Codec?
  /// The first bytes, held back until the codec is known; at most four.
  private let head = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 8)
  private var headCount = 0
  private var headUsed = 0
  private var inflate: UnsafeMutablePointer<inflate_state>?
  private var gzipHeader: UnsafeMutablePointer<isal_gzip_header>?
  private var zstd: OpaquePointer?
  /// Within a member or frame.
  private var isOpen = false
  /// Within a gzip member's header.
  private var inHeader = false
  private var sawMember = false
  private var padding = false

  public init() {}

  deinit {
    head.deallocate()
    inflate?.deallocate()
    gzipHeader?.deallocate()
    if let zstd { ZSTD_freeDStream(zstd) }
  }

  /// Compressed data that is not what it says it is.
  public struct DecompressionError: Error, Sendable, CustomStringConvertible {
    public var message: String
    public var description: String { message }
  }

  /// Takes bytes from `input` behind `used` and writes to `output` behind `written`; returns when one of them is used
  /// up. Call again with the same input while `used < input.count` or the output was filled.
  public func run(
    _ input: UnsafeRawBufferPointer, used: inout Int, _ output: UnsafeMutableRawBufferPointer,
    written: inout Int
  ) throws(DecompressionError) {
    if codec == nil {
      while headCount < 4 && used < input.count {
        head[headCount] = input[used]
        headCount += 1
        used += 1
      }
      if headCount < 4 { return }
      try open()
    }
    if headUsed < headCount {
      try step(heldBack, used: &headUsed, output, written: &written)
      if headUsed < headCount { return }
    }
    try step(input, used: &used, output, written: &written)
  }

  /// Says that the input has ended; writes what is left. Call until it returns true. Throws if the compressed data
  /// ended in the middle.
  public func finish(_ output: UnsafeMutableRawBufferPointer, written: inout Int) throws(DecompressionError)
    -> Bool
  {
    if codec == nil {
      // Two bytes of gzip's four are a truncated object, no text.
      if headCount >= 2 { try open() } else { codec = Codec.none }
    }
    if headUsed < headCount || isOpen {
      let before = written
      try step(heldBack, used: &headUsed, output, written: &written)
      if written > before || headUsed < headCount { return false }
    }
    if isOpen {
      throw DecompressionError(
        message: "the \(codec == .gzip ? "gzip" : "zstd") data ends in the middle; the object is truncated")
    }
    return true
  }

  private var heldBack: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: head[..<headCount]) }

  private func open() throws(DecompressionError) {
    let head = heldBack
    if head[0] == 0x1f && head[1] == 0x8b {
      codec = .gzip
      let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
      isal_inflate_init(state)
      inflate = state
      gzipHeader = .allocate(capacity: 1)
    } else if head.elementsEqual([0x28, 0xb5, 0x2f, 0xfd])
      || (head[0] & 0xf0 == 0x50 && head[1...].elementsEqual([0x2a, 0x4d, 0x18]))
    {
      codec = .zstd
      guard let stream = ZSTD_createDStream() else {
        throw DecompressionError(message: "no memory for zstd")
      }
      zstd = stream
    } else {
      codec = Codec.none
    }
  }

  private func step(
    _ input: UnsafeRawBufferPointer, used: inout Int, _ output: UnsafeMutableRawBufferPointer,
    written: inout Int
  ) throws(DecompressionError) {
    switch codec {
    case .gzip: try stepGzip(input, used: &used, output, written: &written)
    case .zstd: try stepZstd(input, used: &used, output, written: &written)
    default:
      let count = min(input.count - used, output.count - written)
      if count > 0, let from = input.baseAddress, let to = output.baseAddress {
        (to + written).copyMemory(from: from + used, byteCount: count)
        used += count
        written += count
      }
    }
  }

  private func stepGzip(
    _ input: UnsafeRawBufferPointer, used: inout Int, _ output: UnsafeMutableRawBufferPointer,
    written: inout Int
  ) throws(DecompressionError) {
    guard let state = inflate, let header = gzipHeader, let to = output.baseAddress else { return }
    while true {
      if !isOpen {
        // Between members: the next one, or zero padding to the end.
        while used < input.count && sawMember && (padding || input[used] == 0) && input[used] == 0 {
          padding = true
          used += 1
        }
        if used >= input.count { return }
        if padding || (sawMember && input[used] != 0x1f) {
          throw DecompressionError(message: "there are bytes behind the end of the gzip data")
        }
        isal_inflate_reset(state)
        isal_gzip_header_init(header)
        state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
        isOpen = true
        inHeader = true
      }
      let available = input.count - used
      let room = output.count - written
      // ISA-L does not write through next_in.
      state.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: used))
      state.pointee.avail_in = UInt32(min(available, Int(UInt32.max)))
      if inHeader {
        // Read by itself: `isal_inflate` forgets the header's flags and checksum when the input ends within it.
        let result = isal_read_gzip_header(state, header)
        used += available - Int(state.pointee.avail_in)
        if result == ISAL_END_INPUT { return }
        guard result == ISAL_DECOMP_OK else {
          throw DecompressionError(message: Decompressor.message(result))
        }
        inHeader = false
        continue
      }
      state.pointee.next_out = (to + written).assumingMemoryBound(to: UInt8.self)
      state.pointee.avail_out = UInt32(min(room, Int(UInt32.max)))
      let result = isal_inflate(state)
      used += available - Int(state.pointee.avail_in)
      written += room - Int(state.pointee.avail_out)
      if result != ISAL_DECOMP_OK && result != ISAL_END_INPUT && result != ISAL_OUT_OVERFLOW {
        throw DecompressionError(message: Decompressor.message(result))
      }
      if state.pointee.block_state == ISAL_BLOCK_FINISH {
        isOpen = false
        sawMember = true
        continue
      }
      if written == output.count || used == input.count { return }
    }
  }

  private static func message(_ result: Int32) -> String {
    switch result {
    case ISAL_INCORRECT_CHECKSUM: "the gzip data does not match its checksum; the object is corrupt"
    case ISAL_INVALID_WRAPPER, ISAL_UNSUPPORTED_METHOD: "there is a broken gzip header"
    default: "the gzip data is corrupt (ISA-L code \(result))"
    }
  }

  private func stepZstd(
    _ input: UnsafeRawBufferPointer, used: inout Int, _ output: UnsafeMutableRawBufferPointer,
    written: inout Int
  ) throws(DecompressionError) {
    guard let zstd else { return }
    while true {
      var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: used)
      var to = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: written)
      if used == input.count && !isOpen { return }
      let result = ZSTD_decompressStream(zstd, &to, &from)
      if ZSTD_isError(result) != 0 {
        throw DecompressionError(
          message: "the zstd data is corrupt: \(String(cString: ZSTD_getErrorName(result)))")
      }
      let moved = from.pos > used || to.pos > written
      used = from.pos
      written = to.pos
      isOpen = result != 0
      if written == output.count || used == input.count || !moved { return }
    }
  }
}
