import type { Page } from "@playwright/test";
import { connect } from "@/cli/lib/client";
import { sendTracking } from "./support/mlflow";
import { expect, RECORDED, test, waitLive } from "./support/product";

/** The list of runs as people keep it in order, and runs beside each other. */

/** Checks runs in the list by their names, and opens their comparison. */
async function compareRuns(page: Page, names: readonly string[]): Promise<void> {
  await page.goto("/runs");
  await waitLive(page);
  for (const name of names)
    await page
      .locator("tr[data-run]")
      .filter({ has: page.getByRole("link", { name, exact: true }) })
      .getByRole("checkbox")
      .check();
  await page.getByRole("link", { name: "Compare", exact: true }).last().click();
}

for (const locale of ["en-US", "zh-CN"])
  test.describe(`a laptop whose browser asks for ${locale}`, () => {
    test.use({ locale, viewport: { width: 1440, height: 900 } });

    test("shows what filters the runs in one line", async ({ page }) => {
      await page.goto("/runs");
      await waitLive(page);
      const controls = page.locator("[data-runs-toolbar] > *:visible");
      expect(await controls.count()).toBeGreaterThan(6);
      const measureMiddles = () =>
        controls.evaluateAll((all) =>
          all.map((control) => {
            const { top, bottom } = control.getBoundingClientRect();
            return (top + bottom) / 2;
          }),
        );
      await expect
        .poll(async () => {
          const middles = await measureMiddles();
          return Math.max(...middles) - Math.min(...middles);
        })
        .toBeLessThan(4);
    });
  });

test("runs are found, kept in order and shown as people want them", async ({ page }) => {
  await page.goto("/runs?kind=train");
  await waitLive(page);
  const row = page.locator("tr[data-run]").filter({ hasText: RECORDED.training });

  await test.step("any metric and setting as a column, sorted by it", async () => {
    await page.getByRole("button", { name: "Columns" }).click();
    const dialog = page.getByRole("dialog", { name: "Columns" });
    await dialog.getByRole("searchbox").fill("reward/mean");
    await dialog.getByRole("checkbox", { name: /reward\/mean best/ }).click();
    await dialog.getByRole("searchbox").fill("rl.steps");
    await dialog.getByRole("checkbox", { name: /rl\.steps/ }).click();
    await page.keyboard.press("Escape");
    await expect(row.locator('[data-column="setting:rl.steps"]')).toHaveText(/^\d+$/);
    await expect(row.locator('[data-column="best:reward/mean"]')).toHaveText(/\d/);
    await page.getByRole("button", { name: "rl.steps", exact: true }).click();
    await expect(page).toHaveURL(/sort=-setting%3Arl\.steps/);
  });

  await test.step("tags, by keyboard alone", async () => {
    await row.getByRole("checkbox").focus();
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Tag" }).press("Enter");
    await page.locator("#tags-of-runs").fill("paper");
    await page.keyboard.press("Enter");
    await expect(row.locator('[data-tag="paper"]')).toBeVisible();
  });

  await test.step("conditions, and the view saved", async () => {
    await page.getByRole("button", { name: "Filter" }).click();
    const dialog = page.getByRole("dialog", { name: "Filter the runs" });
    await dialog.getByLabel("Tag", { exact: true }).selectOption("paper");
    await dialog.getByLabel("Setting").fill("rl.steps");
    await dialog.getByLabel("Comparison").selectOption(">");
    await dialog.getByLabel("Value").fill("1");
    await dialog.getByRole("button", { name: "Apply" }).click();
    await expect(page.locator("tr[data-run]")).toHaveCount(1);
    await expect(page.getByRole("button", { name: "Remove rl.steps>1" })).toBeVisible();
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Save this view" }).click();
    await page.getByLabel("Name", { exact: true }).fill("For the paper");
    await page.keyboard.press("Enter");
    await expect(page.getByText("View “For the paper” saved")).toBeVisible();
    await page.goto("/runs");
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "For the paper", exact: true }).click();
    await expect(page.getByRole("button", { name: "Remove tag: paper" })).toBeVisible();
    await expect(page.locator("tr[data-run]")).toHaveCount(1);
  });

  await test.step("name, deletion and undo", async () => {
    await row.getByRole("button", { name: /^Actions of/ }).click();
    await page.getByRole("menuitem", { name: "Name, tags, notes" }).click();
    await page.locator("#run-notes").fill("The run of the figure");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await row.getByRole("button", { name: /^Actions of/ }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await expect(page.getByText("No run matches")).toBeVisible();
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(row).toBeVisible();
  });

  await test.step("put into the archive and back, several at once", async () => {
    const listed = page.locator("tr[data-run]");
    await page.goto("/runs?kind=train");
    await expect(row).toBeVisible();
    const count = await listed.count();
    await page.getByRole("checkbox", { name: "Select all rows shown" }).check();
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await expect(listed).toHaveCount(0);
    await page.getByLabel("Shelf").selectOption("archived");
    await expect(listed).toHaveCount(count);
    await page.getByRole("checkbox", { name: "Select all rows shown" }).check();
    await page.getByRole("button", { name: "Back to the list", exact: true }).click();
    await expect(listed).toHaveCount(0);
    await page.getByLabel("Shelf").selectOption("listed");
    await expect(listed).toHaveCount(count);
  });

  await test.step("as it was", async () => {
    await row.getByRole("checkbox").check();
    await page.getByRole("button", { name: "Tag", exact: true }).click();
    await page.locator("#tags-of-runs").fill("paper");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Delete “For the paper”" }).click();
    await page.getByRole("button", { name: "Views" }).click();
    await expect(page.getByRole("menuitem", { name: "For the paper" })).toHaveCount(0);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Clear", exact: true }).click();
  });
});

