import EmbeddedBroker
import Glibc
import Platform

/// A line to the standard output at once; `print` keeps lines back when that is a pipe.
func say(_ what: Any) {
  let line = Array("\(what)\n".utf8)
  _ = write(STDOUT_FILENO, line, line.count)
}

struct MachineClock: WallClock {
  func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}

let trialTopic = TopicSpec(name: "t", partitions: 2, replication: 1, config: ["retention.ms": "-1"])

/// Each append is 3 messages in both partitions, so a torn one can be told.
func trialMessages(_ number: Int) -> [OutgoingMessage] {
  (0..<6).map { index in
    let value = Array("\(number) ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 2000)
    return OutgoingMessage(topic: "t", partition: index % 2, value: value)
  }
}

func appendForever(_ path: String) throws {
  let broker = try EmbeddedBroker(path: path, clock: MachineClock())
  try broker.create([trialTopic])
  for number in 0... {
    let offsets = try broker.append(trialMessages(number))
    say((offsets.last ?? -1) + 1)
  }
}

func hold(_ path: String) throws {
  let broker = try EmbeddedBroker(path: path, clock: MachineClock())
  say("open")
  while getchar() != EOF {}
  broker.close()
}

/// The limit on the size of a file stands for a full device: SQLite gets an error of the same kind from `write`.
func runOutOfRoom(_ path: String, bytes: rlim_t) throws {
  signal(SIGXFSZ, SIG_IGN)
  let broker = try EmbeddedBroker(path: path, clock: MachineClock())
  try broker.create([trialTopic])
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), [rlimit(rlim_cur: bytes, rlim_max: rlim_t.max)])
  var end: Int64 = 0
  var number = 0
  do throws(BrokerError) {
    while true {
      end = (try broker.append(trialMessages(number)).last ?? -1) + 1
      number += 1
    }
  } catch {
    say(error.code == .full ? "full" : "\(error)")
  }
  say(end)
  // What was acknowledged can still be read.
  let reader = try broker.reader(TopicPartition("t", 1), from: 0)
  var count: Int64 = 0
  while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) { count += Int64(block.count) }
  say(count)
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), [rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)])
  say((try broker.append(trialMessages(number)).last ?? -1) + 1)
  broker.close()
}
