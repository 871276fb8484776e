import type { Locator, Page } from "@playwright/test";
import { EPISODE_SORTS } from "@/contracts/api/episode-list-values";
import { expectCount, expectParams, findRows } from "./support/episode-list";
import { expect, measureOverflow, openRun, test, waitLive } from "./support/product";

/**
 * What people do in a run's list of episodes. What must be listed is counted from the rows of the whole list, so that
 * filter, order, count and bars are each held against what the page itself has shown.
 */

/** A prediction of the recording: few enough episodes that all rows are drawn, compared with naive RAG. */
const PREDICTION = "Atlas held-out, s3, trained";

/** What a row shows, by the heads of the columns; of a mark, what it means. */
interface Row {
  Question: string;
  Right: string;
  RAG: string;
  Docs: string;
  Tokens: string;
}

function readRows(page: Page): Promise<Row[]> {
  return findRows(page).evaluateAll((rows) =>
    rows.map((row) => {
      const heads = [...(row.closest("table")?.querySelectorAll("thead th") ?? [])];
      const cells = [...row.children].map((cell) => {
        const mark = cell.querySelector("[role=img]")?.getAttribute("aria-label");
        return mark ?? (cell.querySelector("a") ?? cell).textContent;
      });
      return Object.fromEntries(
        heads.map((head, i) => [head.textContent, cells[i]]),
      ) as unknown as Row;
    }),
  );
}

const listQuestions = (rows: readonly Row[]): string[] => rows.map(({ Question }) => Question);

/** Waits until exactly these rows are listed, in this order, and the count above them says so. */
async function expectListed(page: Page, expected: readonly Row[]): Promise<void> {
  await expect
    .poll(async () => listQuestions(await readRows(page)))
    .toEqual(listQuestions(expected));
  const { length } = expected;
  await expectCount(page, length);
  await expect(page.getByText("No episode matches")).toHaveCount(length === 0 ? 1 : 0);
}

/** Opens the episodes of the prediction with a filter as a link holds it. @returns all rows that it lists */
async function openEpisodes(page: Page, filter = ""): Promise<Row[]> {
  await openRun(page, PREDICTION);
  await page.goto(`${page.url()}?tab=episodes${filter}`);
  await waitLive(page);
  const count = page.locator("[data-episode-count]");
  await expect(count).toHaveText(/^\d+ episodes$/);
  await expect(findRows(page)).toHaveCount(Number.parseInt(await count.innerText(), 10));
  return readRows(page);
}

const findOutcomeFilter = (page: Page): Locator => page.getByLabel("Filter", { exact: true });

test("episodes are filtered by outcome and by text, and the address brings the same list back", async ({
  page,
}) => {
  const all = await openEpisodes(page);
  const right = all.filter((row) => row.Right === "right");
  const wrong = all.filter((row) => row.Right === "wrong");
  expect([right.length > 0, wrong.length > 0]).toEqual([true, true]);
  expect(right.length + wrong.length).toBe(all.length);

  await test.step("by outcome", async () => {
    await findOutcomeFilter(page).selectOption("correct");
    await expectListed(page, right);
    await findOutcomeFilter(page).selectOption("wrong");
    await expectListed(page, wrong);
    await findOutcomeFilter(page).selectOption("lost");
    await expectListed(
      page,
      wrong.filter((row) => row.RAG === "right"),
    );
    await expectParams(page, { filter: "lost" });
    await findOutcomeFilter(page).selectOption("all");
    await expectListed(page, all);
    await expectParams(page, { filter: null });
  });

  // The last name of the first question: "Whose capital is Lima?" has "Lima".
  const word = all[0]?.Question.match(/\p{Lu}\p{L}{2,}/gu)?.at(-1) ?? "";
  expect(word).not.toBe("");
  const holdsWord = ({ Question }: Row): boolean =>
    Question.toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .some((part) => part.startsWith(word.toLowerCase()));
  const found = all.filter(holdsWord);
  expect(found.length).toBeLessThan(all.length);
  const search = page.locator("[data-episode-search]");

  await test.step("by words of the question", async () => {
    await search.fill(word);
    await page.getByLabel("Where the text is searched").selectOption("question");
    await expectListed(page, found);
    await expectParams(page, { q: word, in: "question" });
    await search.fill("nothing holds these words");
    await expectListed(page, []);
    await search.fill(word);
  });

  await test.step("by both, kept in the address", async () => {
    const isRight = all[0]?.Right === "right";
    await findOutcomeFilter(page).selectOption(isRight ? "wrong" : "correct");
    await expectListed(
      page,
      found.filter((row) => (row.Right === "right") !== isRight),
    );
    await findOutcomeFilter(page).selectOption(isRight ? "correct" : "wrong");
    const both = found.filter((row) => (row.Right === "right") === isRight);
    await expectListed(page, both);
    await page.reload();
    await expectListed(page, both);
    await expect(search).toHaveValue(word);
    await expect(findOutcomeFilter(page)).toHaveValue(isRight ? "correct" : "wrong");
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await expectListed(page, all);
    await expectParams(page, { q: null, in: null, filter: null });
    await expect(search).toHaveValue("");
  });
});

