import { readFile } from "node:fs/promises";
import { reportWave } from "./support/mlflow";
import { expect, openRun, test, waitLive } from "./support/product";
import { launchReportedRun, saveCheckpoint } from "./support/reported-run";

test("the step that a run was restarted from stands on its charts, until markers of restarts are off", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Restarted from step 6");
  const { client, worker } = run;
  const { runId, attempt } = run.attempt;
  let sequence = 0;
  const report = (of: number, steps: readonly number[]) =>
    worker.request("report", {
      runId,
      attempt: of,
      sequence: ++sequence,
      items: [
        {
          kind: "metrics",
          points: steps.map((step) => ({
            name: "reward/mean",
            step,
            value: step / 20,
            at: 1_700_000_000_000 + 1_000 * step,
          })),
        },
      ],
    });
  try {
    await report(attempt, [1, 2, 3, 4, 5, 6, 7, 8]);
    await saveCheckpoint(run, 6);
    await worker.request("transition", { runId, attempt, to: "failed", reason: "out of memory" });
    await client.runs.resume.mutate({ id: runId });
    const second = await worker.leaseAndStart();
    worker.keepAlive([{ runId, attempt: second.attempt }], 1_000);
    sequence = 0;
    await report(second.attempt, [7, 8, 9, 10, 11, 12]);

    await page.goto(`/runs/${runId}`);
    await waitLive(page);
    const chart = page.locator('[data-chart="reward"]');
    const line = chart.locator(".recharts-reference-line-line");
    await expect(line).toHaveCount(1);
    const curve = await chart.locator('[data-curve="reward/mean"]').getAttribute("d");
    const places = [...curve!.matchAll(/[ML](-?[\d.]+),/g)].map(([, x]) => Number(x));
    expect(places, "one curve of both attempts").toHaveLength(12);
    expect(Number(await line.getAttribute("x1"))).toBeCloseTo(places[5]!, 0);
    await page.getByRole("button", { name: "Markers" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Restarts" }).click();
    await page.keyboard.press("Escape");
    await expect(line).toHaveCount(0);
    const ended = { runId, attempt: second.attempt, to: "failed", reason: "seen" } as const;
    await worker.request("transition", ended);
  } finally {
    run.stop();
  }
});

test("every reported point is saved where a chart draws means of several", async ({
  page,
  productUrl,
}) => {
  const steps = 4_000;
  const name = `all points at ${Date.now()}`;
  await reportWave(productUrl, name, { steps, stepMs: 1 });
  await openRun(page, name);
  const id = page.url().split("/").at(-1)!;
  const chart = page.locator('[data-chart="panel-critic/score/mean"]');
  await expect(chart.locator("[data-curve]").first()).toBeVisible();
  await chart.getByRole("button", { name: /full screen, table, export/ }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "Save all reported points as CSV" }).click();
  const saved = await download;
  expect(saved.suggestedFilename()).toMatch(/-points\.csv$/);
  const lines = (await readFile(await saved.path(), "utf8")).trimEnd().split("\r\n");
  expect(lines[0]).toBe("\uFEFFrun_id,run,metric,step,reported_at,value");
  expect(lines).toHaveLength(1 + steps);
  expect(lines.at(-1)).toMatch(new RegExp(`^${id},${name},critic/score/mean,${steps - 1},2023-`));
});

test("one odd point of thousands stands in the envelope around their means, and off an axis without outliers", async ({
  page,
  productUrl,
}) => {
  const name = `a spike at ${Date.now()}`;
  const steps = 4_000;
  const spike = { step: 2_345, value: 50 };
  await reportWave(productUrl, name, { steps, stepMs: 1, spike });
  await openRun(page, name);
  const chart = page.locator('[data-chart="panel-critic/score/mean"]');
  /** The points of a path on the screen, the highest one first. */
  const readPoints = async (path: string): Promise<{ x: number; y: number }[]> => {
    const d = (await chart.locator(path).getAttribute("d")) ?? "";
    return [...d.matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g)]
      .map(([, x, y]) => ({ x: Number(x), y: Number(y) }))
      .sort((a, b) => a.y - b.y);
  };
  const readTicks = (): Promise<number[]> =>
    chart
      .locator(".recharts-yAxis-tick-labels .recharts-cartesian-axis-tick-value")
      .evaluateAll((ticks) => ticks.map((tick) => Number(tick.textContent)));
  const readHighest = async (): Promise<number> => Math.max(...(await readTicks()));
  await expect(chart.locator("[data-area]")).toHaveCount(1);

  const [mean, area] = [await readPoints("[data-curve]"), await readPoints("[data-area]")];
  const [peak, top, foot] = [mean[0]!, area[0]!, area.at(-1)!];
  expect(foot.y - top.y, "a mean of several hides what the envelope shows").toBeGreaterThan(
    3 * (foot.y - peak.y),
  );
  const xs = mean.map(({ x }) => x).sort((a, b) => a - b);
  const share = (top.x - xs[0]!) / (xs.at(-1)! - xs[0]!);
  expect(share, "where it was reported").toBeCloseTo(spike.step / steps, 2);

  const whole = await readTicks();
  expect(await readHighest()).toBeGreaterThanOrEqual(spike.value);
  await expect(chart.locator("[data-notes]")).toHaveCount(0);
  const without = page.getByRole("button", { name: "Without outliers" });
  await without.click();
  await expect.poll(readHighest).toBeLessThan(2);
  await expect(chart.locator("[data-notes]")).toContainText(
    /^1 point is outside of this axis, of [\d,]+\.$/,
  );
  await without.click();
  await expect.poll(readTicks).toEqual(whole);
  await expect(chart.locator("[data-notes]")).toHaveCount(0);
});
