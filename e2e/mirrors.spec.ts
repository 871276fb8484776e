import { expect, expectAccessible, measureOverflow, test, waitLive } from "./support/product";

test("a mirror is added for earlier runs, catches up, is tried and removed", async ({ page }, {
  retry,
}) => {
  const name = `files ${retry}`;
  await page.goto("/mirrors");
  await waitLive(page);
  await page.getByRole("button", { name: "Add a mirror" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await expect(dialog.getByRole("alert")).toContainText("Name: must not be empty");
  await expect(dialog.getByRole("alert")).toContainText("give an address with http:// or https://");
  await expectAccessible(page);
  await dialog.getByLabel("Kind").selectOption("TensorBoard");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Also the runs that are here already").check();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const mirror = page.locator(`[data-mirror="${name}"]`);
  await expect(mirror).toContainText("tensorboard");
  await expect(mirror).toContainText(/[1-9]\d* runs? complete Try it$/, { timeout: 60_000 });
  await expect(mirror).not.toContainText("failing");
  await mirror.getByRole("button", { name: "Try it" }).click();
  await expect(page.getByText(`${name} can be reached`)).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  await mirror.getByRole("button", { name: `Remove ${name}` }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(mirror).toHaveCount(0);
});
