import { expect, test, waitLive } from "./support/product";

test("the local worker is shown, and a token attaches another", async ({ page }) => {
  await page.goto("/workers");
  await waitLive(page);
  const local = page.locator("[data-worker]").first();
  await expect(local).toContainText("online", { timeout: 30_000 });
  await expect(local).toContainText("smollm2-135m-instruct");

  await page.getByRole("button", { name: "Attach a worker" }).click();
  await page.getByLabel("Name of the token").fill("gpu box in the cellar");
  await page.getByRole("button", { name: "Make the command" }).click();
  const command = page.getByTestId("attach-command");
  await expect(command).toHaveText(
    /^S3_WORKER_TOKEN=\S{20,} npm run worker -- --server http:\/\/127\.0\.0\.1:\d+$/,
  );
  await page.getByRole("button", { name: "Done" }).click();

  // Shown once: opening it again makes a new one and never shows the old.
  await page.getByRole("button", { name: "Attach a worker" }).click();
  await expect(page.getByTestId("attach-command")).toHaveCount(0);
  await page.keyboard.press("Escape");

  const token = page.locator("[data-token]", { hasText: "gpu box in the cellar" });
  await expect(token).toContainText("never used");
  await token.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(token).toContainText("revoked");
});
