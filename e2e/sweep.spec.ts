import { expect, measureOverflow, test, waitLive } from "./support/product";

/** Model loaded, two runs of four questions each. */
const SWEEP_MS = 240_000;

test("a sweep of two is launched from the form; its table and curve hold both runs", async ({
  page,
}) => {
  test.setTimeout(SWEEP_MS);
  await page.goto("/runs/new?preset=atlas-rag");
  await waitLive(page);
  await page.getByRole("button", { name: "Sweep", exact: true }).click();
  const set = (path: string, value: string) => page.locator(`[id="setting-${path}"]`).fill(value);
  await set("name", "Tiny sweep");
  await set("limit", "4");

  const launch = page.getByRole("region", { name: "Launch" });
  await page.getByLabel("Setting 1", { exact: true }).selectOption("documents");
  await page.getByLabel("Values of setting 1").fill("1, 0");
  await expect(launch).toContainText(/run 2: documents: /);
  await expect(launch.getByRole("button", { name: "Launch", exact: true })).toBeDisabled();
  await page.getByLabel("Values of setting 1").fill("1, 2");
  await expect(
    launch.getByRole("list", { name: "Runs of the sweep" }).getByRole("listitem"),
  ).toHaveText(["Tiny sweep: documents=1", "Tiny sweep: documents=2"]);
  await launch.getByRole("button", { name: "Launch 2 runs" }).click();

  await expect(page).toHaveURL(/\/sweeps\/[0-9a-f-]{36}$/);
  const sweepUrl = page.url();
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));
  await expect(page.locator("tr[data-run]")).toHaveCount(2);
  await expect(page.locator('[data-state-count="succeeded"]')).toHaveText("2 succeeded", {
    timeout: 180_000,
  });
  await page.getByLabel("Metric", { exact: true }).selectOption("predict/accuracy");
  await expect(page.locator("[data-curves]")).toHaveAttribute("data-curves", "2");
  await expect(page.locator("[data-curves]")).toHaveAttribute("data-points", "2");
  await expect(page).toHaveURL(/metrics=predict%2Faccuracy/);
  expect(await page.evaluate(() => "notReloaded" in window)).toBe(true);
  const results = page.getByRole("region", { name: "Settings by results" });
  await results.getByRole("button", { name: "documents" }).click();
  await expect(page.locator("tr[data-run]").first().locator("td").first()).toHaveText("2");

  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page), "the sweep's page fits a phone").toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height: 900 });

  // Each run is a click away and leads back; the list of runs folds them to one row.
  await page.locator("tr[data-run]").first().getByRole("link").click();
  await expect(page.getByRole("link", { name: "Tiny sweep", exact: true })).toHaveAttribute(
    "href",
    new URL(sweepUrl).pathname,
  );
  await page.goto("/runs?q=Tiny");
  await expect(page.locator("tr[data-run]")).toHaveCount(2);
  await page.getByRole("button", { name: "Fold sweeps" }).click();
  await expect(page.locator("tr[data-run]")).toHaveCount(1);
  await expect(page.locator("tr[data-run]")).toContainText("Tiny sweep, 2 runs");
  await page.locator("tr[data-run]").getByRole("link").click();
  await expect(page).toHaveURL(sweepUrl);
});
