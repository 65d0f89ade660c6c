// swift-tools-version: 6.1
import PackageDescription

// The module graph is the architecture: inner targets know nothing of outer ones, only edge
// targets import a C library, and nothing but the executable puts concrete parts together.

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// For targets with hot loops over class-owned buffers: the run-time half of the exclusivity checks costs a sixth of
/// the batch job there. The compile-time half stays on, and each of these classes is used by one thread at a time.
let hot: [SwiftSetting] =
  strict + [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
  ]

func module(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], fixtures: Bool = false) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: fixtures ? [.copy("Fixtures")] : [],
    swiftSettings: strict)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
  name: "tributary",
  products: [.executable(name: "tributary", targets: ["tributary"])],
  targets: [
    // C libraries, all from Debian packages.
    library("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    library("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    library("CISAL", pkgConfig: "libisal", apt: "libisal-dev"),
    library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
    library("CSnappy", pkgConfig: "snappy", apt: "libsnappy-dev"),
    library("CRDKafka", pkgConfig: "rdkafka", apt: "librdkafka-dev"),
    library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    library("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),

    // Settings of the C library's allocator.
    .systemLibrary(name: "CMalloc"),
    // Vector instructions and C++ that Swift cannot call.
    .target(name: "CScan", cSettings: [.unsafeFlags(["-O2"])]),
    .target(
      name: "CSimdJSON",
      cxxSettings: [.unsafeFlags(["-O2", "-std=c++17"])],
      linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]),

    // The functional core.
    module("Columns", ["CScan"], settings: hot),
    module("Definition", ["Columns", "CYAML"]),
    module("Pipeline", ["Columns", "Definition", "CScan"], settings: hot),

    // The edge.
    module("Threads", []),
    module("Digests", ["CCrypto"]),
    module("Platform", []),
    module(
      "Formats", ["Columns", "Definition", "CScan", "CSimdJSON", "CISAL", "CZstd", "CSnappy"], settings: hot),
    module("LocalStore", ["Platform", "Digests"]),
    module("S3", ["Platform", "Digests", "Notifications", "Threads", "CCurl", "CCrypto"]),
    module("KafkaBroker", ["Platform", "Threads", "CRDKafka"]),
    module("LogBroker", ["Platform", "Threads"]),
    module("EmbeddedBroker", ["Platform", "LogBroker", "Threads", "CSQLite"]),
    module("Notifications", []),
    module("Monitor", ["Threads", "CMicroHTTPD"]),

    // What a running worker tells of itself; nothing below these.
    module("Metrics", []),
    module("Logging", []),
    module("Status", []),
    module(
      "Worker",
      [
        "Columns", "Definition", "Pipeline", "Platform", "Formats", "Digests", "Notifications", "Metrics", "Logging",
        "Status", "Threads",
      ], settings: hot),
    module("Console", ["Columns", "Definition", "Pipeline", "Status", "Worker"]),
    .executableTarget(
      name: "tributary",
      dependencies: [
        "Console", "Definition", "Digests", "Pipeline", "Platform", "LocalStore", "S3", "KafkaBroker",
        "EmbeddedBroker", "Monitor", "Metrics", "Logging", "Status", "Threads", "Worker", "CMalloc",
      ],
      swiftSettings: strict),

    // What tests share: seeded numbers, stores in memory.
    .target(name: "TestKit", dependencies: ["Platform", "LogBroker"], path: "Tests/TestKit", swiftSettings: strict),

    // Damaged input for all readers, for a bounded time: `make fuzz`.
    .executableTarget(
      name: "tributary-fuzz",
      dependencies: ["Columns", "Definition", "Formats", "Notifications", "Pipeline", "Platform", "TestKit"],
      path: "Tests/Fuzz",
      swiftSettings: strict),

    // The streaming worker in worlds made of chance: `make simulate`.
    .target(
      name: "Simulation",
      dependencies: [
        "Columns", "Definition", "Digests", "Logging", "Notifications", "Pipeline", "Platform", "TestKit", "Worker",
      ],
      path: "Tests/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "tributary-simulate", dependencies: ["Simulation", "TestKit"], path: "Tests/Simulate",
      swiftSettings: strict),

    // Each stage alone, beside its limit: `make microbench`.
    .target(
      name: "Yardsticks", path: "bench/Yardsticks",
      cxxSettings: [.unsafeFlags(["-O2", "-std=c++17"])],
      linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]),
    .executableTarget(
      name: "tributary-microbench",
      dependencies: ["CISAL", "CZstd", "Columns", "Console", "Definition", "Formats", "Pipeline", "Yardsticks"],
      path: "bench/Microbench",
      swiftSettings: strict),

    // A process with an embedded broker, to be killed and to run out of room.
    .executableTarget(
      name: "broker-trial", dependencies: ["EmbeddedBroker", "Platform"], path: "Tests/BrokerTrial",
      swiftSettings: strict),

    tests("ColumnsTests", ["Columns", "Formats", "TestKit"], fixtures: true),
    tests("DefinitionTests", ["Definition", "Columns"]),
    tests("PipelineTests", ["CScan", "Pipeline", "Definition", "Columns", "Formats", "Platform", "TestKit", "Worker"]),
    tests("FormatsTests", ["CScan", "Formats", "Pipeline", "Definition", "Columns", "TestKit"], fixtures: true),
    tests("DigestsTests", ["Digests"]),
    tests("ThreadsTests", ["Threads"]),
    tests("ConsoleTests", ["Console", "Status", "Worker", "Pipeline", "Definition", "TestKit"]),
    tests("TributaryTests", ["tributary", "Definition", "Platform", "LocalStore", "TestKit", "Worker"]),
    tests("StoreTests", ["LocalStore", "S3", "Platform", "Digests", "Notifications", "TestKit"], fixtures: true),
    tests(
      "BrokerTests",
      [
        "Columns", "CRDKafka", "EmbeddedBroker", "LogBroker", "KafkaBroker", "Platform", "TestKit", "Threads",
        "broker-trial",
      ]),
    tests("NotificationTests", ["Notifications", "TestKit"], fixtures: true),
    tests("MonitorTests", ["Monitor", "TestKit"]),
    tests("SimulationTests", ["Simulation"]),
    tests("TelemetryTests", ["Metrics", "Logging", "Status"], fixtures: true),
    tests(
      "WorkerTests",
      [
        "Worker", "Pipeline", "Definition", "Columns", "Digests", "Formats", "Notifications", "Platform", "TestKit",
      ]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
