import type { Page } from "@playwright/test";
import { emulateTheme } from "./product";

export const LAPTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A way to look at what a page shows. */
interface Look {
  size: { width: number; height: number };
  theme: "light" | "dark";
  /** Rules of axe that can find more than in the looks before; undefined: all. */
  rules?: string[];
}

// The theme changes colours alone.
const CONTRAST = ["color-contrast"];

/**
 * Looks at pages, dialogs and states: `npm test` looks at them once, where there is least room and in the theme in which no
 * other spec ends; `npm run test:long` in both widths and themes (tests of the tag @looks belong to both commands).
 */
const LOOKS: readonly Look[] = process.env.S3_E2E_LONG
  ? [
      { size: LAPTOP, theme: "light" },
      { size: PHONE, theme: "dark" },
      { size: PHONE, theme: "light", rules: CONTRAST },
      { size: LAPTOP, theme: "dark", rules: CONTRAST },
    ]
  : [{ size: PHONE, theme: "dark" }];

/**
 * Shows what is open in each look, and then in the light theme again.
 *
 * @param check is given the rules of axe that count, and what the look is called where it fails
 */
export async function checkLooks(
  page: Page,
  name: string,
  check: (rules: string[] | undefined, look: string) => Promise<void>,
): Promise<void> {
  for (const { size, theme, rules } of LOOKS) {
    await page.setViewportSize(size);
    await emulateTheme(page, theme);
    await check(rules, `${name}, ${size.width} pixels, ${theme}`);
  }
  await emulateTheme(page, "light");
}
