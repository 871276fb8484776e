import { test as base, expect, type Page } from "@playwright/test";

/** Address of the product that start-product.ts started. */
export function productUrl(): string {
  const url = process.env.S3_E2E_URL;
  if (!url) throw new Error("S3_E2E_URL is not set: run the specs with e2e/playwright.config.ts");
  return url;
}

/** A page of the product; any script error on it fails the test. */
export const test = base.extend({
  baseURL: async ({}, provide) => provide(productUrl()),
  page: async ({ page }, provide) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await provide(page);
    expect(errors, "script errors on the page").toEqual([]);
  },
});

export { expect };

/** Waits until the page follows the server. */
export const waitLive = (page: Page): Promise<void> =>
  expect(page.locator("[data-connection=live]:visible").first()).toBeVisible({ timeout: 30_000 });

/** How many points a chart of the run's page has drawn. */
export async function pointsOf(page: Page, chart: string): Promise<number> {
  return Number(await page.locator(`[data-chart="${chart}"]`).getAttribute("data-points"));
}

/** Pixels by which the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
