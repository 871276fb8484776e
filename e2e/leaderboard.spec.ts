import { expect, measureOverflow, test, waitLive } from "./support/product";

/** Minutes on two slow cores: the model is loaded and three methods answer a few questions each. */
const PREDICTIONS_MS = 300_000;
const QUESTIONS = 8;

test(
  "from an empty leaderboard to s3, RAG and IRCoT compared, with the significance, in at most six clicks",
  { tag: "@long" },
  async ({ page }) => {
    test.setTimeout(PREDICTIONS_MS);
    let clicks = 0;
    await page.exposeFunction("countClick", () => void clicks++);
    await page.addInitScript(() =>
      document.addEventListener(
        "click",
        (event) =>
          event.isTrusted && void (window as unknown as { countClick(): void }).countClick(),
        true,
      ),
    );
    await page.goto("/");
    await waitLive(page);
    const steps = page.getByRole("region", { name: "Next steps" });
    await expect(steps.locator("[data-step]").first()).toBeVisible();
    await page.locator("aside").getByRole("link", { name: "Leaderboard" }).click();
    await expect(page.getByText("Nothing has been answered yet")).toBeVisible();
    for (const method of ["s3", "RAG", "IRCoT"])
      await expect(page.getByRole("checkbox", { name: new RegExp(`^${method}`) })).toBeChecked();
    // Typed, not clicked: a few questions are enough here.
    await page.getByLabel("First questions only").fill(String(QUESTIONS));
    await page.getByRole("button", { name: "Launch 3 methods" }).click();
    await expect(page.locator("[data-active]")).toHaveAttribute("data-active", "3");

    // Nothing is loaded again: results arrive by themselves.
    await expect(page.locator("[data-tests]")).toHaveAttribute("data-tests", "2", {
      timeout: PREDICTIONS_MS - 60_000,
    });
    expect(clicks, "clicks until the comparison is there").toBeLessThanOrEqual(6);
    await expect(page.locator("tr[data-method]")).toHaveCount(3);
    const cells = page.locator("[data-cell]");
    await expect(cells).toHaveCount(3);
    for (const text of await cells.allInnerTexts())
      expect(text).toMatch(/#[1-3](–3)? [a-c]+\s*[\d.]+%/);
    await expect(page.locator("[data-verdict]")).toHaveText([
      /better|worse|no difference shown/,
      /better|worse|no difference shown/,
    ]);
    await expect(page.locator("[data-cost-points]")).toHaveAttribute("data-cost-points", "3");

    // Launching again runs nothing twice.
    await page.getByLabel("First questions only").fill(String(QUESTIONS));
    await page.getByRole("button", { name: "Launch 3 methods" }).click();
    await expect(page.getByText("Nothing is missing")).toBeVisible();

    // The ceiling: asked for once, beside the methods and never among them.
    await page.getByRole("button", { name: "Measure the ceiling" }).click();
    await expect(page.locator("[data-ceilings]")).toContainText(
      new RegExp(`[\\d.]+%.*of ${QUESTIONS}`, "s"),
      { timeout: PREDICTIONS_MS - 60_000 },
    );
    await expect(page.locator("tr[data-method]")).toHaveCount(3);
    await expect(page.locator("[data-ceiling]")).toContainText(
      "from the gold documents alone the generator answers",
    );

    // Question by question: the counts of the quadrants are those of the list.
    for (const box of await page.locator("tr[data-method] input[type=checkbox]").all())
      await box.check();
    await page.getByRole("link", { name: "Compare 3" }).click();
    await expect(page.locator("[data-compared]")).toHaveCount(3);
    const quadrant = page
      .locator("[data-quadrant]")
      .filter({ hasNot: page.getByText(/^0$/) })
      .first();
    const wanted = (await quadrant.locator("span").nth(1).innerText()).trim();
    await quadrant.click();
    await expect(page).toHaveURL(/who=/);
    await expect(page.locator("[data-total]")).toHaveAttribute("data-total", wanted);
    await page.locator("[data-question] button").first().click();
    await expect(page.locator("[data-side-by-side] [data-turn='0']").first()).toBeVisible();
    // A right, B wrong: the field's count is that of the list, and every row of it shows so.
    const onlyFirst = page.locator("[data-quadrant]").nth(1);
    const count = (await onlyFirst.locator("span").nth(1).innerText()).trim();
    await onlyFirst.click();
    await expect(page.locator("[data-total]")).toHaveAttribute("data-total", count);
    await expect(page.locator("[data-question]")).toHaveCount(Number(count));
    // The columns of the UpSet plot add up to all questions, and one of them filters the list as well.
    const columns = page.locator("[data-pattern]");
    const heights = await columns.evaluateAll((all) =>
      all.map((column) => Number(/^\d+/.exec(column.textContent ?? "")?.[0])),
    );
    expect(heights.reduce((sum, height) => sum + height, 0)).toBe(QUESTIONS);
    await columns.first().click();
    await expect(page.locator("[data-total]")).toHaveAttribute("data-total", String(heights[0]));

    await page.setViewportSize({ width: 390, height: 844 });
    expect(await measureOverflow(page), "compare on a phone").toBeLessThanOrEqual(0);
    await page.goto("/leaderboard?paper=Claude-3-Haiku");
    await expect(page.locator("[data-leaderboard]")).toBeVisible();
    expect(await measureOverflow(page), "leaderboard on a phone").toBeLessThanOrEqual(0);

    // Every cell opens its episodes.
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.locator("[data-cell]").first().click();
    await expect(page.locator("[data-episode]:visible")).toHaveCount(QUESTIONS);
  },
);
