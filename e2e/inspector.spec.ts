import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { SETUP_DIR } from "@/lib/paths.mjs";
import { expectAnswerers, openRunDialog, watchColumns } from "./support/ask";
import {
  expect,
  expectAccessible,
  measureOverflow,
  openRun,
  RECORDED,
  test,
  waitLive,
} from "./support/product";

/** A worker may have to load its engine first. */
const PLAY_MS = 120_000;

/** Opens an episode of the recorded training that was answered right, from the list with this filter, too. */
async function openEpisode(page: Page, filter = ""): Promise<void> {
  await page.goto("/runs");
  await page.getByRole("link", { name: RECORDED.training }).first().click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  await page.goto(`${page.url().split("?")[0]}?tab=episodes&filter=correct${filter}`);
  await page.locator("[data-episode]:visible a").first().click();
  await expect(page).toHaveURL(/\/episodes\/[0-9a-f-]{36}\?.*filter=correct/);
}

test("an episode: marked answers, tokens by keys, notes, neighbours", async ({ page }) => {
  test.setTimeout(240_000);
  await openEpisode(page);
  await expect(page.locator("mark[data-mark=answer]").first()).toBeVisible();
  await expect(page.locator("mark[data-mark=query]").first()).toBeVisible();

  const first = page.url();
  await page.getByRole("link", { name: "Next episode" }).waitFor();
  await page.keyboard.press("j");
  await expect(page).not.toHaveURL(first);
  await page.getByRole("link", { name: "Previous episode" }).waitFor();
  await page.keyboard.press("k");
  await expect(page).toHaveURL(first);

  const label = `odd ${Date.now()}`;
  await page.getByLabel("Add a label").fill(label);
  await page.keyboard.press("Enter");
  await expect(page.locator(`[data-label="${label}"]`)).toBeVisible();
  await page.getByLabel("New comment").fill("It asks twice.");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  const comments = page.getByRole("region", { name: "Comments" });
  await expect(comments.getByText("It asks twice.")).toBeVisible();
  await expect(comments.getByText(/local user/).first()).toBeVisible();
  await comments.getByRole("button", { name: "Remove this comment" }).last().click();
  await page.getByRole("button", { name: `Remove label ${label}` }).click();
  await expect(page.locator(`[data-label="${label}"]`)).toHaveCount(0);

  await page.getByRole("tab", { name: "Raw text and tokens" }).click();
  const tokens = page.getByRole("listbox", { name: "Tokens" }).first();
  await tokens.focus();
  await page.keyboard.press("End");
  await expect(page.getByTestId("token-facts").first()).toContainText(/of \d+: .*id \d+/);
  await expectAccessible(page);
});

/** What the colours of the tokens mean, by what they are coloured by; the episode's whole page says it. */
const LEGENDS = {
  entropy: "darker: the less certain the policy was",
  advantage: "green: made likelier, red: made less likely",
  "loss mask": "coloured: carries loss",
  "log-probability": "darker: the less likely the token was",
};

/** The colour of each token of the first step, "" of one without. */
const readColours = (page: Page): Promise<string[]> =>
  page
    .getByRole("listbox", { name: "Tokens" })
    .first()
    .getByRole("option")
    .evaluateAll((tokens) => tokens.map((token) => token.style.background));

/** Opens the tokens of an episode that was trained on. */
async function openTokens(page: Page): Promise<void> {
  await openEpisode(page, "&phase=train");
  await page.goto(`${page.url()}&view=raw`);
  await expect(page.getByRole("listbox", { name: "Tokens" }).first()).toBeVisible();
}

