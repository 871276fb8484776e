import { startReceiver } from "@/lib/testing/receiver";
import { turnOnNotifications } from "./support/browser-notifications";
import { expect, measureOverflow, openRun, RECORDED, test, waitLive } from "./support/product";
import { launchReportedRun, saveCheckpoint, type ReportedRun } from "./support/reported-run";

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

/** Reports that no group had variance. */
const raiseAlarm = (
  { worker, attempt }: ReportedRun,
  { since, step }: { since: number; step: number },
): Promise<unknown> =>
  worker.request("report", {
    ...attempt,
    sequence: 1,
    items: [
      {
        kind: "alarms",
        changes: [
          {
            to: "raised",
            name: "no-variance",
            step,
            since,
            evidence: [
              {
                metric: "groups/without_variance",
                now: { value: 1, fromStep: since, toStep: step },
                before: null,
                limit: { side: "at-least", value: 0.9 },
              },
            ],
          },
        ],
      },
    ],
  });

test("an alarm that a worker raises appears on the open page by itself, and is told by browser and webhook", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const receiver = await startReceiver();
  const run = await launchReportedRun({ productAddress, productUrl }, "Watched for alarms");
  const { client, worker } = run;
  const { runId, attempt } = run.attempt;
  const { id: channel } = await client.notifications.create.mutate({
    name: `alarms of ${runId}`,
    events: ["alarm"],
    origin: productUrl,
    address: { kind: "webhook", url: `${receiver.url}/alarms` },
  });
  try {
    const listShown = await turnOnNotifications(page, productUrl);
    await page.goto(`/runs/${runId}`);
    await waitLive(page);
    await expect(page.locator("[data-alarm]")).toHaveCount(0);
    await raiseAlarm(run, { since: 1, step: 5 });
    await expect(page.locator('[data-alarm="no-variance"]')).toBeVisible();
    await expect(page.locator("[data-alarm-banner]")).toContainText("since step 1");

    await test.step("browser and webhook tell of it, once", async () => {
      await expect.poll(listShown).toEqual(["Alarm in Watched for alarms"]);
      await expect.poll(() => receiver.got.length).toBe(1);
      expect(JSON.parse(receiver.got[0]!.body)).toMatchObject({
        title: "Alarm in Watched for alarms: Groups without variance",
        link: `${productUrl}/runs/${runId}`,
        event: { kind: "alarm", runId, alarm: "no-variance", step: 5 },
      });
    });

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
    await page.goto("/notifications");
    const told = page.locator(`[data-channel="alarms of ${runId}"]`);
    await expect(told, "not of its end, too").toContainText("1 message delivered");
    expect(receiver.got).toHaveLength(1);
  } finally {
    await client.notifications.remove.mutate({ id: channel });
    run.stop();
    receiver.close();
  }
});

test("a run is taken back to its last checkpoint before the alarm: a branch goes on from it, and the run is paused", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Taken back");
  const { client, worker } = run;
  const { runId, attempt } = run.attempt;
  try {
    await saveCheckpoint(run, 2);
    const healthy = await saveCheckpoint(run, 4);
    await page.goto(`/runs/${runId}`);
    await waitLive(page);
    const rewind = page.getByRole("button", { name: /Rewind to step/ });
    await expect(rewind, "no alarm stands").toHaveCount(0);
    // This one came of the steps that the alarm is about.
    await saveCheckpoint(run, 8);
    await raiseAlarm(run, { since: 6, step: 8 });
    await expect(rewind, "above the tabs, and at the alarm").toHaveCount(2);
    await expect(rewind).toHaveText(["Rewind to step 4", "Rewind to step 4"]);
    await rewind.last().click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(
      "Taken back, branch of step 4",
    );
    await expect(page).not.toHaveURL(new RegExp(runId));

    const branchId = new URL(page.url()).pathname.split("/").at(-1)!;
    const [origin, branch] = await Promise.all(
      [runId, branchId].map((id) => client.runs.get.query({ id })),
    );
    if (origin?.config.kind !== "train" || branch?.config.kind !== "train")
      throw new Error("one of them trains nothing");
    const { config } = origin;
    expect(branch.config, "all as before, but for what is left to do").toEqual({
      ...config,
      name: "Taken back, branch of step 4",
      searcher: { ...config.searcher, checkpoint: healthy, checkpointState: "all" },
      coldStart: { ...config.coldStart, demonstrations: 0 },
      rl: { ...config.rl, steps: config.rl.steps - 4, scheduleOffset: 4 },
    });
    expect(branch.state).toBe("queued");
    await page.getByRole("tab", { name: "configuration" }).click();
    await expect(page.getByRole("main")).toContainText(healthy);

    await test.step("the worker is asked to pause the run, which says so once it has", async () => {
      await expect
        .poll(async () => (await worker.heartbeat([run.attempt])).pause)
        .toEqual([run.attempt]);
      await page.goto(`/runs/${runId}`);
      const state = page.locator("main header [data-run-state]").first();
      await expect(state).toHaveAttribute("data-run-state", "pausing");
      await worker.request("transition", { runId, attempt, to: "paused", reason: "asked to" });
      await expect(state).toHaveAttribute("data-run-state", "paused");
    });
    for (const id of [branchId, runId]) await client.runs.cancel.mutate({ id });
  } finally {
    run.stop();
  }
});
