import fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import { isUuid } from "./uuid";

it("takes for an id what the server takes for one", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF") });
  const lookalike = fc
    .tuple(...[8, 4, 4, 4, 12].map((n) => digits.map((text) => text.padEnd(n, "8").slice(0, n))))
    .map((parts) => parts.join("-"));
  fc.assert(
    fc.property(fc.oneof(fc.uuid(), lookalike, fc.string()), (text) => {
      expect(isUuid(text)).toBe(z.uuid().safeParse(text).success);
    }),
  );
  expect(isUuid("0b0e7a4e-3c1c-4a6e-9e0e-0d6f1f3f1a2b\n")).toBe(false);
});