test("tokens are coloured by each thing that is known of them, and only those that carry loss", async ({
  page,
}) => {
  await openTokens(page);
  const unmarked = await readColours(page);
  expect(unmarked.filter(Boolean).length, "coloured by log-probability").toBeGreaterThan(0);
  const seen = new Set<string>();
  for (const [overlay, legend] of Object.entries(LEGENDS))
    await test.step(overlay, async () => {
      await page.getByRole("button", { name: overlay, exact: true }).click();
      await expect
        .poll(() => new URL(page.url()).searchParams.get("colour"))
        .toBe(overlay === "log-probability" ? null : overlay);
      await expect(page.getByText(legend).first()).toBeVisible();
      await expect(page.getByText(/not recorded/)).toHaveCount(0);
      const colours = await readColours(page);
      // Tokens that were given or forced have no colour, whatever is shown.
      const marked = colours.filter(Boolean);
      expect(marked.length).toBeGreaterThan(0);
      expect(marked.length).toBeLessThan(colours.length);
      seen.add(colours.join());
      await expectAccessible(page);
    });
  expect(seen.size, "each has colours of its own").toBe(Object.keys(LEGENDS).length);
  expect(await readColours(page)).toEqual(unmarked);
});

test.describe("on a phone, by touch alone", () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });

  test("a token is chosen, and what colours the tokens, with a tap", async ({ page }) => {
    await openTokens(page);
    const tokens = page.getByRole("listbox", { name: "Tokens" }).first().getByRole("option");
    const facts = page.getByTestId("token-facts").first();
    await expect(facts).toContainText("tap, click");
    const count = await tokens.count();
    for (const place of [count - 1, 0]) {
      await tokens.nth(place).tap();
      await expect(facts).toContainText(`${place + 1} of ${count}: `);
      await expect(tokens.nth(place)).toHaveAttribute("aria-selected", "true");
    }
    const before = await readColours(page);
    await page.getByRole("button", { name: "entropy", exact: true }).tap();
    await expect(page).toHaveURL(/colour=entropy/);
    await expect(page.getByText(LEGENDS.entropy).first()).toBeVisible();
    expect(await readColours(page)).not.toEqual(before);
    expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  });
});

test("the same question is opened in the run of another method", async ({ page }) => {
  const [searching, other] = ["Atlas held-out, s3, trained", "Atlas held-out, IRCoT"];
  await openRun(page, searching);
  await page.goto(`${page.url()}?tab=episodes`);
  await page.locator("tr[data-episode] a").first().click();
  await expect(page).toHaveURL(/\/episodes\/[0-9a-f-]{36}/);
  const heading = page.getByRole("heading", { level: 1 });
  const question = await heading.innerText();
  await page.getByRole("tab", { name: "Same question elsewhere" }).click();
  const elsewhere = page.getByTestId("same-question");
  await expect(elsewhere.getByRole("region", { name: searching, exact: true })).toContainText(
    "this one",
  );
  const card = elsewhere.getByRole("region", { name: other, exact: true });
  await expect(card).toContainText("IRCoT");
  const runLink = card.getByRole("link", { name: other });
  const run = new URL((await runLink.getAttribute("href"))!, page.url()).pathname;
  await card.locator('a[href*="/episodes/"]').click();
  await expect(page).toHaveURL(new RegExp(`${run}/episodes/[0-9a-f-]{36}`));
  await expect(heading).toHaveText(question);
  const breadcrumb = page.getByRole("navigation", { name: "Breadcrumb" });
  await expect(breadcrumb.getByRole("link", { name: other })).toBeVisible();
});

test("an episode is copied as JSON, and its query is opened in the playground", async ({
  page,
}) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await openEpisode(page);
  await page.getByRole("button", { name: "Copy JSON" }).click();
  await expect(page.getByText("Copied to the clipboard")).toBeAttached();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const { question, record } = JSON.parse(copied) as {
    question: { question: string };
    record: { episode: { steps: { kind: string; query?: string }[] } };
  };
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(question.question);
  const query = record.episode.steps.find(({ kind }) => kind === "retrieve")?.query ?? "";
  await page
    .locator("[data-turn='0']")
    .getByRole("link", { name: /playground/i })
    .click();
  await expect(page).toHaveURL(/\/playground\?/);
  await expect(page.getByLabel("Query", { exact: true })).toHaveValue(query);
});

