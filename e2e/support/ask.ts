import { expect, type Locator, type Page } from "@playwright/test";

/** What specs look at on the page Ask. */

/** The column of an answerer, by its title. */
export const findColumn = (page: Page, title: string): Locator =>
  page.locator(`[data-answerer="${title}"]`);

/** Waits until these answer, from left to right. */
export const expectAnswerers = (page: Page, titles: readonly string[]): Promise<void> =>
  expect
    .poll(() =>
      page
        .locator("[data-answerer]")
        .evaluateAll((all) => all.map((column) => column.getAttribute("data-answerer"))),
    )
    .toEqual(titles);

/** Opens the choice of runs and checkpoints, and finds the runs of a name. */
export async function openRunDialog(page: Page, name: string): Promise<Locator> {
  await page.getByRole("button", { name: "Add who answers" }).click();
  await page.getByRole("menuitem", { name: "A checkpoint or a run…" }).click();
  const dialog = page.getByRole("dialog", { name: "Who answers" });
  await dialog.getByRole("searchbox").fill(name);
  return dialog;
}

/**
 * Begins to keep what each column shows first, from now on.
 *
 * @returns what reads it: "turns" before "answer" where turns stood there without the answer
 */
export async function watchColumns(page: Page): Promise<() => Promise<Record<string, string[]>>> {
  await page.evaluate(() => {
    const shown: Record<string, string[]> = {};
    const look = (): void => {
      for (const column of document.querySelectorAll("[data-answerer]")) {
        const parts = (shown[column.getAttribute("data-answerer")!] ??= []);
        const hasAnswer = column.querySelector("[data-testid=played-answer]") !== null;
        const part = hasAnswer ? "answer" : column.querySelector("[data-turn]") ? "turns" : null;
        if (part !== null && !parts.includes(part)) parts.push(part);
      }
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    Object.assign(window, { shownByColumns: shown });
  });
  return () =>
    page.evaluate(
      () => (window as unknown as { shownByColumns: Record<string, string[]> }).shownByColumns,
    );
}
