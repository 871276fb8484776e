import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { SETUP_DIR } from "@/lib/paths";

/** The browser that setup found or installed. */
function executablePath(): string {
  const file = join(SETUP_DIR, "chromium.json");
  if (!existsSync(file)) return "/usr/bin/chromium";
  const { executablePath: path } = JSON.parse(readFileSync(file, "utf8")) as {
    executablePath: string;
  };
  return path;
}

/** Real model, real database, real browser: one product for all specs, one spec at a time. */
export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "../test-results/e2e",
  globalSetup: "./start-product.ts",
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
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
