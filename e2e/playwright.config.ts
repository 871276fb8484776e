import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import type { Product } from "./support/product";
import { SETUP_DIR } from "@/lib/paths.mjs";

/** The browser that setup found or installed. */
function executablePath(): string {
  const file = join(SETUP_DIR, "chromium.json");
  if (!existsSync(file)) return "/usr/bin/chromium";
  const { executablePath: path } = JSON.parse(readFileSync(file, "utf8")) as {
    executablePath: string;
  };
  return path;
}

/** Specs that begin with an empty product; all others begin with the recorded one. */
const FRESH = ["training.spec.ts", "leaderboard.spec.ts"];

/** Real model, real database, real browser: one spec at a time. No spec needs another to have run before it. */
export default defineConfig<{ product: Product }>({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "../test-results/e2e",
  globalSetup: "./support/start-products.ts",
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  projects: [
    { name: "recorded", testIgnore: FRESH, use: { product: "recorded" } },
    { name: "fresh", testMatch: FRESH, use: { product: "fresh" } },
  ],
  reporter: [["list"], ["json", { outputFile: "../test-results/playwright.json" }]],
  use: {
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: executablePath(),
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
      ],
    },
  },
});
