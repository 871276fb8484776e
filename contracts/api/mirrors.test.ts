import { expect, it } from "vitest";
import { createMirrorRequestSchema } from "./mirrors";

const explain = (address: object) =>
  createMirrorRequestSchema
    .safeParse({ name: "n", address: { kind: "mlflow", ...address } })
    .error?.issues.map(({ message }) => message);

it("takes an address alone, and says what is wrong with another", () => {
  expect(explain({ url: "http://127.0.0.1:5000/base" })).toBeUndefined();
  for (const url of ["", "tracker", "ftp://tracker"])
    expect(explain({ url })).toEqual(["give an address with http:// or https://"]);
  for (const url of [
    "https://me:key@tracker",
    "https://tracker/?token=key",
    "https://tracker/#key",
  ])
    expect(explain({ url })).toEqual([
      "give the address alone; user and secret have fields of their own",
    ]);
  expect(explain({ url: "https://tracker", experiment: "a/b" })).toEqual([
    "must hold no slash and no control character",
  ]);
});
