import { expect, type Page } from "@playwright/test";
import { waitLive } from "./product";

/**
 * Lets this browser tell of runs that end and of alarms, as a person does it, and stays on the page of notifications.
 *
 * @param origin of the product, which may notify from now on
 * @returns what reads the titles of all messages that the page then open has shown
 */
export async function turnOnNotifications(
  page: Page,
  origin: string,
): Promise<() => Promise<string[]>> {
  await page.context().grantPermissions(["notifications"], { origin });
  await page.addInitScript(() => {
    const shown: string[] = [];
    const Browser = window.Notification;
    class Kept extends Browser {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        shown.push(title);
      }
    }
    Object.assign(window, { Notification: Kept, shownNotifications: shown });
  });
  await page.goto("/notifications");
  await waitLive(page);
  const choice = page.getByRole("switch", { name: "Runs that end, and alarms" });
  await choice.click();
  await expect(choice).toBeChecked();
  return () =>
    page.evaluate(() => (window as unknown as { shownNotifications: string[] }).shownNotifications);
}
