import { sendTracking } from "./support/mlflow";
import { expect, measureOverflow, test, waitLive, countPoints } from "./support/product";

test("a trainer's run appears as it is reported, its curve grows, and it ends as its trainer says", async ({
  page,
  productUrl,
}, { retry }) => {
  const name = `reported ${retry}`;
  await page.goto(`/runs?q=${encodeURIComponent(name)}`);
  await waitLive(page);
  const { run } = await sendTracking(productUrl, "runs/create", {
    experiment_id: "0",
    run_name: name,
    user_id: "ada",
  });
  const id = run.info.run_id;
  const report = (step: number) =>
    sendTracking(productUrl, "runs/log-batch", {
      run_id: id,
      metrics: [
        { key: "critic/score/mean", value: step / 8, timestamp: 1_700_000_000_000 + step, step },
      ],
      params: [{ key: "actor/optim/lr", value: "1e-06" }],
    });
  await report(1);
  await page.locator("tr[data-run]").getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.locator("[data-external-phase=running]")).toContainText("last heard");
  await report(2);
  await report(3);
  await expect.poll(() => countPoints(page, "panel-critic/score/mean")).toBe(3);
  await page.getByRole("tab", { name: "configuration" }).click();
  await expect(page.locator("[data-parameters]")).toContainText("actor/optim/lr1e-06");
  await expect(page.getByRole("tab", { name: "checkpoints" })).toHaveCount(0);
  await sendTracking(productUrl, "runs/log-batch", {
    run_id: id,
    metrics: [{ key: "critic/score/mean", value: "NaN", timestamp: 5, step: 4 }],
  });
  await page.getByRole("tab", { name: "logs" }).click();
  await expect(page.getByRole("log")).toContainText("critic/score/mean at step 4 is NaN");
  await sendTracking(productUrl, "runs/update", { run_id: id, status: "FAILED" });
  await expect(page.locator("[data-external-phase=failed]")).toContainText("that it failed");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
});

test("runs of other trainers are compared at once, and seeds of one configuration are one curve with its band", async ({
  page,
  productUrl,
}, { retry }) => {
  const name = `compared ${retry}`;
  const ids: string[] = [];
  for (const seed of [1, 2, 3]) {
    const { run } = await sendTracking(productUrl, "runs/create", {
      experiment_id: "0",
      run_name: `${name}, seed ${seed}`,
    });
    const { run_id } = run.info;
    ids.push(run_id);
    await sendTracking(productUrl, "runs/log-batch", {
      run_id,
      metrics: [1, 2, 3].map((step) => ({
        key: "critic/score/mean",
        value: (step + seed) / 8,
        timestamp: 1_700_000_000_000 + step,
        step,
      })),
      params: [{ key: "lr", value: "1e-06" }],
    });
    await sendTracking(productUrl, "runs/update", { run_id, status: "FINISHED" });
  }
  await page.goto(`/runs?q=${encodeURIComponent(name)}`);
  await waitLive(page);
  await expect(page.locator("tr[data-run]")).toHaveCount(3);
  await page.getByRole("checkbox", { name: "Select all rows shown" }).check();
  await page.getByRole("link", { name: "Compare", exact: true }).last().click();
  const chart = page.locator('[data-overlay="critic/score/mean"]');
  await expect(chart, "nobody had to choose a metric").toHaveAttribute("data-curves", "3");
  await page.getByLabel("Group by").selectOption("config");
  await expect(chart).toHaveAttribute("data-curves", "1");
  await expect(chart.getByRole("button", { name: /n 3$/ }), "N stands in the legend").toBeVisible();
  await expect(chart.locator("[data-area]"), "its 95% interval").not.toHaveCount(0);

  // By the ids that MLflow's client returned, which have no hyphens.
  await page.goto(`/runs/compare?ids=${ids.join(",")}`);
  await expect(chart).toHaveAttribute("data-curves", "3");
  await page.goto(`/runs/${ids[0]}?tab=logs`);
  await expect(page).toHaveURL(/\/runs\/[0-9a-f]{8}-[0-9a-f-]{27}\?tab=logs$/);
});