test("a column sorts the episodes down, then up, then as they were recorded", async ({ page }) => {
  const all = await openEpisodes(page);
  const readTokens = async (): Promise<number[]> =>
    (await readRows(page)).map(({ Tokens }) => Number(Tokens.replaceAll(",", "")));
  const rising = (await readTokens()).sort((a, b) => a - b);
  const falling = rising.toReversed();
  expect(rising).not.toEqual(falling);
  const head = page.getByRole("columnheader", { name: "Tokens" });

  await head.getByRole("button", { name: "Tokens", exact: true }).click();
  await expect.poll(readTokens).toEqual(falling);
  await expect(head).toHaveAttribute("aria-sort", "descending");
  await expectParams(page, { sort: "tokens", direction: null });

  await head.getByRole("button", { name: "Tokens", exact: true }).click();
  await expect.poll(readTokens).toEqual(rising);
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  await expectParams(page, { sort: "tokens", direction: "ascending" });
  await page.reload();
  await expect.poll(readTokens).toEqual(rising);

  await head.getByRole("button", { name: "Tokens", exact: true }).click();
  await expectListed(page, all);
  await expectParams(page, { sort: null, direction: null });
});

test("on a phone, too, the episodes are brought into every order, and found by a label", async ({
  page,
}) => {
  await openEpisodes(page);
  await page.setViewportSize({ width: 390, height: 844 });
  const cards = page.locator("li[data-episode]");
  const listIds = (): Promise<(string | null)[]> =>
    cards.evaluateAll((items) => items.map((item) => item.getAttribute("data-episode")));
  await expect(cards.first()).toBeVisible();
  const recorded = await listIds();
  const order = page.getByLabel("Order of the episodes");
  const names = await order.locator("option").allInnerTexts();
  expect(names).toHaveLength(EPISODE_SORTS.length);

  await order.selectOption("tokens");
  await expectParams(page, { sort: "tokens", direction: null });
  await expect.poll(listIds).not.toEqual(recorded);
  const falling = await listIds();
  await page.getByRole("button", { name: "Descending: turn it round" }).click();
  await expectParams(page, { sort: "tokens", direction: "ascending" });
  await expect.poll(async () => (await listIds())[0]).not.toBe(falling[0]);
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);

  await test.step("also by what has no column", async () => {
    await order.selectOption("format-errors");
    await expectParams(page, { sort: "format-errors", direction: null });
    await expect(order).toHaveValue("format-errors");
    await order.selectOption("recorded");
    await expectParams(page, { sort: null, direction: null });
    await expect.poll(listIds).toEqual(recorded);
  });

  await test.step("by a label that somebody puts on one", async () => {
    const label = `seen at ${Date.now()}`;
    const list = page.url();
    await cards.first().getByRole("link").click();
    await page.getByPlaceholder("Add a label").fill(label);
    await page.keyboard.press("Enter");
    await expect(page.locator(`[data-label="${label}"]`)).toBeVisible();
    await page.goto(list);
    await expect(cards.first().locator("[data-label]")).toHaveText(label);
    await page.getByLabel("Label", { exact: true }).selectOption(label);
    await expectParams(page, { label });
    await expect(page.locator("[data-episode-count]")).toHaveText("1 episode");
    await expect.poll(listIds).toEqual([recorded[0]]);
    expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  });
});

