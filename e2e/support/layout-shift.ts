import type { Page } from "@playwright/test";

/** How long entries that the browser holds back may take to come. */
const ENTRIES_MS = 500;

/** Sum of the layout shifts of a page since it was opened, but for those that a person's own input made. */
export const measureShift = (page: Page): Promise<number> =>
  page.evaluate(
    (waitMs) =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & {
            value: number;
            hadRecentInput: boolean;
          })[])
            if (!entry.hadRecentInput) sum += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(sum), waitMs);
      }),
    ENTRIES_MS,
  );
