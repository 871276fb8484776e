import { expect, type Page } from "@playwright/test";

/**
 * Drops files or folders as a person does from a file manager: the browser itself reads them. The page says that it takes
 * them first: before its part for that has come, a browser would open the file.
 */
export async function dropFiles(page: Page, paths: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const drag = (type: "dragEnter" | "dragOver" | "drop") =>
    session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await expect(async () => {
    await drag("dragEnter");
    await drag("dragOver");
    await expect(page.locator("[data-drop-zone]")).toBeVisible({ timeout: 1000 });
  }).toPass();
  await drag("drop");
  await session.detach();
}
