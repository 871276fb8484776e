import { defineConfig } from "@playwright/test";
import { buildLaunchOptions } from "./support/browser";
import type { Product } from "./support/product";

/** Specs whose every test begins with an empty product of its own; all others share the recorded one. */
const FRESH = [
  "empty-pages.spec.ts",
  "training.spec.ts",
  "leaderboard.spec.ts",
  "upstream-training.spec.ts",
];

/** Real model, real database, real browser: one spec at a time. No spec needs another to have run before it. */
export default defineConfig<object, { product: Product }>({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "../test-results/e2e",
  workers: 1,
  fullyParallel: false,
  // Tests of the tag @long belong to `npm run test:long`, those of @looks also, where they look more often.
  ...(process.env.S3_E2E_LONG ? { grep: /@long|@looks/ } : { grepInvert: /@long/ }),
  // What passes only when repeated is named in the summary of `npm test`.
  retries: 1,
  // Beside checks and unit tests on two cores a page takes several times as long as alone.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  projects: [
    { name: "recorded", testIgnore: FRESH, use: { product: "recorded" } },
    { name: "fresh", testMatch: FRESH, use: { product: "fresh" } },
  ],
  reporter: [["list"], ["json", { outputFile: "../test-results/playwright.json" }]],
  use: {
    viewport: { width: 1440, height: 900 },
    // A trace costs a good part of a spec's time: S3_E2E_TRACE=1 keeps those of specs that fail.
    trace: process.env.S3_E2E_TRACE ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    launchOptions: buildLaunchOptions(),
  },
});