test("the raw view of an episode does not move while it loads", async ({ page }) => {
  await openEpisode(page);
  await page.goto(`${page.url().split("?")[0]}?view=raw`);
  await expect(page.getByRole("listbox", { name: "Tokens" }).first()).toBeVisible();
  const shift = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[])
            sum += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(sum), 500);
      }),
  );
  expect(shift).toBeLessThan(0.1);
});

/** Opens an episode from the list of the same question, and finds the question there. */
async function openElsewhere(page: Page, links: Locator): Promise<void> {
  const question = await page.getByRole("heading", { level: 1 }).innerText();
  const address = (await links.first().getAttribute("href"))!;
  await links.first().click();
  await expect(page).toHaveURL(address);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(question);
  await expect(page.locator("[data-turn='0']")).toBeVisible();
}

test("the same question is opened at another step, with its checkpoint", async ({ page }) => {
  const list = page.getByTestId("same-question");
  const openList = () => page.getByRole("tab", { name: "Same question elsewhere" }).click();
  await openEpisode(page, "&phase=held-out");
  await openList();
  const own = list.getByRole("region", { name: RECORDED.training });
  const current = own.locator("a[aria-current]");
  await expect(current).toContainText("this one");
  const shown = /step \d+/.exec(await current.innerText())![0];
  const others = own.locator("li a:not([aria-current])").filter({ hasText: "held out" });
  await openElsewhere(page, others.filter({ hasText: "checkpoint" }));
  await openList();
  await expect(current).not.toContainText(shown);
});

