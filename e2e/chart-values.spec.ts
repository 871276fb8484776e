import { createHash, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { reportWave, sendTracking } from "./support/mlflow";
import { expect, openRun, test, waitLive } from "./support/product";
import { launchReportedRun } from "./support/reported-run";

test("the step that a run was restarted from stands on its charts, until markers of restarts are off", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Restarted from step 6");
  const { client, worker, token } = run;
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
    const id = randomUUID();
    const bytes = Buffer.from("weights");
    const file = { name: "adapter.safetensors", bytes: bytes.length };
    const sent = await fetch(
      `${productUrl}/worker/artifacts/${id}/${file.name}?runId=${runId}&attempt=${attempt}`,
      { method: "PUT", body: bytes, headers: { authorization: `Bearer ${token}` } },
    );
    expect(sent.status).toBe(201);
    await worker.request("commitArtifact", {
      runId,
      attempt,
      manifest: {
        id,
        kind: "checkpoint",
        step: 6,
        files: [{ ...file, sha256: createHash("sha256").update(bytes).digest("hex") }],
        metadata: {},
      },
    });
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

test("outliers leave the axis to the other values, which then fill the chart, and are counted below it", async ({
  page,
  productUrl,
}) => {
  const name = `two outliers at ${Date.now()}`;
  const { run } = await sendTracking(productUrl, "runs/create", {
    experiment_id: "0",
    run_name: name,
  });
  await sendTracking(productUrl, "runs/log-batch", {
    run_id: run.info.run_id,
    metrics: Array.from({ length: 200 }, (_, step) => ({
      key: "critic/score/mean",
      value: step === 50 || step === 150 ? 1_000 : Math.sin(step / 7),
      timestamp: 1_700_000_000_000 + step,
      step,
    })),
  });
  await openRun(page, name);
  const chart = page.locator('[data-chart="panel-critic/score/mean"]');
  const curve = chart.locator("[data-curve]").first();
  const readTop = async (): Promise<number> => {
    const ticks = await chart
      .locator(".recharts-yAxis .recharts-cartesian-axis-tick")
      .allTextContents();
    return Math.max(...ticks.map((tick) => Number(tick.replaceAll(",", "").replace("−", "-"))));
  };
  /** Height of what is drawn of the wave, as a share of the plot's. */
  const readHeight = async (): Promise<number> => {
    const path = (await curve.getAttribute("d")) ?? "";
    const heights = [...path.matchAll(/[ML]-?[\d.]+,(-?[\d.]+)/g)].map(([, y]) => Number(y));
    const wave = heights.slice(0, 45);
    const box = (await chart.getByRole("group").boundingBox())!;
    return (Math.max(...wave) - Math.min(...wave)) / box.height;
  };
  await expect.poll(readTop).toBeGreaterThanOrEqual(1_000);
  expect(await readHeight()).toBeLessThan(0.05);
  await page.getByRole("button", { name: "Without outliers" }).click();
  await expect.poll(readTop).toBeLessThan(5);
  await expect.poll(readHeight).toBeGreaterThan(0.4);
  await expect(chart.locator("[data-notes]")).toContainText(
    "2 points are outside of this axis, of 200.",
  );
  await page.getByRole("button", { name: "Without outliers" }).click();
  await expect.poll(readTop).toBeGreaterThanOrEqual(1_000);
});

test("every reported point is saved where a chart draws means of several", async ({
  page,
  productUrl,
}) => {
  const steps = 4_000;
  const name = `all points at ${Date.now()}`;
  const id = await reportWave(productUrl, name, { steps, stepMs: 1 });
  await openRun(page, name);
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
