import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchOptions } from "@playwright/test";
import { SETUP_DIR } from "@/lib/paths.mjs";

/** The browser that setup found or installed. */
function findBrowser(): string {
  const file = join(SETUP_DIR, "chromium.json");
  if (!existsSync(file)) return "/usr/bin/chromium";
  const { executablePath } = JSON.parse(readFileSync(file, "utf8")) as { executablePath: string };
  return executablePath;
}

/** How specs and screenshots start Chromium: it asks the network for nothing of its own. */
export const buildLaunchOptions = (): LaunchOptions => ({
  executablePath: findBrowser(),
  args: [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
  ],
});
