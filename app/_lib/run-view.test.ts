import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { RUN_STATES } from "@/contracts/records/run-states";
import {
  computeProgressShare,
  computeRunSeconds,
  countRuns,
  formatProgress,
  STATE_FILTERS,
  type StateFilter,
} from "./run-view";

const t = createText("en", {});

describe("run view", () => {
  it("counts every state under All and only its own under a filter", () => {
    const counts = { running: 2, queued: 1, failed: 4, succeeded: 8 };
    expect(countRuns("all", counts)).toBe(15);
    expect(countRuns("active", counts)).toBe(3);
    expect(countRuns("cancelled", counts)).toBe(0);
  });
  it("shows a run in any state under All and under one filter more", () => {
    for (const state of RUN_STATES) {
      const filters = (Object.keys(STATE_FILTERS) as StateFilter[]).filter(
        (filter) => countRuns(filter, { [state]: 1 }) === 1,
      );
      expect(filters, state).toHaveLength(2);
      expect(filters[0]).toBe("all");
    }
  });
  it("lets a running run tick and stops with its end", () => {
    const startedAt = new Date(1_000_000);
    expect(computeRunSeconds({ startedAt, endedAt: null }, 1_004_000)).toBe(4);
    expect(computeRunSeconds({ startedAt, endedAt: new Date(1_002_000) }, 1_999_000)).toBe(2);
    expect(computeRunSeconds({ startedAt: null, endedAt: null }, 5)).toBeNull();
  });
  it("has no share where nothing is counted", () => {
    expect(computeProgressShare({ phase: "preparing", done: 0, total: 0, detail: "" })).toBeNull();
    expect(formatProgress(t, { phase: "cold-start", done: 3, total: 12, detail: "" })).toBe(
      "cold start 3 / 12",
    );
    expect(
      formatProgress(t, { phase: "importing", done: 1536, total: 3 * 1024 ** 3, detail: "" }),
    ).toBe("importing 1.5 KiB / 3 GiB");
    expect(formatProgress(t, { phase: "preparing", done: 0, total: 0, detail: "" })).toBe(
      "preparing",
    );
  });
});
