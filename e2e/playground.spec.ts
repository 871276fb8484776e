import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, measureOverflow, test, waitLive } from "./support/product";

/** The first search of a data directory encodes the corpus, once for each retriever: whichever test comes first waits. */
const INDEXING_MS = 180_000;

test("a query against two retrievers: ranks, terms, what differs, a link that brings it back", async ({
  page,
}) => {
  test.setTimeout(2 * INDEXING_MS);
  await page.goto("/playground");
  await waitLive(page);
  await expect(page.getByText("Type a query and press Enter")).toBeVisible();
  await page.locator("body").press("/");
  await expect(page.getByLabel("Query")).toBeFocused();
  await page.keyboard.type("capital of Peru");
  await page.keyboard.press("Enter");

  const columns = page.locator("[data-column]");
  await expect(columns).toHaveCount(2);
  // Two real retrievers: fp32 and int8 weights of the same encoder.
  await expect(columns.nth(0)).toHaveAttribute("data-column-state", "done", {
    timeout: INDEXING_MS,
  });
  await expect(columns.nth(1)).toHaveAttribute("data-column-state", "done", {
    timeout: INDEXING_MS,
  });
  for (const column of await columns.all()) {
    await expect(column.locator("[data-document]")).toHaveCount(10);
    await expect(column.locator("[data-document]").first()).toContainText(/Lima|Peru/);
    await expect(column.locator("mark").first()).toBeVisible();
    await expect(column.locator("header")).toContainText(/search.*total/);
  }
  // Every document says where it stands in the other column, or that it is only here.
  const marks = await columns
    .nth(0)
    .locator("[data-document]")
    .evaluateAll((rows) => rows.map((row) => /B#\d+|only here/.test(row.textContent ?? "")));
  expect(marks.every(Boolean)).toBe(true);
  const first = columns.nth(0).locator("[data-document]").first();
  const id = await first.getAttribute("data-document");
  await first.hover();
  await expect(columns.nth(1).locator(`[data-document="${id}"]`)).toHaveAttribute(
    "data-linked",
    "true",
  );

  await page.getByLabel("Documents (k)").selectOption("3");
  await expect(columns.nth(0).locator("[data-document]")).toHaveCount(3);
  await page.reload();
  await expect(page.getByLabel("Query")).toHaveValue("capital of Peru");
  await expect(columns.nth(1).locator("[data-document]")).toHaveCount(3);
  await page.getByRole("button", { name: "History" }).click();
  await expect(page.getByRole("menuitem", { name: /capital of Peru/ }).first()).toBeVisible();
});

test("a retriever that fails leaves the others standing, and is mended in its place", async ({
  page,
}) => {
  test.setTimeout(2 * INDEXING_MS);
  const retrievers = JSON.stringify([
    { kind: "dense" },
    { kind: "remote", url: "http://127.0.0.1:9/retrieve" },
  ]);
  await page.goto(`/playground?q=capital+of+Peru&k=3&r=${encodeURIComponent(retrievers)}`);
  const columns = page.locator("[data-column]");
  await expect(columns.nth(0)).toHaveAttribute("data-column-state", "done", {
    timeout: INDEXING_MS,
  });
  await expect(columns.nth(1)).toHaveAttribute("data-column-state", "failed", { timeout: 60_000 });
  await expect(columns.nth(1).getByRole("alert")).toContainText("This retriever failed");
  await columns.nth(1).getByRole("button", { name: "Change retriever B" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Dense, int8" }).click();
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(columns.nth(1)).toHaveAttribute("data-column-state", "done", {
    timeout: INDEXING_MS,
  });
  await expect(page).not.toHaveURL(/remote/);
});

test("an evaluate run is launched from the form, its table read, its questions opened in the playground", async ({
  page,
}) => {
  test.setTimeout(2 * INDEXING_MS);
  for (const variant of ["fp32", "int8"]) {
    await page.goto("/runs/new?preset=atlas-retrieval");
    await waitLive(page);
    await page.locator('[id="setting-name"]').fill(`Measured ${variant}`);
    await page.locator('[id="setting-limit"]').fill("120");
    await page.locator('[id="setting-retriever.variant"]').selectOption(variant);
    await page.getByRole("button", { name: "Launch", exact: true }).click();
    await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
    await expect(page.locator("main header [data-run-state]").first()).toHaveAttribute(
      "data-run-state",
      "succeeded",
      { timeout: INDEXING_MS },
    );
  }
  const metrics = page.getByRole("table", { name: "Metrics" });
  // Naive retrieval finds the first hop of most questions, and both of fewer than half.
  await expect(metrics.locator('[data-metric="recall@10"]')).toContainText(/\d\d\.\d/);
  await expect(
    page
      .getByRole("table", { name: "By hops" })
      .or(page.getByText("All questions name the same number")),
  ).toBeVisible();
  await expect(page.locator('[data-plot="recall"]')).toBeVisible();

  await page.getByRole("link", { name: "Compare with other retrievers" }).click();
  await page
    .locator("[data-evaluation]")
    .filter({ hasText: "Measured fp32" })
    .first()
    .getByRole("checkbox")
    .click();
  await expect(
    page.getByRole("table", { name: "Differences" }).locator("[data-retriever]"),
  ).toHaveCount(1);
  await expect(
    page.getByRole("table", { name: "Metrics" }).locator("[data-retriever]"),
  ).toHaveCount(2);
  await page.getByLabel("Which questions").selectOption("missed:0");
  const row = page.locator("[data-question]").first();
  await expect(row.locator("[data-found]").first()).toHaveAttribute("data-found", "false");

  // The ranking itself, then its query in the playground, with the gold documents marked.
  await row.locator("[data-found] a").first().click();
  await expect(page).toHaveURL(/\/episodes\//);
  await expect(page.getByRole("region", { name: "Outcome" })).toContainText("Gold documents");
  await page.getByRole("link", { name: "Open in the playground" }).click();
  await expect(page).toHaveURL(/\/playground\?/);
  await expect(page.getByTestId("episode-note")).toContainText("gold documents are marked");
  await expect(page.locator("[data-column]").first()).toHaveAttribute("data-column-state", "done", {
    timeout: INDEXING_MS,
  });
  await expect(page.locator("[data-column]").first().locator("header")).toContainText(
    /\d of \d gold/,
  );
});

test("one's own questions are imported from a file; a bad line is named", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "s3-questions-"));
  try {
    const file = join(folder, "my questions.jsonl");
    const good = {
      id: "own-1",
      question: "What is the capital of Peru?",
      answers: ["Lima"],
      goldIds: [],
      type: "one-hop",
    };
    writeFileSync(file, `${JSON.stringify(good)}\n{"id": "own-2", "question": "No answers?"}\n`);
    await page.goto("/questions");
    await waitLive(page);
    await page.getByRole("button", { name: "Import questions" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("File", { exact: true }).setInputFiles(file);
    await expect(dialog.getByLabel("Name")).toHaveValue("my-questions");
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await expect(dialog.getByRole("alert")).toContainText(/line 2/);
    const mended = join(folder, "mended.jsonl");
    writeFileSync(mended, `${JSON.stringify(good)}\n`);
    await dialog.getByLabel("File", { exact: true }).setInputFiles(mended);
    await expect(dialog.locator("[data-gold]")).toContainText(
      "Gold passages: 0 of 1 question. Answered by yes or no: 0.",
    );
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await expect(dialog).toHaveCount(0);
    await expect(page.locator('[data-set="my-questions"]')).toContainText("no gold");
    await expect(page.locator('[data-question="own-1"]')).toContainText("Lima");
    // A set without gold documents cannot measure a retriever, and the form says so.
    await page.goto("/runs/new?preset=atlas-retrieval");
    await page.locator('[id="setting-questions"]').selectOption("my-questions");
    await expect(page.getByRole("region", { name: "Launch" })).toContainText(
      "name no gold documents",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the pages fit a phone", async ({ page }) => {
  test.setTimeout(2 * INDEXING_MS);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ["/playground", "/playground?q=capital+of+Peru", "/questions", "/retrieval"]) {
    await page.goto(path);
    await expect(page.locator("main h1")).toBeVisible();
    await expect(page.locator("main [aria-busy=true]")).toHaveCount(0, {
      timeout: INDEXING_MS,
    });
    expect(await measureOverflow(page), path).toBeLessThanOrEqual(0);
  }
});
