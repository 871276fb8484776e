import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect } from "@/cli/client";
import { findPreset } from "@/core/presets/run-presets";
import { TestWorker } from "@/server/testing/test-worker";
import { expect, expectAccessible, openRun, RECORDED, test, waitLive } from "./support/product";

test("a run says whether it learns, its log is searched, its settings are compared, its report opens without a server", async ({
  page,
}) => {
  await openRun(page, RECORDED.collapsed);
  await expect(page.locator("[data-learning]")).toContainText("Groups without variance since step");
  await expect(page.locator("[data-learning=learns]")).toHaveCount(0);

  await openRun(page, RECORDED.training);
  const claim = page.locator("[data-learning]");
  await expect(claim).toContainText(/held-out over its start, 95% .+ to .+, \d+ questions/);
  await expect(page.locator("[data-run-progress]")).toContainText(/Step (\d+) of \1/);
  await expect(page.getByTestId("spent")).toContainText(
    /So far [1-9]\d* episodes, [1-9][\d,]* action tokens and .+ since the first point/,
  );

  await page.getByRole("tab", { name: "logs" }).click();
  const log = page.getByRole("log");
  await expect(log).toContainText("cold start");
  await page.getByLabel("Lines that contain").fill("HELD-OUT AFTER");
  await expect(log).not.toContainText("cold start");
  await expect(log).toContainText("held-out after step");

  await page.getByRole("tab", { name: "configuration" }).click();
  await page.getByLabel("Compare with").selectOption("preset:atlas-smollm2-grpo");
  const difference = page.locator("[data-configuration-difference]");
  await expect(difference.getByRole("row", { name: /rl\.algorithm/ })).toContainText("ppo");
  await expectAccessible(page);

  await page.getByRole("link", { name: "Report" }).click();
  await expect(page.getByRole("heading", { level: 1, name: RECORDED.training })).toBeVisible();
  await expect(page.locator(".run-report .claim")).toContainText("held-out over its start");
  await expect(page.locator(".run-report svg").first()).toBeVisible();
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as one file" }).click();
  const path = await (await saving).path();
  const html = await readFile(path, "utf8");
  expect(html).toContain("Held-out accuracy");
  expect(html).not.toMatch(/src=|href=/);
});

test("a run is prepared, followed, changed, paused and cancelled without a jump or a second question", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const { client, close } = connect(productAddress);
  const model = `model-of-${randomUUID()}`;
  let worker: TestWorker | undefined;
  try {
    const { searcher, generator, ...config } = findPreset("atlas-smollm2-grpo")?.config as {
      kind: "train";
      searcher: object;
      generator: object;
    };
    const { id } = await client.runs.launch.mutate({
      config: {
        ...config,
        name: "Watched from its first minute",
        rl: { steps: 20 },
        searcher: { ...searcher, model },
        generator: { ...generator, model },
      },
    });
    await page.goto(`/runs/${id}`);
    await waitLive(page);
    const preparation = page.locator("[data-preparation]");
    await expect(preparation).toContainText("Waiting for a worker");
    await expect(page.locator("[data-learning=too-early]")).toBeVisible();

    const { token } = await client.workers.createToken.mutate({
      name: "run page test",
      serverUrl: productUrl,
    });
    worker = await TestWorker.attach({
      url: productUrl,
      token,
      id: randomUUID(),
      name: "run page test",
      models: [model],
      corpora: ["atlas"],
    });
    const { runId, attempt } = await worker.leaseAndStart();
    expect(runId, "this run, and none that another spec left").toBe(id);
    const ref = { runId, attempt };
    worker.keepAlive([ref], 1_000);
    const point = (name: string, step: number, value: number) => ({
      name,
      step,
      value,
      at: Date.now(),
    });
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "preflight",
          items: [
            { name: "engine", state: "running", seconds: null, detail: "loading", error: null },
          ],
        },
      ],
    });
    await expect(preparation.locator('[data-preflight="engine"]')).toContainText("loading");
    await worker.request("report", {
      ...ref,
      sequence: 2,
      items: [
        {
          kind: "metrics",
          points: [1, 2, 3].flatMap((step) => [
            point("timing_s/step", step, 10 + step),
            point("reward/mean", step, 0.1),
          ]),
        },
      ],
    });
    const progress = page.locator("[data-run-progress]");
    await expect(progress).toContainText("Step 3 of 20");
    await expect(progress.locator("[data-time-left]")).toContainText(/about .+ left, .+ to .+/);
    await expect(preparation).toHaveCount(0);

    await page.getByRole("button", { name: "Steps", exact: true }).click();
    await page.getByLabel("Steps in total").fill("30");
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await expect(progress).toContainText("Step 3 of 30");
    expect((await worker.heartbeat([ref])).steps).toEqual([{ ...ref, steps: 30 }]);

    const state = page.locator("main header [data-run-state]").first();
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByRole("button", { name: "Pause the run" }).click();
    await expect(state).toHaveAttribute("data-run-state", "pausing");
    await worker.request("transition", { ...ref, to: "paused", reason: "Paused on request." });
    await expect(state).toHaveAttribute("data-run-state", "paused");
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await expect(state).not.toHaveAttribute("data-run-state", "paused");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Cancel the run" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(state).toHaveAttribute("data-run-state", "cancelled");
    await page.getByRole("tab", { name: "history" }).click();
    await expect(page.getByRole("region", { name: "Changes of state" })).toContainText(
      "steps: 20 → 30",
    );
  } finally {
    worker?.disconnect();
    close();
  }
});
