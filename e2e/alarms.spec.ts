import { expect, overflow, test, waitLive } from "./product";

/** Corpus encoded and model loaded where this spec comes first; then seven steps of two episodes. */
const COLLAPSE_MS = 400_000;

test("a run that cannot learn raises an alarm on the page, stops on it with the reason, and goes on when resumed", async ({
  page,
}) => {
  test.setTimeout(COLLAPSE_MS);
  await page.goto("/runs/new?preset=atlas-smollm2-grpo");
  await waitLive(page);
  const set = (path: string, value: string) => page.locator(`[id="setting-${path}"]`).fill(value);
  // All but greedy: both samples of a question are the same, so no group has variance.
  for (const [path, value] of [
    ["name", "Made to collapse"],
    ["coldStart.demonstrations", "0"],
    ["rl.steps", "7"],
    ["rl.questionsPerStep", "1"],
    ["rl.groupSize", "2"],
    ["rl.temperature", "0.01"],
    ["rl.resample", "0"],
    ["evaluation.questions", "0"],
    ["checkpointing.every", "100"],
  ] as const)
    await set(path, value);
  await page.locator('[id="setting-alarms.stopOn.no-variance"]').click();
  await page.getByRole("button", { name: "Launch", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
  const runUrl = page.url();
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));

  // Raised, told and marked without a reload; then the run ends with the reason.
  const alarm = page.locator('[data-alarm="no-variance"]');
  await expect(alarm).toBeVisible({ timeout: 240_000 });
  await expect(page.locator("[data-alarm-banner]")).toContainText(
    "Groups without variance since step 1",
  );
  await expect(alarm).toContainText("Since step 1, noticed after step 5");
  await expect(alarm.getByRole("row", { name: /groups\/without_variance/ })).toContainText("≥ 0.9");
  await expect(alarm).toContainText("rl.temperature");
  const chart = page.locator('[data-chart="variance"]');
  await expect(chart.locator('[data-mark="no-variance"]')).toContainText("since step 1");
  await expect(chart.locator(".recharts-reference-line")).toHaveCount(1);
  const state = page.locator("main header [data-run-state]").first();
  await expect(state).toHaveAttribute("data-run-state", "failed", { timeout: 60_000 });
  const reason = page.locator("main header").getByRole("alert");
  for (const part of [
    "Stopped on an alarm after step 5: Groups without variance",
    "groups/without_variance 1 (steps 1–5); limit: at least 0.9",
    "What mends it",
  ])
    await expect(reason).toContainText(part);
  expect(await page.evaluate(() => "notReloaded" in window)).toBe(true);
  await alarm.getByRole("link", { name: "groups/without_variance" }).click();
  await expect(page).toHaveURL(/#chart-variance$/);
  await expect(chart).toBeInViewport();

  // From every tab the banner leads to the list; the list of runs shows that an alarm stands.
  await page.getByRole("tab", { name: "checkpoints" }).click();
  await expect(page.locator("[data-checkpoint]").first()).toContainText("5");
  await page.locator("[data-alarm-banner]").getByRole("link").click();
  await expect(alarm).toBeInViewport();
  await page.goto("/");
  await expect(
    page.locator(`tr[data-run="${runUrl.split("/").at(-1)}"] [data-run-alarms]`),
  ).toContainText("1 alarm");

  // Resumed unchanged it goes on from the checkpoint that was saved first, and the alarm does not stop it again.
  await page.goto(runUrl);
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect(state).toHaveAttribute("data-run-state", "succeeded", { timeout: 90_000 });
  await expect(page.locator("[data-alarm]")).toHaveCount(1);
  await page.getByRole("tab", { name: "history" }).click();
  await expect(page.getByRole("region", { name: "Attempts" })).toContainText("step 5");

  for (const [width, height] of [
    [390, 844],
    [1280, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.goto(runUrl);
    await expect(alarm).toBeVisible();
    expect(await overflow(page), `at ${width} pixels`).toBeLessThanOrEqual(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      if (process.env.S3_SCREENSHOTS)
        await page.screenshot({
          path: `${process.env.S3_SCREENSHOTS}/alarms-${width}-${colorScheme}.png`,
          fullPage: true,
        });
    }
  }
});
