import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@/cli/lib/client";
import { GLOSSARY } from "@/core/glossary/glossary";
import { findPreset } from "@/core/presets/run-presets";
import { findFreePort } from "@/lib/free-port.mjs";
import { startReceiver } from "@/lib/testing/receiver";
import { turnOnNotifications } from "./support/browser-notifications";
import {
  expect,
  expectAccessible,
  measureOverflow,
  openRun,
  RECORDED,
  test,
  waitLive,
} from "./support/product";
import { startProductProcess } from "./support/product-process";

test("home shows what ended, what is best and the next steps, and leads to all pages", async ({
  page,
}) => {
  await page.goto("/");
  await waitLive(page);
  const ended = page.getByRole("region", { name: "Ended" });
  await expect(ended).toContainText("since your last visit");
  await expect(ended.locator("[data-run]").first()).toContainText(/succeeded|failed|cancelled/);
  await expect(page.getByRole("region", { name: "Best results", exact: true })).toContainText(
    "atlas/held-out",
  );
  await expect(page.getByRole("region", { name: "Workers", exact: true })).toBeVisible();
  const nav = page.locator("aside").getByRole("navigation", { name: "Main" });
  for (const name of ["Home", "Runs", "Retrieval", "Compare", "Notifications", "Glossary"])
    await expect(nav.getByRole("link", { name, exact: true })).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  await page.getByRole("button", { name: "More" }).click();
  await expect(page.getByRole("menuitem", { name: "Workers" })).toBeVisible();
});

test("who comes back after half an hour is told what ended since the last visit, and of what ends now", async ({
  page,
  productAddress,
}) => {
  const { client, close } = connect(productAddress);
  const end = async (name: string): Promise<string> => {
    const config = { ...findPreset("atlas-rag")!.config, name };
    const { id } = await client.runs.launch.mutate({ config });
    await client.runs.cancel.mutate({ id, reason: null });
    await expect.poll(async () => (await client.runs.get.query({ id })).state).toBe("cancelled");
    return id;
  };
  const ended = page.getByRole("region", { name: "Ended" });
  const count = async () => Number(/(\d+) runs? ended since/.exec(await ended.innerText())?.[1]);
  try {
    await page.goto("/");
    await waitLive(page);
    await expect(ended, "of a first visit").toContainText("since your last visit, 7 d ago");
    const left = Date.now() - 40 * 60_000;
    await page.evaluate((seen) => {
      const visit = JSON.parse(localStorage.getItem("s3.visit")!) as object;
      localStorage.setItem("s3.visit", JSON.stringify({ ...visit, seen }));
    }, left);
    const id = await end("Ended between two visits");
    await page.goto("/");
    await waitLive(page);
    await expect(ended).toContainText(/since your last visit, 4\d m ago/);
    await expect(
      ended.locator(`[data-run="${id}"]`).getByText("new", { exact: true }),
    ).toBeVisible();
    for (const row of await ended.locator("[data-run]").all()) {
      const { endedAt } = await client.runs.get.query({
        id: (await row.getAttribute("data-run"))!,
      });
      await expect(row.getByText("new", { exact: true })).toHaveCount(
        Number(endedAt) > left ? 1 : 0,
      );
    }
    const told = await count();
    await end("Ended while it is open");
    await expect.poll(count).toBe(told + 1);
    // The same visit goes on.
    await page.reload();
    await expect(ended).toContainText(/since your last visit, 4\d m ago/);
    await expect.poll(count).toBe(told + 1);
  } finally {
    close();
  }
});

test("the palette finds pages, runs, questions and actions by keyboard alone", async ({ page }) => {
  await page.goto("/glossary");
  await waitLive(page);
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: /Search pages/ });
  await expect(field).toBeFocused();
  await field.fill("leaderb");
  await expect(page.getByRole("option", { selected: true })).toContainText("Leaderboard");
  await field.fill(RECORDED.collapsed);
  await expect(page.getByRole("option", { selected: true })).toContainText(RECORDED.collapsed);
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("option").first()).toContainText(RECORDED.collapsed);
  await field.fill("capital");
  const question = page.getByRole("option").filter({ hasText: "atlas/" }).first();
  await expect(question).toContainText(/capital/i);
  await field.fill("dark theme");
  await expect(page.getByRole("option", { selected: true })).toContainText("Use the dark theme");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveClass(/dark/);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("Control+k");
  await field.fill("attach a worker");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Attach a worker" })).toBeVisible();
  await expect(page).toHaveURL(/\/workers$/);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys of this page" })).toContainText("Ctrl K");
});

