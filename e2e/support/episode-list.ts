import { expect, type Locator, type Page } from "@playwright/test";

/** What specs look at in a run's list of episodes. */

/** Its rows, as far as they are drawn. */
export const findRows = (page: Page): Locator => page.locator("tr[data-episode]");

/** Waits until the list says that it has so many episodes. */
export const expectCount = (page: Page, count: number): Promise<void> =>
  expect(page.locator("[data-episode-count]")).toHaveText(
    count === 1 ? "1 episode" : `${count} episodes`,
  );

/** Waits until the address has these parameters, and no others of those named. */
export async function expectParams(
  page: Page,
  params: Record<string, string | null>,
): Promise<void> {
  await expect
    .poll(() => {
      const { searchParams } = new URL(page.url());
      return Object.fromEntries(Object.keys(params).map((name) => [name, searchParams.get(name)]));
    })
    .toEqual(params);
}
