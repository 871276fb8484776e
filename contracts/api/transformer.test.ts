import fc from "fast-check";
import { expect, it } from "vitest";
import { transformer } from "./transformer";

const send = (value: unknown): unknown =>
  transformer.deserialize(
    JSON.parse(JSON.stringify(transformer.serialize(value))) as ReturnType<
      typeof transformer.serialize
    >,
  );

it("carries keys of whatever name, beside dates and numbers", () => {
  const at = new Date(0);
  for (const key of ["constructor", "prototype", "__proto__"]) {
    const metadata = Object.fromEntries([[key, 1]]);
    const value = { rows: [{ at, metadata, nothing: undefined, score: Number.NaN }] };
    expect(send(value)).toEqual(value);
    expect(Object.keys((send(metadata) as object) ?? {})).toEqual([key]);
  }
  expect({}.constructor).toBe(Object);
});

it("carries every value that JSON can hold", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(send(value)).toEqual(value);
    }),
  );
});
