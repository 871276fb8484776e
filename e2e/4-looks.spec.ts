import { expect, overflow, test, waitLive } from "./product";

const PHONE = { width: 390, height: 844 };

test("no page is wider than a phone, in light and dark", async ({ page }) => {
  await page.setViewportSize(PHONE);
  await page.goto("/");
  await waitLive(page);
  // After the training spec there is a run with episodes to look at; alone, only the fixed pages are.
  const run = await page.locator("li[data-run] a").first().getAttribute("href", { timeout: 3_000 }).catch(() => null);
  const paths = ["/", "/runs/new", "/workers", ...(run ? [run, ...["episodes", "logs", "checkpoints", "configuration", "history"].map((tab) => `${run}?tab=${tab}`)] : [])];
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const path of paths) {
      await page.goto(path);
      await page.waitForLoadState("networkidle");
      expect(await overflow(page), `${path} in ${scheme}`).toBeLessThanOrEqual(0);
    }
  }
  if (!run) return;
  await page.goto(`${run}?tab=episodes`);
  await page.locator("[data-episode]:visible a").first().click();
  await expect(page.locator("[data-turn]").first()).toBeVisible();
  expect(await overflow(page), "episode").toBeLessThanOrEqual(0);
});

test("the theme can be chosen and is kept", async ({ page }) => {
  await page.goto("/");
  await waitLive(page);
  await page.locator("aside").getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  await expect(page.locator("html")).toHaveClass(/dark/);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.reload();
  await expect(page.locator("html")).toHaveClass(/dark/);
  await page.locator("aside").getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitem", { name: "Light" }).click();
  await expect.poll(background).not.toBe(dark);
});

test("something that does not exist says so and leads back", async ({ page }) => {
  await page.goto("/runs/00000000-0000-4000-8000-000000000000");
  await expect(page.getByRole("alert").filter({ hasText: "could not be read" })).toBeVisible();
  await page.getByRole("link", { name: "All runs" }).click();
  await expect(page).toHaveURL(/\/$/);
});
