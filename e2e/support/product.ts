import { AxeBuilder } from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { connect } from "@/cli/lib/client";
import { waitUntil } from "@/lib/testing/wait-until";
import { startFreshProduct } from "./fresh-product";
import type { ProductProcess } from "./product-process";
import { startRecordedProduct } from "./recorded-product";

/**
 * fresh: nothing is stored but Atlas; each test has a product of its own, and another when it is repeated.
 * recorded: a day of work on Atlas (e2e/recording), which all specs share; after one that failed it begins anew.
 */
export type Product = "fresh" | "recorded";

/** A product starts in seconds, on a machine that does much else in minutes; it is no part of a test's time. */
const PRODUCT_MS = 240_000;

/** Names of the runs in the recording that specs look at (e2e/recording/sessions.ts). */
export const RECORDED = { training: "Atlas, SmolLM2-135M, PPO", collapsed: "Made to collapse" };

/** Success criteria of WCAG, as axe names them. */
const CRITERIA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/**
 * What keeps a page from being used without a mouse or without seeing it (WCAG 2.2 AA, as far as axe can tell).
 * @param rules only these rules of axe
 * @param within a selector: only what it finds is looked at, as behind a dialog
 */
export async function findAccessibilityFaults(
  page: Page,
  rules?: string[],
  within?: string,
): Promise<string[]> {
  // An open menu or dialog holds the focus; what lies behind it is hidden and cannot be reached.
  const isCovered = (await page.locator("[role=menu], [role=dialog], [role=listbox]").count()) > 0;
  const axe = new AxeBuilder({ page })
    // Nodes without fault are not told of; pages have no frames of other origins, for which axe opens a page of its own.
    .options({ resultTypes: ["violations"] })
    .setLegacyMode(true);
  if (within) axe.include(within);
  if (rules) axe.withRules(rules);
  else axe.withTags(CRITERIA).disableRules(isCovered ? ["aria-hidden-focus"] : []);
  const { violations } = await axe.analyze();
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map(({ target, failureSummary }) => `  ${target.join(" ")}\n    ${failureSummary}`).join("\n")}`,
  );
}

/**
 * Fails where axe finds fault with what a page shows.
 * @param rules only these rules of axe
 */
export async function expectAccessible(page: Page, rules?: string[]): Promise<void> {
  if (page.isClosed() || page.url() === "about:blank") return;
  const faults = await findAccessibilityFaults(page, rules);
  expect(faults, `accessibility of ${page.url()}`).toEqual([]);
}

/** Messages cover for some seconds what stands under them: whatever is pressed there would be too small. One may still come. */
async function hideMessages(page: Page): Promise<void> {
  if (page.isClosed()) return;
  await page.locator("[data-messages]").evaluateAll((all) => {
    for (const messages of all) (messages as HTMLElement).style.display = "none";
  });
}

/** Waits until a worker takes what a page asks of one: the product's own attaches once the server is ready. */
async function waitForWorker(address: string): Promise<void> {
  const { client, close } = connect(address);
  try {
    await waitUntil(
      "its worker is attached",
      async () => (await client.workers.list.query()).some(({ state }) => state === "online"),
      PRODUCT_MS,
    );
  } finally {
    close();
  }
}

/** Gives the address of a product, which runs for so long. */
async function provideStarted(
  start: () => Promise<ProductProcess>,
  provide: (address: string) => Promise<void>,
): Promise<void> {
  const product = await start();
  try {
    await waitForWorker(product.address);
    await provide(product.address);
  } finally {
    await product.stop();
  }
}

/** A page of the product; a script error on it fails the test, and so does a page that axe finds fault with. */
export const test = base.extend<
  { productAddress: string; productUrl: string },
  { product: Product; recordedAddress: string | null }
>({
  product: ["recorded", { option: true, scope: "worker" }],
  recordedAddress: [
    async ({ product }, provide) => {
      if (product === "fresh") await provide(null);
      else await provideStarted(startRecordedProduct, provide);
    },
    { scope: "worker", timeout: PRODUCT_MS },
  ],
  productAddress: [
    async ({ recordedAddress }, provide) => {
      if (recordedAddress !== null) await provide(recordedAddress);
      else await provideStarted(startFreshProduct, provide);
    },
    { timeout: PRODUCT_MS },
  ],
  productUrl: async ({ productAddress }, provide) => provide(new URL(productAddress).origin),
  baseURL: async ({ productUrl }, provide) => provide(productUrl),
  context: async ({ context, productAddress }, provide) => {
    await context.request.get(productAddress); // leaves the cookie that lets the pages in
    await provide(context);
  },
  page: async ({ page }, provide, testInfo) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (/content security policy/i.test(message.text())) errors.push(message.text());
    });
    await provide(page);
    expect(errors, "script errors on the page").toEqual([]);
    if (testInfo.status !== testInfo.expectedStatus) return;
    await hideMessages(page);
    await expectAccessible(page);
  },
});

export { expect };

/** Waits until the page follows the server. */
export const waitLive = (page: Page): Promise<void> =>
  expect(page.locator("[data-connection=live]:visible").first()).toBeVisible({ timeout: 30_000 });

/** Opens a run of the recording by its name. */
export async function openRun(page: Page, name: string): Promise<void> {
  await page.goto(`/runs?q=${encodeURIComponent(name)}`);
  await waitLive(page);
  await page.locator("tr[data-run]").getByRole("link", { name, exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
}

/** How many points a chart of the run's page has drawn. */
export async function countPoints(page: Page, chart: string): Promise<number> {
  return Number(await page.locator(`[data-chart="${chart}"]`).getAttribute("data-points"));
}

/** Pixels by which the page is wider than its window. */
export const measureOverflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** Lightness of what lies behind the page, 0 to 255. */
const readLightness = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const context = document.createElement("canvas").getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data[0] ?? 0;
  });

/** Asks for a theme as the system does, and waits until the page wears it. */
export async function emulateTheme(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await expect.poll(async () => (await readLightness(page)) < 60).toBe(colorScheme === "dark");
}