test.describe("a low window", () => {
  test.use({ viewport: { width: 1440, height: 500 } });

  test("shows what gets the focus above the actions on the selected runs", async ({ page }) => {
    await page.goto("/runs");
    await waitLive(page);
    const rows = page.locator("tr[data-run]");
    await rows.first().getByRole("checkbox").check();
    const bar = page.getByRole("region", { name: "Actions on the selected runs" });
    await expect(bar).toBeVisible();
    const count = await rows.count();
    expect(count).toBeGreaterThan(5);
    for (let i = 1; i < count; i++) {
      const choice = rows.nth(i).getByRole("checkbox");
      await choice.focus();
      const [box, covered] = [await choice.boundingBox(), await bar.boundingBox()];
      expect(box!.y + box!.height, `row ${i}`).toBeLessThanOrEqual(covered!.y);
    }
    await bar.getByRole("button", { name: "Clear", exact: true }).click();
  });
});

test("chosen runs are drawn over each other, and their differences listed", async ({
  page,
  productAddress,
}) => {
  await page.goto("/runs?kind=train");
  await waitLive(page);
  await page.getByRole("checkbox", { name: "Select all rows shown" }).check();
  await page.getByRole("link", { name: "Compare", exact: true }).last().click();
  await expect(page).toHaveURL(/\/runs\/compare\?ids=/);
  const chart = page.locator('[data-overlay="reward/mean"]');
  await expect(chart).toBeVisible();
  await expect.poll(() => chart.getAttribute("data-curves")).not.toBe("0");
  const alone = Number(await chart.getAttribute("data-curves"));
  expect(alone).toBeGreaterThan(1);

  await page.getByLabel("Group by").selectOption("config");
  await expect(page).toHaveURL(/group=config/);
  await expect.poll(async () => Number(await chart.getAttribute("data-curves"))).toBeGreaterThan(0);

  await test.step("a curve for each value of a setting", async () => {
    await page.getByLabel("Group by").selectOption("rl.algorithm");
    await expect(page).toHaveURL(/group=rl\.algorithm/);
    for (const algorithm of ["ppo", "grpo"])
      await expect(
        chart.getByRole("button", { name: `rl.algorithm = ${algorithm}` }).first(),
      ).toBeVisible();
    await expect
      .poll(async () => Number(await chart.getAttribute("data-curves")))
      .toBeGreaterThanOrEqual(2);
  });

  await test.step("last and best value and the one at a step, of each run and of groups", async () => {
    await page.getByRole("tab", { name: "Values" }).click();
    await page.getByLabel("Value at step").fill("1");
    const table = page.locator("[data-values]");
    await expect(table.getByRole("columnheader", { name: "step 1" }).first()).toBeVisible();
    const link = page.getByRole("link", { name: RECORDED.training, exact: true });
    const row = table.getByRole("row").filter({ has: link });
    const id = (await row.getByRole("link").getAttribute("href"))!.split("/").at(-1)!;
    const name = "reward/mean";
    const { client, close } = connect(productAddress);
    const { steps, values } = await client.metrics.seriesOfRuns
      .query({ runIds: [id], names: [name], maxPoints: 500 })
      .then((answer) => answer[id]!.series[name]!)
      .finally(close);
    expect(values.length).toBeGreaterThan(1);
    const expected = [values.at(-1)!, Math.max(...values), values[steps.indexOf(1)]!];
    const metrics = await table
      .locator("th[scope=colgroup]")
      .evaluateAll((heads) => heads.map((head) => head.getAttribute("aria-label")));
    const first = 3 * metrics.indexOf(name);
    const readNumber = (text: string) => Number.parseFloat(text) / (text.endsWith("%") ? 100 : 1);
    const readCells = async () =>
      (await row.getByRole("cell").allInnerTexts())
        .slice(first, first + 3)
        .map((text) => readNumber(text.replace("−", "-")).toFixed(2));
    await expect.poll(readCells).toEqual(expected.map((value) => value.toFixed(2)));
    await expect(table.locator('[data-group="rl.algorithm = grpo"]')).toContainText(/n \d/);
  });

  await page.getByRole("tab", { name: "Configuration" }).click();
  await expect(page.locator("[data-differences]")).toBeVisible();
  const changed = Number(await page.locator("[data-differences]").getAttribute("data-differences"));
  await page.getByRole("switch", { name: "Show what is the same too" }).click();
  await expect
    .poll(async () =>
      Number(await page.locator("[data-differences]").getAttribute("data-differences")),
    )
    .toBeGreaterThan(changed);

  await page.getByRole("tab", { name: "Environment" }).click();
  const environments = page.locator("[data-differences]");
  await expect(environments.getByRole("columnheader", { name: RECORDED.training })).toBeVisible();
  await expect(
    environments.getByRole("row", { name: /worker|python|node/i }).first(),
  ).toBeVisible();
  await page.getByRole("tab", { name: "Episodes" }).click();
  await page.getByLabel("First run").selectOption({ label: RECORDED.training });
  await page.getByLabel("Second run").selectOption({ label: RECORDED.training });
  await expect(page.getByLabel("Question", { exact: true })).not.toHaveValue("");

  await page.reload();
  await expect(page.getByRole("tab", { name: "Episodes" })).toHaveAttribute(
    "aria-selected",
    "true",
  );
  await expect(page.getByLabel("Group by")).toHaveValue("rl.algorithm");
});

