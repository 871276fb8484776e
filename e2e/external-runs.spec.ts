import { expect, measureOverflow, test, waitLive, countPoints } from "./support/product";

test("a trainer's run appears as it is reported, its curve grows, and it ends as its trainer says", async ({
  page,
  productUrl,
}, { retry }) => {
  const name = `reported ${retry}`;
  const send = async (
    path: string,
    body: object,
  ): Promise<{ run: { info: { run_id: string } } }> => {
    const response = await fetch(`${productUrl}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(response.status, path).toBe(200);
    return (await response.json()) as { run: { info: { run_id: string } } };
  };
  await page.goto(`/runs?q=${encodeURIComponent(name)}`);
  await waitLive(page);
  const { run } = await send("runs/create", { experiment_id: "0", run_name: name, user_id: "ada" });
  const id = run.info.run_id;
  const report = (step: number) =>
    send("runs/log-batch", {
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
  await send("runs/log-batch", {
    run_id: id,
    metrics: [{ key: "critic/score/mean", value: "NaN", timestamp: 5, step: 4 }],
  });
  await page.getByRole("tab", { name: "logs" }).click();
  await expect(page.getByRole("log")).toContainText("critic/score/mean at step 4 is NaN");
  await send("runs/update", { run_id: id, status: "FAILED" });
  await expect(page.locator("[data-external-phase=failed]")).toContainText("that it failed");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
});
