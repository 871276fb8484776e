import { expect, it } from "vitest";
import { continueVisit } from "./use-last-visit";

const MINUTE = 60_000;

it("a visit goes on over a reload and begins anew after a pause", () => {
  const first = continueVisit(null, 1_000 * MINUTE);
  expect(first.since).toBeLessThan(0);
  const reloaded = continueVisit(first, 1_010 * MINUTE);
  expect(reloaded).toEqual({ since: first.since, seen: 1_010 * MINUTE });
  expect(continueVisit(reloaded, 1_100 * MINUTE)).toEqual({
    since: 1_010 * MINUTE,
    seen: 1_100 * MINUTE,
  });
});