test("an imported run and another trainer's stand in the overlay beside the product's own", async ({
  page,
  productUrl,
}) => {
  const trainer = `reported at ${Date.now()}`;
  const { run } = await sendTracking(productUrl, "runs/create", {
    experiment_id: "0",
    run_name: trainer,
  });
  await sendTracking(productUrl, "runs/log-batch", {
    run_id: run.info.run_id,
    params: [{ key: "actor/optim/lr", value: "1e-06" }],
    metrics: [1, 2, 3].flatMap((step) =>
      ["reward/mean", "critic/score/mean"].map((key) => ({
        key,
        value: step / 8,
        timestamp: 1_700_000_000_000 + step,
        step,
      })),
    ),
  });
  await sendTracking(productUrl, "runs/update", {
    run_id: run.info.run_id,
    status: "FINISHED",
  });
  const imported = "s3 · lighthouses";
  const predicted = "Atlas held-out, s3, trained";
  await compareRuns(page, [trainer, imported, predicted, RECORDED.training]);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Compare 4 runs");

  const findLegend = (metric: string) =>
    page.locator(`[data-overlay="${metric}"]`).getByRole("button");
  const expectCurves = async (metric: string, names: readonly string[]): Promise<void> => {
    const chart = page.locator(`[data-overlay="${metric}"]`);
    await chart.scrollIntoViewIfNeeded();
    await expect(chart).toHaveAttribute("data-curves", String(names.length));
    for (const name of names)
      await expect(findLegend(metric).filter({ hasText: name }).first()).toBeVisible();
    await expect(chart.locator("[data-curve]")).toHaveCount(names.length);
  };
  await page.getByRole("combobox", { name: "Add a metric" }).fill("critic/score/mean");
  await expectCurves("critic/score/mean", [trainer, RECORDED.training]);
  await expectCurves("reward/mean", [trainer, RECORDED.training]);
  await expectCurves("predict/accuracy", [imported, predicted]);
  const lone = page.locator('[data-overlay="predict/accuracy"] .recharts-surface circle');
  await expect(lone, "the one point of the imported run").toHaveCount(1);

  await page.getByRole("tab", { name: "Values" }).click();
  for (const name of [trainer, imported, predicted, RECORDED.training])
    await expect(page.getByRole("main").getByText(name).first()).toBeVisible();
  await page.getByRole("tab", { name: "Configuration" }).click();
  await expect(page.getByText("are defaults, not facts")).toBeVisible();
});

