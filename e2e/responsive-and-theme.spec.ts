import {
  expect,
  expectAccessible,
  measureOverflow,
  RECORDED,
  test,
  waitLive,
  emulateTheme,
} from "./support/product";

const PHONE = { width: 390, height: 844 };

const PAGES = [
  "/",
  "/runs",
  "/runs/new",
  "/workers",
  "/corpora",
  "/corpora/atlas",
  "/questions",
  "/retrieval",
  "/playground",
  "/playground/ask",
  "/sweeps",
  "/leaderboard",
  "/compare",
  "/labels",
  "/notifications",
  "/mirrors",
  "/glossary",
];
const PARTS = [
  "",
  "?tab=metrics",
  "?tab=episodes",
  "?tab=questions",
  "?tab=logs",
  "?tab=checkpoints",
  "?tab=configuration",
  "?tab=history",
  "/report",
];

test("no page is wider than a phone, and all can be read in both themes", async ({ page }) => {
  test.setTimeout(300_000);
  await page.setViewportSize(PHONE);
  await page.goto(`/runs?q=${encodeURIComponent(RECORDED.training)}`);
  await waitLive(page);
  const run = await page.locator("li[data-run] a").first().getAttribute("href");
  for (const path of [...PAGES, ...PARTS.map((part) => `${run}${part}`)]) {
    await page.goto(path);
    await expect(page.locator("main h1")).toBeVisible();
    await expect(page.locator("main [aria-busy=true]")).toHaveCount(0, { timeout: 60_000 });
    expect(await measureOverflow(page), path).toBeLessThanOrEqual(0);
    await emulateTheme(page, "light");
    await expectAccessible(page);
    // The theme changes colours alone.
    await emulateTheme(page, "dark");
    await expectAccessible(page, ["color-contrast"]);
  }
  await page.goto(`${run}?tab=episodes`);
  await page.locator("[data-episode]:visible a").first().click();
  await expect(page.locator("[data-turn]").first()).toBeVisible();
  expect(await measureOverflow(page), "episode").toBeLessThanOrEqual(0);
  await page.goto(`/runs/compare?ids=${run?.split("/").at(-1)}`);
  await expect(page.locator("[data-overlay]").first()).toBeVisible();
  expect(await measureOverflow(page), "comparison of runs").toBeLessThanOrEqual(0);
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
  await page.getByRole("link", { name: "All runs", exact: true }).click();
  await expect(page).toHaveURL(/\/runs$/);
});
