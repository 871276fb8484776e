import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const resolve = {
  alias: { "@": fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "") },
};
const exclude = [...configDefaults.exclude, ".next/**", ".data*/**", ".setup/**", ".venv/**"];
const MINUTE_MS = 60_000;

/** Integration tests that need a database but neither a model nor an index. */
const DB = [
  "server/**/*.integration.test.ts",
  "cli/**/*.integration.test.ts",
  "e2e/recording/*.integration.test.ts",
];
/** Integration tests of corpora, encoders and indexes: ONNX Runtime and FAISS, no model that writes. */
const RETRIEVAL = [
  "gpu-workers/retrieval/**/*.integration.test.ts",
  "gpu-workers/corpora/**/*.integration.test.ts",
];

const PROJECTS = ["unit", "db", "retrieval", "engine", "long"] as const;

/** The default of one second is too short on a busy machine; only a test that fails waits so long. */
const EXPECT = { poll: { timeout: 45_000 } };

/**
 * The tests by what they need. `unit` and `db` run several files at once; `retrieval` and `engine` compute with all
 * cores, so their files run one after the other.
 */
function project(
  name: (typeof PROJECTS)[number],
  include: string[],
  test: TestProjectInlineConfiguration["test"],
): TestProjectInlineConfiguration {
  // One after the other where several are named at once.
  const sequence = { groupOrder: PROJECTS.indexOf(name) };
  return { resolve, test: { name, include, exclude, sequence, expect: EXPECT, ...test } };
}

const onServices = {
  globalSetup: ["server/testing/global-setup.ts"],
  testTimeout: 2 * MINUTE_MS,
  hookTimeout: 2 * MINUTE_MS,
};

export default defineConfig({
  resolve,
  test: {
    projects: [
      project("unit", ["**/*.test.{ts,tsx}"], {
        exclude: [...exclude, "**/*.integration.test.ts", "**/*.long.test.ts"],
        testTimeout: MINUTE_MS,
        maxWorkers: 2,
      }),
      project("db", DB, { ...onServices, maxWorkers: 2 }),
      project("retrieval", RETRIEVAL, {
        testTimeout: onServices.testTimeout,
        hookTimeout: onServices.hookTimeout,
        fileParallelism: false,
      }),
      project("engine", ["**/*.integration.test.ts"], {
        ...onServices,
        exclude: [...exclude, ...DB, ...RETRIEVAL],
        fileParallelism: false,
      }),
      project("long", ["**/*.long.test.ts"], {
        globalSetup: onServices.globalSetup,
        testTimeout: 30 * MINUTE_MS,
        hookTimeout: 5 * MINUTE_MS,
        fileParallelism: false,
      }),
    ],
  },
});