test("what if: another query from a turn on, played beside how it was", async ({ page }) => {
  test.setTimeout(2 * PLAY_MS);
  await openEpisode(page);
  await page.getByRole("link", { name: "What if" }).first().click();
  await page.getByLabel("Query of turn 0").fill("capital of Peru");
  // The recording keeps no weights of checkpoints.
  await page.getByLabel("Searcher").selectOption({ label: "untrained" });
  // The address keeps the change: a link shows the same.
  await page.reload();
  await expect(page.getByLabel("Query of turn 0")).toHaveValue("capital of Peru");
  await expect(page.getByLabel("Searcher").locator("option:checked")).toHaveText("untrained");
  await page.getByRole("button", { name: "Play from here" }).click();
  const played = page.getByTestId("what-if");
  await expect(played.locator("[data-turn='0']")).toBeVisible({ timeout: PLAY_MS });
  await expect(played.getByTestId("played-answer")).toContainText(/reward/, { timeout: PLAY_MS });
  await expect(played.getByText("not an episode of the run")).toBeVisible();

  // Another selection: without its documents the turn hands over fewer.
  await page.getByLabel("How").selectOption({ label: "with another selection" });
  const selected = page.getByRole("group", { name: "Selected in turn 0" }).getByRole("checkbox");
  const wanted = (await selected.first().isChecked()) ? selected.first() : selected.last();
  await wanted.click();
  await page.getByRole("button", { name: "Play from here" }).click();
  await expect(page.getByRole("button", { name: "Playing" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Play from here" })).toBeEnabled({
    timeout: PLAY_MS,
  });
  await expect(played.getByTestId("played-answer")).toContainText(/reward/);
});

test(
  "what if: another retriever and another generator",
  { tag: "@long" },
  async ({ page }, { retry }) => {
    test.setTimeout(2 * PLAY_MS);
    // The only model that is installed, by a second name.
    const twin = `smollm2-twin-${retry}`;
    const folder = join(SETUP_DIR, "models", twin);
    rmSync(folder, { force: true });
    symlinkSync("smollm2-135m-instruct", folder);
    try {
      await openEpisode(page);
      await page.getByRole("link", { name: "What if" }).first().click();
      await page.getByLabel("How").selectOption("again");
      await page.getByLabel("Searcher").selectOption({ label: "untrained" });
      await page.getByLabel("Retriever").selectOption("BM25 k1 0.9, b 0.4");
      const generator = page.getByLabel("Generator", { exact: true });
      await expect(generator.getByRole("option", { name: twin })).toBeAttached();
      await generator.selectOption(twin);
      const [request] = await Promise.all([
        page.waitForRequest(/tasks\.create/),
        page.getByRole("button", { name: "Play from here" }).click(),
      ]);
      const sent = request.postData() ?? "";
      expect(sent).toMatch(/"retriever":\{"kind":"bm25"/);
      expect(sent).toContain(`"model":"${twin}"`);
      const played = page.getByTestId("what-if");
      await expect(played.getByTestId("played-answer")).toContainText(/reward/, {
        timeout: PLAY_MS,
      });
      await expect(played.getByRole("alert")).toHaveCount(0);
      const listDocuments = (title: string) =>
        page
          .getByRole("region", { name: title, exact: true })
          .locator("[data-turn='0'] [data-document]");
      const readIds = async (title: string): Promise<(string | null)[]> =>
        listDocuments(title).evaluateAll((found) =>
          found.map((document) => document.getAttribute("data-document")),
        );
      await expect(listDocuments("What if").first()).toBeVisible();
      await expect(listDocuments("As it was").first()).toBeVisible();
      expect(await readIds("What if"), "another retriever finds others").not.toEqual(
        await readIds("As it was"),
      );
    } finally {
      rmSync(folder, { force: true });
    }
  },
);

test("ask: a typed question, answered by methods side by side, stopped, and kept in a link", async ({
  page,
}) => {
  test.setTimeout(2 * PLAY_MS);
  await page.goto("/playground/ask");
  await waitLive(page);
  await page.getByLabel("Question", { exact: true }).fill("What is the capital of Peru?");
  await page.getByLabel(/Expected answer/).fill("Lima");
  const readShown = await watchColumns(page);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  const columns = page.locator("[data-answerer]");
  await expect(columns).toHaveCount(2);
  for (const column of await columns.all())
    await expect(column.getByTestId("played-answer")).toContainText(/span\/2/, {
      timeout: PLAY_MS,
    });
  await expect(columns.first().locator("[data-turn='0'] [data-document]").first()).toBeVisible();
  expect((await readShown())["s3, untrained"], "turn by turn as it comes").toEqual([
    "turns",
    "answer",
  ]);

  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await columns.first().getByRole("button", { name: "Stop" }).click();
  await expect(columns.first().getByText("Stopped.")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Question", { exact: true })).toHaveValue(
    "What is the capital of Peru?",
  );
  await expect(columns).toHaveCount(2);
});

test("ask: a method and a run are added until four answer, and a link keeps them", async ({
  page,
}) => {
  const predicted = "Atlas held-out, IRCoT";
  await page.goto("/playground/ask");
  await waitLive(page);
  const add = page.getByRole("button", { name: "Add who answers" });
  const first = ["s3, untrained", "RAG"];
  await expectAnswerers(page, first);

  await add.click();
  await page.getByRole("menuitem", { name: "Chain of thought, untrained" }).click();
  await expectAnswerers(page, [...first, "Chain of thought, untrained"]);
  await expect(add).toBeEnabled();

  const dialog = await openRunDialog(page, predicted);
  const options = dialog.getByRole("combobox", { name: "Run" }).locator("option");
  await expect(options).toHaveCount(1);
  await expect(options).toContainText(predicted);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await expect(dialog).toHaveCount(0);
  const four = [...first, "Chain of thought, untrained", predicted];
  await expectAnswerers(page, four);
  await expect(add).toBeDisabled();
  await expect(add).toHaveAttribute("title", "At most 4 side by side");

  await page.reload();
  await waitLive(page);
  await expectAnswerers(page, four);
  await expect(add).toBeDisabled();
  await page.getByRole("button", { name: "Remove Chain of thought, untrained" }).click();
  await expectAnswerers(page, [...first, predicted]);
  await expect(add).toBeEnabled();
});