test("bars filter by their values, with Shift by all between, and count what is listed", async ({
  page,
}) => {
  const all = await openEpisodes(page);
  const choose = (least: number, most: number): Row[] =>
    all.filter(({ Docs }) => Number(Docs) >= least && Number(Docs) <= most);
  await page.getByLabel("What the bars show").selectOption("documents");
  const bars = page.getByRole("group", { name: /^Episodes by documents/ }).getByRole("button");
  await expect(bars.first()).toHaveAttribute("aria-label", /^documents /);
  const values = [...new Set(all.map(({ Docs }) => Number(Docs)))].sort((a, b) => a - b);
  const [least, second, third] = values;
  if (least === undefined || second === undefined || third === undefined)
    throw new Error("the prediction's episodes have too few numbers of documents");
  const describe = (value: number): string => {
    const { length } = choose(value, value);
    return `documents ${value}: ${length} ${length === 1 ? "episode" : "episodes"}`;
  };
  await expect
    .poll(() => bars.evaluateAll((drawn) => drawn.map((bar) => bar.getAttribute("aria-label"))))
    .toEqual(values.map(describe));

  await bars.nth(1).click();
  await expectListed(page, choose(second, second));
  await expectParams(page, { documents: String(second) });
  await expect(bars.nth(1)).toHaveAttribute("aria-pressed", "true");
  await expect(bars.nth(0)).toHaveAttribute("aria-pressed", "false");

  await bars.nth(2).click({ modifiers: ["Shift"] });
  await expectListed(page, choose(second, third));
  await expectParams(page, { documents: `${second}..${third}` });
  await findOutcomeFilter(page).selectOption("correct");
  await expectListed(
    page,
    choose(second, third).filter((row) => row.Right === "right"),
  );
  await findOutcomeFilter(page).selectOption("all");

  await page.getByRole("button", { name: "Ranges" }).click();
  await page.getByRole("textbox", { name: "documents" }).fill(`..${second}`);
  await page.keyboard.press("Enter");
  await expectListed(page, choose(least, second));
  await page.getByRole("button", { name: "Remove the filter of documents" }).click();
  await expectListed(page, all);
  await expectParams(page, { documents: null });
});

test("keys go through the list and open an episode, whose neighbours are those of the list", async ({
  page,
}) => {
  const filter = { filter: "correct", sort: "tokens", direction: "ascending" };
  const listed = await openEpisodes(page, `&${new URLSearchParams(filter)}`);
  expect(listed.length).toBeGreaterThan(3);
  expect(listed.every((row) => row.Right === "right")).toBe(true);
  const findLink = (row: number): Locator => findRows(page).nth(row).getByRole("link");
  /** The episode at a place of the list, from 0, is open, and the page knows what is beside it. */
  const expectOpen = async (place: number): Promise<void> => {
    await expect(page.getByText(`${place + 1} of ${listed.length}`, { exact: true })).toBeVisible();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(
      listed[place]?.Question ?? "no such row",
    );
    await expectParams(page, filter);
  };

  await test.step("j and k move, / searches, Enter opens", async () => {
    await page.keyboard.press("j");
    await expect(findLink(0)).toBeFocused();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await expect(findLink(2)).toBeFocused();
    await page.keyboard.press("k");
    await expect(findLink(1)).toBeFocused();
    await page.keyboard.press("/");
    await expect(page.locator("[data-episode-search]")).toBeFocused();
    await findLink(1).focus();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/episodes\/[0-9a-f-]{36}\?/);
    await expectOpen(1);
  });

  await test.step("previous and next by links and keys, up to the ends", async () => {
    await page.getByRole("link", { name: "Next episode" }).click();
    await expectOpen(2);
    await page.keyboard.press("k");
    await expectOpen(1);
    await page.getByRole("link", { name: "Previous episode" }).click();
    await expectOpen(0);
    await expect(page.getByRole("button", { name: "Previous episode" })).toBeDisabled();
    await page.keyboard.press("j");
    await expectOpen(1);
  });

  await test.step("back to the list, which is as it was", async () => {
    await page
      .getByRole("navigation", { name: "Breadcrumb" })
      .getByRole("link", { name: "Episodes" })
      .click();
    await expectListed(page, listed);
    await expectParams(page, { tab: "episodes", ...filter });
    await findLink(listed.length - 1).click();
    await expectOpen(listed.length - 1);
    await expect(page.getByRole("button", { name: "Next episode" })).toBeDisabled();
  });
});
