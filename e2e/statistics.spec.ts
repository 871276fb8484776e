import { expect, measureOverflow, openRun, RECORDED, test, waitLive } from "./support/product";

test("the leaderboard shows ranks as intervals, what a test could see and what a finer one needs; the address keeps its view", async ({
  page,
}) => {
  await page.goto("/leaderboard");
  await waitLive(page);
  const rows = page.locator("tr[data-method]");
  await expect(rows.first()).toBeVisible();
  await expect(page.locator("[data-rank]").first()).toHaveText(/^#\d+(–\d+)? [a-z]+$/);
  for (const verdict of await page.locator("[data-verdict]").allInnerTexts())
    expect(verdict).toMatch(/better|worse|no difference shown\s*\((sees [\d.]+|what it could see)/);

  const planner = page.locator("[data-planner]");
  const needed = planner.locator("[data-plan]").first();
  await expect(needed).toHaveText(/[\d,]+ questions/);
  const count = async () => Number(await needed.getAttribute("data-plan"));
  const ofThree = await count();
  await planner.getByLabel("Points to see").fill("6");
  await expect
    .poll(count, { message: "twice the difference needs a quarter" })
    .toBeLessThan(ofThree / 3.9);

  // Pinned, sorted and searched; the same after a reload.
  const pinned = await rows.last().getAttribute("data-row");
  // By its key: results that arrive meanwhile may make another row the last.
  await page.locator(`tr[data-row="${pinned}"]`).getByRole("button", { name: /^Pin/ }).click();
  await expect(rows.first()).toHaveAttribute("data-row", pinned!);
  await page.getByRole("button", { name: "Method", exact: true }).click();
  await page.getByLabel("Search methods").fill("IRCoT");
  // The pinned one, and the one that is searched for where it is another.
  const expectFound = () =>
    expect.poll(() => rows.count(), { message: "found" }).toBeLessThanOrEqual(2);
  await expectFound();
  await expect(page).toHaveURL(/q=IRCoT/);
  await expect(page).toHaveURL(/sort=/);
  await page.reload();
  await expect(page.locator("th[aria-sort=descending]")).toHaveText("Method");
  await expect(rows.first()).toHaveAttribute("data-row", pinned!);
  await expectFound();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page), "on a phone").toBeLessThanOrEqual(0);
});

test("every question of a training run is followed over its steps, and leads to its episodes", async ({
  page,
}) => {
  await openRun(page, RECORDED.training);
  await page.getByRole("tab", { name: "questions" }).click();
  const table = page.locator("[data-pass-rates]");
  await expect(table).not.toHaveAttribute("data-pass-rates", "0");
  const mastered = page.getByRole("button", { name: /^mastered \d+$/ });
  const count = Number(/\d+/.exec(await mastered.innerText())![0]);
  await mastered.click();
  await expect(page).toHaveURL(/state=mastered/);
  if (count > 0)
    await expect(page.locator("tr[data-state]").first()).toHaveAttribute("data-state", "mastered");
  await page.getByRole("button", { name: /^all \d+$/ }).click();
  await page.locator("tr[data-state] th a").first().click();
  await expect(page).toHaveURL(/tab=episodes.*question=/);
  await expect(page.locator("[data-episode]:visible").first()).toBeVisible();
});

test("a score of a part of a run's answers says of how many", async ({ page }) => {
  // The judge of another run has scored what this one answers alike.
  await openRun(page, "Atlas held-out, s3, trained");
  const scorer = page.getByRole("combobox", { name: "Scorer" });
  const judged = scorer.locator("option", { hasText: /^judge\// });
  await expect(judged).toContainText(/\(\d+ of 48 answers\)$/);
  await scorer.selectOption(await judged.getAttribute("value"));
  await expect(page.locator("[data-statistics^=judge]")).toContainText(
    /It has scored \d+ of 48 answers\./,
  );
  await scorer.selectOption(
    await scorer.locator("option", { hasText: /^span\// }).getAttribute("value"),
  );
  await expect(page.locator("[data-statistics^=span]")).not.toContainText("It has scored");
});
