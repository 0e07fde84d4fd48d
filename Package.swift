// swift-tools-version: 6.2
import PackageDescription

// Everything that runs per event lives in SSEBombCore, as one module: across a module border the
// optimiser neither specialises generics nor drops exclusivity checks, and the loop would pay for
// both per event. OpenSSL and zlib are linked from their archives, so that the release binary needs
// nothing but libc, libm, libstdc++ and libgcc_s; the order of the three matters to the linker.
let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "ssebomb",
    products: [.executable(name: "ssebomb", targets: ["ssebomb"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Scenario files; brings toml++, so a little C++.
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        // Test oracle only: an independent reader of the histogram layout.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .target(
            name: "CSupport",
            path: "CSupport",
            publicHeadersPath: "include",
            cSettings: [.define("_GNU_SOURCE")],
            linkerSettings: [
                .linkedLibrary(":libssl.a"),
                .linkedLibrary(":libcrypto.a"),
                .linkedLibrary(":libz.a"),
            ]
        ),
        .target(name: "SSEBombCore", dependencies: ["CSupport"], swiftSettings: swiftSettings),
        .target(
            name: "SSEBombReport",
            dependencies: ["SSEBombCore"],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "ssebomb",
            dependencies: [
                "SSEBombCore", "SSEBombReport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                "TOMLKit",
            ],
            swiftSettings: swiftSettings
        ),
        // Not a test target: it takes minutes even when optimised.
        .executableTarget(
            name: "CompareSimulation",
            dependencies: ["SSEBombCore", "SSEBombReport"],
            path: "Tests/CompareSimulation",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SSEBombCoreTests",
            dependencies: [
                "SSEBombCore", "CSupport",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SSEBombReportTests",
            dependencies: ["SSEBombReport", "SSEBombCore"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["ssebomb"],
            swiftSettings: swiftSettings
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
