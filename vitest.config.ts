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

/** Tests of what is drawn: they need a window. */
const COMPONENTS = ["app/**/*.component.test.{ts,tsx}"];
/** Tests of pure code, and of pages without a window. */
const PURE = ["{app,contracts,core}/**/*.test.{ts,tsx}"];
/** They replace modules, which other files of the same process would be given too. */
const REPLACING = [
  "app/_lib/hooks/use-params.component.test.tsx",
  "app/_lib/live/page-data.test.ts",
];
const UNIT_EXCLUDE = [...exclude, "**/*.integration.test.ts", "**/*.long.test.ts"];
const UNIT = { testTimeout: MINUTE_MS, maxWorkers: 2 };

const PROJECTS = [
  "unit",
  "unit-pure",
  "unit-components",
  "db",
  "retrieval",
  "engine",
  "long",
] as const;

/** The default of one second is too short on a busy machine; only a test that fails waits so long. */
const EXPECT = { poll: { timeout: 45_000 } };

/**
 * The tests by what they need. `unit` and `db` run several files at once; `retrieval` and `engine` compute with all
 * cores, so their files run one after the other. Files of `unit-pure` and `unit-components` share processes, so that what
 * they import is loaded once and not for each of them.
 */
function defineTestProject(
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

/** Tests that `npm test` leaves to `npm run test:long`, in files of which it runs the others. */
const TAGS = [{ name: "long" }];

export default defineConfig({
  resolve,
  test: {
    tags: TAGS,
    projects: [
      defineTestProject(
        "unit",
        ["{bench,cli,e2e,gpu-workers,lib,scripts,server}/**/*.test.ts", ...REPLACING],
        { ...UNIT, exclude: UNIT_EXCLUDE },
      ),
      defineTestProject("unit-pure", PURE, {
        ...UNIT,
        exclude: [...UNIT_EXCLUDE, ...COMPONENTS, ...REPLACING],
        isolate: false,
      }),
      defineTestProject("unit-components", COMPONENTS, {
        ...UNIT,
        exclude: [...UNIT_EXCLUDE, ...REPLACING],
        isolate: false,
        environment: "jsdom",
        setupFiles: ["app/_testing/clear-page.ts"],
      }),
      defineTestProject("db", DB, { ...onServices, maxWorkers: 2 }),
      defineTestProject("retrieval", RETRIEVAL, {
        testTimeout: onServices.testTimeout,
        hookTimeout: onServices.hookTimeout,
        fileParallelism: false,
      }),
      defineTestProject("engine", ["**/*.integration.test.ts"], {
        ...onServices,
        exclude: [...exclude, ...DB, ...RETRIEVAL],
        fileParallelism: false,
      }),
      defineTestProject("long", ["**/*.long.test.ts"], {
        globalSetup: onServices.globalSetup,
        testTimeout: 30 * MINUTE_MS,
        hookTimeout: 5 * MINUTE_MS,
        fileParallelism: false,
      }),
    ],
  },
});
