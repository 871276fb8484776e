import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, openRun, RECORDED, test, waitLive } from "./support/product";

/** The language that the browser asks for, the one that a person chooses, and that it stays. */

const HAN = /\p{Script=Han}/u;

const findHeading = (page: Page): Locator => page.getByRole("heading", { level: 1 });
const findNavigation = (page: Page): Locator => page.locator("aside").getByRole("navigation");

/** Waits until the page says that it is in a language, by `lang` and by the names in its navigation. */
async function expectLanguage(page: Page, language: "en" | "zh-Hans"): Promise<void> {
  await waitLive(page);
  await expect(page.locator("html")).toHaveAttribute("lang", language);
  const isChinese = language === "zh-Hans";
  await expect(findNavigation(page)).toHaveAccessibleName(isChinese ? "主导航" : "Main");
  const links = findNavigation(page).getByRole("link");
  const names = (await links.allInnerTexts()).map((name) => name.trim());
  expect(names).toContain(isChinese ? "运行" : "Runs");
  expect(
    names.filter((name) => HAN.test(name) !== isChinese),
    "links in another language",
  ).toEqual([]);
}

/** Waits until a page with this heading is shown in a language. */
async function expectPage(page: Page, heading: string, language: "en" | "zh-Hans"): Promise<void> {
  await expect(findHeading(page)).toHaveText(heading);
  await expectLanguage(page, language);
}

/** Chooses a language, which the menu names in itself. */
async function chooseLanguage(page: Page, menu: string, language: string): Promise<void> {
  await page.locator("aside").getByRole("button", { name: menu, exact: true }).click();
  await page.getByRole("menuitem", { name: language }).click();
}

test.describe("a browser that asks for Chinese", () => {
  test.use({ locale: "zh-CN" });

  test("sees home, runs and a run in Chinese", async ({ page }) => {
    await page.goto("/");
    await expectLanguage(page, "zh-Hans");
    await expect(findHeading(page)).toHaveText("首页");
    await expect(page.getByRole("region", { name: "已结束" })).toContainText(/成功|失败|已取消/);
    await expectAccessible(page);

    await findNavigation(page).getByRole("link", { name: "运行", exact: true }).click();
    await expect(page).toHaveURL(/\/runs$/);
    await expect(findHeading(page)).toHaveText("运行");
    await expectLanguage(page, "zh-Hans");
    const heads = page.locator("thead th").filter({ hasText: /\S/ });
    await expect(heads.filter({ hasText: "时长" })).toHaveCount(1);
    expect(
      (await heads.allInnerTexts()).filter((head) => !HAN.test(head)),
      "heads of columns that are not Chinese",
    ).toEqual([]);
    await expectAccessible(page);

    // What people wrote stays as they wrote it.
    await openRun(page, RECORDED.training);
    await expectLanguage(page, "zh-Hans");
    await expect(findHeading(page)).toHaveText(RECORDED.training);
    const tabs = page.getByRole("tablist", { name: "运行的各部分" }).getByRole("tab");
    await expect(tabs.first()).toHaveText("概览");
    expect(
      (await tabs.allInnerTexts()).filter((tab) => !HAN.test(tab)),
      "tabs that are not Chinese",
    ).toEqual([]);
    await expect(page.locator("[data-run-progress]")).toContainText(HAN);
    await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);

    await page.getByRole("link", { name: "报告" }).click();
    const report = page.locator(".run-report");
    await expect(report.locator("h2").first()).toBeVisible();
    expect(
      (await report.locator("h2, th, figcaption").allInnerTexts()).filter(
        (text) => !HAN.test(text),
      ),
      "headings of the report that are not Chinese",
    ).toEqual([]);
  });

  test("can be switched to English and back, and the choice is kept", async ({ page }) => {
    await page.goto("/");
    await expectLanguage(page, "zh-Hans");

    await chooseLanguage(page, "语言", "English");
    await expectPage(page, "Home", "en");
    await page.reload();
    await expectPage(page, "Home", "en");
    await findNavigation(page).getByRole("link", { name: "Runs", exact: true }).click();
    await expect(findHeading(page)).toHaveText("Runs");

    await chooseLanguage(page, "Language", "简体中文");
    await expectPage(page, "运行", "zh-Hans");
    await page.reload();
    await expectPage(page, "运行", "zh-Hans");
  });
});

// There is no French: whoever asks for what there is not gets English.
for (const locale of ["en", "fr-FR"])
  test.describe(`a browser that asks for ${locale}`, () => {
    test.use({ locale });

    test("sees English", async ({ page }) => {
      await page.goto("/");
      await expectPage(page, "Home", "en");
      await page.goto("/runs");
      await expectPage(page, "Runs", "en");
    });
  });
