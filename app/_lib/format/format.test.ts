import { createText } from "@/app/_i18n/format-text";
import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatBytes,
  formatMegabytes,
  formatNumber,
  formatSeconds,
  formatShare,
  formatSigned,
} from "./format";

describe("format", () => {
  it.each([
    [0.34, "340 ms"],
    [8.24, "8.2 s"],
    [9.97, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 m 00 s"],
    [245, "4 m 05 s"],
    [7800, "2 h 10 m"],
    [7199.9, "2 h 00 m"],
  ])("writes %d seconds as %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it.each([
    [0, "0"],
    [0.48231, "0.482"],
    [-0.5, "-0.5"],
    [0.000012, "1.2e-5"],
    [12.04, "12"],
    [100, "100"],
    [12_400, "12,400"],
  ])("writes %d as %s", (value, text) => expect(formatNumber(value)).toBe(text));

  it("writes a missing value as a dash, never as 0", () => {
    for (const write of [formatNumber, formatSeconds, formatShare, formatMegabytes])
      expect(write(null)).toBe("–");
    expect(formatNumber(Number.NaN)).toBe("–");
  });

  it("keeps the sign of a difference", () => {
    expect(formatSigned(0.25)).toBe("+0.25");
    expect(formatSigned(-0.25)).toBe("−0.25");
    expect(formatSigned(0)).toBe("0");
  });

  it("writes shares, sizes and counts", () => {
    expect(formatShare(0.4823)).toBe("48.2%");
    expect(formatShare(1)).toBe("100%");
    expect(formatMegabytes(1536)).toBe("1.5 GiB");
    expect(formatBytes(1536)).toBe("1.5 KiB");
  });

  it("says how long ago", () => {
    const now = 1_000_000_000;
    const t = createText("en", {});
    expect(formatAgo(t, now - 10_000, now)).toBe("just now");
    expect(formatAgo(t, now - 50_000, now)).toBe("1 m ago");
    expect(formatAgo(t, now - 2 * 3_600_000, now)).toBe("2 h ago");
  });
});
