import Glibc
import Testing

@testable import tributary

@Suite struct TextOutputTests {
  @Test func aReaderThatGoesAwayIsNoFailure() {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let output = TextOutput(ends[1], environment: [:])
    output.write("heard")
    close(ends[0])
    output.write(String(repeating: "unheard ", count: 100_000))
    output.write("more")
    close(ends[1])
    #expect(output.failure == 0)
    #expect(output.hasText)
  }

  @Test func aFullDeviceIs() {
    let descriptor = open("/dev/full", O_WRONLY)
    defer { close(descriptor) }
    let output = TextOutput(descriptor, environment: [:])
    output.write("x")
    #expect(output.failure == ENOSPC)
  }

  @Test func theMachineAnswers() {
    #expect(Machine.processors() >= 1)
    #expect((Machine.peakMemory() ?? 0) > 1 << 20)
    #expect(Machine.processorSeconds() > 0)
    #expect(Machine.currentDirectory().hasPrefix("/"))
    #expect(Machine.environment()["PATH"] != nil)
  }
}
