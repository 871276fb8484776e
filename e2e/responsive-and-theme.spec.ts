import type { Page } from "@playwright/test";
import { connect } from "@/cli/lib/client";
import {
  addRuns,
  buildAddress,
  findRecorded,
  PAGES,
  removeRuns,
  type PageName,
  type Shown,
} from "./screenshots/pages";
import { waitQuiet, watchRequests } from "./screenshots/picture";
import { checkLooks, PHONE } from "./support/looks";
import {
  expect,
  findAccessibilityFaults,
  measureOverflow,
  test,
  waitLive,
} from "./support/product";

/** Opens every page of the product and its main states, one after the other, each until nothing of it loads any more. */
async function openEach(
  page: Page,
  productAddress: string,
  look: (name: PageName) => Promise<void>,
): Promise<void> {
  const pending = watchRequests(page);
  const { client, close } = connect(productAddress);
  try {
    const recorded = await findRecorded(client);
    const added = await addRuns(client, new URL(productAddress).origin, recorded.training);
    try {
      const shown: Shown = { ...recorded, ...added };
      for (const name of Object.keys(PAGES) as PageName[])
        await test.step(name, async () => {
          await page.goto(buildAddress(name, shown));
          await waitQuiet(page, pending);
          await look(name);
        });
    } finally {
      await removeRuns(client, added);
    }
  } finally {
    close();
  }
}

test(
  "no page is too wide, and all can be read on a phone, and in test:long in every look",
  { tag: "@looks" },
  async ({ page, productAddress }) => {
    test.setTimeout(900_000);
    await openEach(page, productAddress, (name) =>
      checkLooks(page, name, async (rules, look) => {
        expect.soft(await measureOverflow(page), `${look}: too wide`).toBeLessThanOrEqual(0);
        expect.soft(await findAccessibilityFaults(page, rules), look).toEqual([]);
      }),
    );
  },
);

test.describe("in Chinese", () => {
  test.use({ locale: "zh-CN", viewport: PHONE });

  test(
    "what is pressed on a phone is large enough where its name is shorter, and no page is too wide",
    { tag: "@long" },
    async ({ page, productAddress }) => {
      test.setTimeout(600_000);
      await openEach(page, productAddress, async (name) => {
        await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
        expect.soft(await measureOverflow(page), `${name} is too wide`).toBeLessThanOrEqual(0);
        expect.soft(await findAccessibilityFaults(page, ["target-size"]), name).toEqual([]);
      });
    },
  );
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
