import {
  expect,
  findAccessibilityFaults,
  measureOverflow,
  test,
  waitLive,
  wearTheme,
} from "./support/product";

const PAGES = [
  "/",
  "/runs",
  "/runs/compare",
  "/sweeps",
  "/leaderboard",
  "/compare",
  "/labels",
  "/questions",
  "/retrieval",
  "/playground",
  "/playground/ask",
  "/corpora",
  "/workers",
  "/notifications",
  "/mirrors",
];

test("pages of a product on its first day can be read in both themes, on a phone and a laptop", async ({
  page,
}) => {
  test.setTimeout(300_000);
  for (const address of PAGES)
    await test.step(address, async () => {
      await page.goto(address);
      await waitLive(page);
      await expect(page.locator("main h1")).toBeVisible();
      await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
      for (const size of [
        { width: 1440, height: 900 },
        { width: 390, height: 844 },
      ]) {
        await page.setViewportSize(size);
        const look = `${address}, ${size.width} pixels`;
        expect.soft(await findAccessibilityFaults(page), look).toEqual([]);
        expect.soft(await measureOverflow(page), look).toBeLessThanOrEqual(0);
      }
      // The theme changes colours alone.
      await wearTheme(page, "dark");
      const faults = await findAccessibilityFaults(page, ["color-contrast"]);
      expect.soft(faults, `${address}, dark`).toEqual([]);
      await wearTheme(page, "light");
    });
});
