import { expect, overflow, test, waitLive } from "./product";

const PHONE = { width: 390, height: 844 };

test("no page is wider than a phone, and dark is dark", async ({ page }) => {
  test.setTimeout(120_000);
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/");
  await waitLive(page);
  // After the training spec there is a run with episodes to look at; alone, only the fixed pages are.
  const run = await page
    .locator("li[data-run] a")
    .first()
    .getAttribute("href", { timeout: 3_000 })
    .catch(() => null);
  const paths = [
    "/",
    "/runs/new",
    "/workers",
    "/leaderboard",
    "/compare",
    "/labels",
    ...(run
      ? [
          run,
          ...["episodes", "logs", "checkpoints", "configuration", "history"].map(
            (tab) => `${run}?tab=${tab}`,
          ),
        ]
      : []),
  ];
  for (const path of paths) {
    await page.goto(path);
    await expect(page.locator("main h1")).toBeVisible();
    await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
    expect(await overflow(page), path).toBeLessThanOrEqual(0);
  }
  if (run) {
    await page.goto(`${run}?tab=episodes`);
    await page.locator("[data-episode]:visible a").first().click();
    await expect(page.locator("[data-turn]").first()).toBeVisible();
    expect(await overflow(page), "episode").toBeLessThanOrEqual(0);
  }
  const lightness = await page.evaluate(() => {
    const context = document.createElement("canvas").getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data[0];
  });
  expect(lightness).toBeLessThan(60);
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
  await expect(page).toHaveURL(/\/$/);
});