test("runs of a sweep are drawn over each other; episodes stand turn beside turn", async ({
  page,
}) => {
  const compare = async (...names: string[]): Promise<void> => {
    await compareRuns(page, names);
    await expect(page).toHaveURL(/\/runs\/compare\?ids=/);
  };
  await compare("RAG by documents: documents=1", "RAG by documents: documents=2");
  await expect(page.locator("[data-overlay]").first()).toHaveAttribute("data-curves", "2");
  await page.getByRole("tab", { name: "Configuration" }).click();
  await expect(
    page.locator("[data-differences]").getByRole("row", { name: /^documents/ }),
  ).toContainText(/1.*2/);

  await compare("Atlas held-out, s3", "Atlas held-out, s3, trained");
  await page.getByRole("tab", { name: "Episodes" }).click();
  const columns = page.locator("[data-side-by-side]");
  await expect(columns.locator("[data-turn='0']")).toHaveCount(2);
  await expect(columns.getByRole("link", { name: "whole episode" })).toHaveCount(2);

  await test.step("the questions in common are searched, and a link shows the chosen one", async () => {
    const questions = page.getByLabel("Question", { exact: true });
    const total = await questions.locator("option").count();
    expect(total).toBeGreaterThan(1);
    await expect(page.getByText(`${total} questions in common`)).toBeVisible();
    const last = questions.locator("option").last();
    const text = (await last.textContent())!;
    await page.getByLabel("Search the questions").fill(text);
    await expect(page.getByText("1 question in common")).toBeVisible();
    await questions.selectOption({ label: text });
    await expect(page).toHaveURL(/question=.+&set=/);
    await page.getByLabel("Search the questions").fill("no such question");
    await expect(page.getByText("0 questions in common")).toBeVisible();
    await page.reload();
    await expect(
      questions.locator("option:checked"),
      "a link that the search leaves out",
    ).toHaveText(text);
    await expect(columns.locator("[data-turn='0']")).toHaveCount(2);
  });

  await compare(RECORDED.training, RECORDED.collapsed);
  await page.getByRole("tab", { name: "Episodes" }).click();
  // With itself a run has all questions in common, up to its first step fewer.
  await page.getByLabel("Second run").selectOption({ label: RECORDED.training });
  const count = async () =>
    Number(/^\d+/.exec(await page.getByText(/^\d+ questions? in common/).innerText())![0]);
  await expect.poll(count).toBeGreaterThan(1);
  const all = await count();
  await page.getByLabel("Newest episodes up to step").fill("1");
  await expect(page).toHaveURL(/until=1/);
  await expect.poll(count).toBeLessThan(all);
});

test("all runs of a filter are chosen, also those of the next page, deleted at once and brought back", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const [shown, total] = [50, 52];
  const name = `one of many at ${Date.now()}`;
  const { client, close } = connect(productAddress);
  const listMatching = async (): Promise<string[]> =>
    (await client.runs.matching.query({ text: name })).ids;
  await Promise.all(
    Array.from({ length: total }, async (_, i) => {
      const { run } = await sendTracking(productUrl, "runs/create", {
        experiment_id: "0",
        run_name: `${name}, ${i}`,
      });
      await sendTracking(productUrl, "runs/update", {
        run_id: run.info.run_id,
        status: "FINISHED",
      });
    }),
  );
  const ids = await listMatching();
  try {
    expect(ids).toHaveLength(total);
    await page.goto(`/runs?q=${encodeURIComponent(name)}`);
    await waitLive(page);
    const rows = page.locator("tr[data-run]");
    const all = page.getByRole("checkbox", { name: "Select all rows shown" });
    const bar = page.getByRole("region", { name: "Actions on the selected runs" });
    await expect(rows).toHaveCount(shown);
    await expect(page.getByText(`The first ${shown} of more`)).toBeVisible();

    await all.check();
    await expect(bar).toContainText(`${shown} runs selected`);
    await bar.getByRole("button", { name: `Select all ${total} that match` }).click();
    await expect(bar).toContainText(`${total} runs selected`);
    await bar.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByText(`${total} runs deleted`)).toBeVisible();
    await expect(page.getByText("No run matches")).toBeVisible();
    await expect(bar).toHaveCount(0);
    expect(await listMatching()).toEqual([]);

    await page.getByRole("button", { name: "Undo" }).click();
    await expect(rows).toHaveCount(shown);
    expect((await listMatching()).toSorted()).toEqual(ids.toSorted());

    // What is shown alone: the two of the next page stay.
    await all.check();
    await bar.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByText(`${shown} runs deleted`)).toBeVisible();
    await expect(rows).toHaveCount(total - shown);
    expect(await listMatching()).toHaveLength(total - shown);
  } finally {
    // Other specs look for theirs on the first page of all runs.
    await client.runs.update.mutate({ ids, deleted: true });
    close();
  }
});
