import EmbeddedBroker
import Glibc
import Platform

// A process of its own for the embedded broker: to be killed, to be refused, to run out of room; and to be measured.
//
//   broker-trial append FILE        appends until it is killed; prints the end after each append that was acknowledged
//   broker-trial hold FILE          opens the file, says "open", and waits for its standard input to end
//   broker-trial full FILE BYTES    appends until no file may be larger than BYTES, then may again; says what happened
//   broker-trial measure FILE       prints throughput

do {
  let arguments = CommandLine.arguments
  switch (arguments.dropFirst().first, arguments.count) {
  case ("append", 3): try appendForever(arguments[2])
  case ("hold", 3): try hold(arguments[2])
  case ("full", 4): try runOutOfRoom(arguments[2], bytes: rlim_t(arguments[3]) ?? 0)
  case ("measure", 3): try Measurement.run(arguments[2])
  default:
    say("usage: broker-trial append|hold|measure FILE, broker-trial full FILE BYTES")
    exit(2)
  }
} catch {
  say(error)
  exit(1)
}
