import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { onAbort } from "./on-abort";

it("tells all who wait, once, by one listener; not those who took it back", () => {
  const controller = new AbortController();
  const told: number[] = [];
  const forget = Array.from({ length: 100 }, (_, i) =>
    onAbort(controller.signal, () => told.push(i)),
  );
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  forget[1]!();
  controller.abort();
  expect(told).toEqual([0, ...Array.from({ length: 98 }, (_, i) => i + 2)]);
});
