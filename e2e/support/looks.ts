export const LAPTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A way to look at what a page shows. */
export interface Look {
  size: { width: number; height: number };
  theme: "light" | "dark";
  /** Rules of axe that can find more than in the looks before; undefined: all. */
  rules?: string[];
}

// The theme changes colours alone.
const CONTRAST = ["color-contrast"];

/**
 * Looks at dialogs and states, of which opening takes less time than looking: `npm test` looks at them once, where there is
 * least room; `npm run test:long` in both widths and themes (tests of the tag @looks belong to both commands).
 */
export const LOOKS: readonly Look[] = process.env.S3_E2E_LONG
  ? [
      { size: LAPTOP, theme: "light" },
      { size: PHONE, theme: "light" },
      { size: PHONE, theme: "dark", rules: CONTRAST },
      { size: LAPTOP, theme: "dark", rules: CONTRAST },
    ]
  : [{ size: PHONE, theme: "light" }];

/** What a look is called where it fails. */
export const describeLook = (name: string, { size, theme }: Look): string =>
  `${name}, ${size.width} pixels, ${theme}`;
