import { expect, measureOverflow, openRun, RECORDED, test, waitLive } from "./support/product";
import { launchReportedRun } from "./support/reported-run";

test("an alarm is told with its evidence, marked on its chart, and the reason why the run was stopped", async ({
  page,
}) => {
  await openRun(page, RECORDED.collapsed);
  const runUrl = page.url();
  const alarm = page.locator('[data-alarm="no-variance"]');
  await expect(alarm).toBeVisible();
  await expect(page.locator("[data-alarm-banner]")).toContainText(
    "Groups without variance since step 1",
  );
  await expect(alarm).toContainText("Since step 1, noticed after step 5");
  await expect(alarm.getByRole("row", { name: /groups\/without_variance/ })).toContainText("≥ 0.9");
  await expect(alarm).toContainText("rl.temperature");
  const chart = page.locator('[data-chart="variance"]');
  await expect(chart.locator('[data-mark="no-variance"]')).toContainText("since step 1");
  await chart.scrollIntoViewIfNeeded(); // a chart is drawn when it is in sight
  await expect(chart.locator(".recharts-reference-line")).toHaveCount(1);
  const state = page.locator("main header [data-run-state]").first();
  await expect(state).toHaveAttribute("data-run-state", "failed");
  const reason = page.locator("main header").getByRole("alert");
  for (const part of [
    "Stopped on an alarm after step 5: Groups without variance",
    "groups/without_variance 1 (steps 1–5); limit: at least 0.9",
    "What mends it",
  ])
    await expect(reason).toContainText(part);
  await alarm.getByRole("link", { name: "groups/without_variance" }).click();
  await expect(page).toHaveURL(/#chart-variance$/);
  await expect(chart).toBeInViewport();

  // From every tab the banner leads to the list; the list of runs shows that an alarm stands.
  await page.getByRole("tab", { name: "checkpoints" }).click();
  await expect(page.locator("[data-checkpoint]").first()).toContainText("5");
  await page.locator("[data-alarm-banner]").getByRole("link").click();
  await expect(alarm).toBeInViewport();
  await page.goto("/runs");
  await expect(
    page.locator(`tr[data-run="${runUrl.split("/").at(-1)}"] [data-run-alarms]`),
  ).toContainText("1 alarm");

  for (const [width, height] of [
    [390, 844],
    [1280, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.goto(runUrl);
    await expect(alarm).toBeVisible();
    expect(await measureOverflow(page), `at ${width} pixels`).toBeLessThanOrEqual(0);
  }
});

test("an alarm that a worker raises appears on the open page by itself", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Watched for alarms");
  const { worker } = run;
  const { runId, attempt } = run.attempt;
  try {
    await page.goto(`/runs/${runId}`);
    await waitLive(page);
    await expect(page.locator("[data-alarm]")).toHaveCount(0);
    await worker.request("report", {
      runId,
      attempt,
      sequence: 1,
      items: [
        {
          kind: "alarms",
          changes: [
            {
              to: "raised",
              name: "no-variance",
              step: 5,
              since: 1,
              evidence: [
                {
                  metric: "groups/without_variance",
                  now: { value: 1, fromStep: 1, toStep: 5 },
                  before: null,
                  limit: { side: "at-least", value: 0.9 },
                },
              ],
            },
          ],
        },
      ],
    });
    await expect(page.locator('[data-alarm="no-variance"]')).toBeVisible();
    await expect(page.locator("[data-alarm-banner]")).toContainText("since step 1");

    await test.step("home shows it while the run goes on", async () => {
      await page.goto("/");
      await waitLive(page);
      const running = page.getByRole("region", { name: "Running", exact: true });
      const ended = page.getByRole("region", { name: "Ended", exact: true });
      const inList = page.locator(`[data-run="${runId}"]`);
      const alarms = page.getByRole("region", { name: "Alarms", exact: true });
      await expect(running.locator(inList)).toContainText(/Watched for alarms.*running/);
      await expect(ended.locator(inList)).toHaveCount(0);
      const link = page.locator(`a[href="/runs/${runId}"]`);
      const alarm = alarms.getByRole("listitem").filter({ has: link });
      await expect(alarm.locator(link)).toHaveText("Groups without variance");
      await expect(alarm).toContainText("Watched for alarms");
      await worker.request("transition", { runId, attempt, to: "failed", reason: "seen enough" });
      await expect(running.locator(inList)).toHaveCount(0);
      await expect(ended.locator(inList)).toContainText(/Watched for alarms.*failed/);
    });
  } finally {
    run.stop();
  }
});