test("? lists the keys of the page that is open, and they do what it says", async ({ page }) => {
  await openRun(page, RECORDED.training);
  await page.goto(`${page.url()}?tab=episodes`);
  const links = page.locator("tr[data-episode] a");
  await expect(links.first()).toBeVisible();
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys of this page" });
  const keys = (label: string) =>
    dialog.locator("dl > div").filter({ hasText: label }).locator("kbd");
  await expect(keys("To the next episode")).toHaveText(["j", "↓"]);
  await expect(keys("To the previous episode")).toHaveText(["k", "↑"]);
  await expect(keys("Open the episode that has the focus")).toHaveText(["Enter"]);
  await expect(keys("Search the episodes")).toHaveText(["/"]);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/episodes\/[0-9a-f-]{36}/);
  await expect(page.locator("[data-turn]").first()).toBeVisible();
  await page.keyboard.press("?");
  await expect(keys("next episode of the list"), "of the page now open").toHaveText(["j"]);
  await expect(keys("Search the episodes"), "none of the page before").toHaveCount(0);
});

test("a term is explained at a setting, with its formula, and closed by the keyboard", async ({
  page,
}) => {
  await page.goto("/runs/new?q=klCoefficient");
  await waitLive(page);
  const help = page.getByRole("button", { name: /^What is KL/ }).first();
  await help.focus();
  await page.keyboard.press("Enter");
  const explanation = page.getByRole("dialog", { name: /^KL/ });
  await expect(explanation.getByRole("link", { name: "In the glossary" })).toBeVisible();
  await expect(explanation.locator("code")).toHaveText(GLOSSARY.kl.formula!);
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(help).toBeFocused();
});

test("the browser tells of a run that ends, once it is asked to and may", async ({
  page,
  productUrl,
  productAddress,
}) => {
  const { client, close } = connect(productAddress);
  const end = async (name: string) => {
    const config = { ...findPreset("atlas-rag")!.config, name };
    const { id } = await client.runs.launch.mutate({ config });
    await client.runs.cancel.mutate({ id, reason: null });
  };
  try {
    const listShown = await turnOnNotifications(page, productUrl);
    await end("Ended and told");
    const listOwn = async () =>
      (await listShown()).filter((title) => title.startsWith("Ended and told"));
    await expect.poll(listOwn).toEqual(["Ended and told: cancelled"]);
  } finally {
    close();
  }
});

test("a channel is added, tested against a real receiver, and removed", async ({ page }) => {
  const receiver = await startReceiver();
  try {
    await page.goto("/notifications");
    await waitLive(page);
    await page.getByRole("button", { name: "Add a channel" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await expect(dialog.getByRole("alert")).toContainText("give it a name");
    await expectAccessible(page);
    await dialog.getByLabel("Name").fill("team");
    await dialog.getByLabel("Address").fill(`${receiver.url}/hook`);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    const channel = page.locator('[data-channel="team"]');
    await channel.getByRole("button", { name: "Send a test" }).click();
    await expect
      .poll(() => receiver.got.map(({ body }) => body).join("\n"))
      .toContain("this channel works");
    await channel.getByRole("button", { name: "Remove team" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(channel).toHaveCount(0);
  } finally {
    receiver.close();
  }
});

test("a new installation shows its example, which its card removes and deleted runs give back", async ({
  page,
}) => {
  test.setTimeout(300_000);
  const dataDir = mkdtempSync(join(tmpdir(), "s3-e2e-example-"));
  const product = await startProductProcess({
    PORT: String(await findFreePort()),
    S3_DATA_DIR: dataDir,
    S3_IMPORT_ROOTS: tmpdir(),
    DATABASE_URL: "",
    S3_EXAMPLE: "yes",
  });
  try {
    await page.goto(product.address);
    await waitLive(page);
    const card = page.getByRole("region", { name: "Example", exact: true });
    await expect(card).toContainText(/\d+ runs recorded with this product/);
    await card.getByRole("button", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog", { name: "Remove the example?" });
    await expect(dialog).toBeVisible();
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Keep it" }).click();
    await expect(card, "asked, and not removed").toBeVisible();
    await card.getByRole("button", { name: "Remove" }).click();
    await dialog.getByRole("button", { name: "Remove the example" }).click();
    await expect(card).toHaveCount(0);
    await expect(page.getByText("No run has come to its end yet.")).toBeVisible();

    const { origin } = new URL(product.address);
    await page.goto(`${origin}/leaderboard`);
    await expect(page.getByText("Nothing has been answered yet")).toBeVisible();
    await page.goto(`${origin}/runs`);
    await expect(page.getByText("No run yet")).toBeVisible();
    await page.goto(`${origin}/runs?shelf=deleted`);
    await expect(page.locator("tr[data-run]").first()).toBeVisible();
    await page.goto(origin);
    await waitLive(page);
    await expect(page.getByText("No run has come to its end yet.")).toBeVisible();
    await expect(card, "it stays removed").toHaveCount(0);
  } finally {
    await product.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
