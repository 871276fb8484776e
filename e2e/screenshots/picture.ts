import { setTimeout as sleep } from "node:timers/promises";
import type { BrowserContext, Page, Request } from "@playwright/test";
import { findAccessibilityFaults, measureOverflow } from "../support/product";

/** A page that is not quiet by then has a fault: something on it loads for ever. */
const QUIET_TIMEOUT_MS = 60_000;
/** For how long nothing must load, so that what the first answers ask for has been asked. */
const REST_MS = 500;
/** Of a long list its rows far below are no news, and they are not drawn until someone scrolls there. */
const MOST_PIXELS = 12_000;

export interface Picture {
  /** Address of the page. */
  url: string;
  /** Where the PNG is written. */
  file: string;
  /** The page says that something does not exist, which the browser logs as an error. */
  isMissing: boolean;
  /** Whether axe looks at it too: a second a page, and the language changes nothing that it sees. */
  isChecked: boolean;
}

/**
 * Opens a page, waits until it is quiet and saves a picture of all of it.
 *
 * @returns what is wrong with the page; empty: nothing
 */
export async function takePicture(context: BrowserContext, picture: Picture): Promise<string[]> {
  const page = await context.newPage();
  const faults: string[] = [];
  const pending = watchRequests(page);
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (picture.isMissing && message.text().startsWith("Failed to load resource")) return;
    faults.push(`logged: ${message.text()}`);
  });
  try {
    await page.goto(picture.url);
    await waitQuiet(page, pending);
    // Charts are drawn when they are in sight, and all of them before a print.
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    await waitQuiet(page, pending);
    const overflow = await measureOverflow(page);
    if (overflow > 0) faults.push(`${overflow} pixels wider than the window`);
    const { width, height } = await page.evaluate(() => ({
      width: window.innerWidth,
      height: document.documentElement.scrollHeight,
    }));
    await page.screenshot({
      path: picture.file,
      fullPage: true,
      clip: { x: 0, y: 0, width, height: Math.min(height, MOST_PIXELS) },
      animations: "disabled",
    });
    if (picture.isChecked) faults.push(...(await findAccessibilityFaults(page)));
  } catch (error) {
    // The pictures of the other pages are wanted all the same.
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    await page.close();
  }
  return faults;
}

/** The requests of a page that have no answer yet. */
export function watchRequests(page: Page): ReadonlySet<Request> {
  const pending = new Set<Request>();
  page.on("request", (request) => pending.add(request));
  page.on("requestfinished", (request) => pending.delete(request));
  page.on("requestfailed", (request) => pending.delete(request));
  return pending;
}

/** Waits until the page follows the server and nothing of it has loaded for a moment. @throws Error after a minute */
export async function waitQuiet(page: Page, pending: ReadonlySet<Request>): Promise<void> {
  const end = Date.now() + QUIET_TIMEOUT_MS;
  let restSince = Date.now();
  while (Date.now() - restSince < REST_MS) {
    if (Date.now() > end) throw new Error(`not quiet after ${QUIET_TIMEOUT_MS / 1000} s`);
    await sleep(50);
    if (pending.size > 0 || (await isLoading(page))) restSince = Date.now();
  }
}

/** Skeletons count too: not each stands in a box that says that it is busy. */
const isLoading = (page: Page): Promise<boolean> =>
  page.evaluate(
    () =>
      document.fonts.status === "loading" ||
      document.querySelector("[data-connection=live]") === null ||
      document.querySelector("main [aria-busy=true], main .animate-pulse") !== null,
  );
