import { expect, it } from "vitest";
import { putKeyRequestSchema } from "./keys";

const put = (key: string): boolean =>
  putKeyRequestSchema.safeParse({ name: "k", origin: "https://api.example.com", key }).success;

it("a key is a word, or the JSON of a service account's key", () => {
  const account = { type: "service_account", private_key: "-----BEGIN PRIVATE KEY-----\nA\n" };
  expect(put("sk-1234")).toBe(true);
  expect(put(JSON.stringify(account, null, 2))).toBe(true);
  expect(put(JSON.stringify({ ...account, type: "external_account" }, null, 2))).toBe(false);
  expect(put("{ not json")).toBe(false);
  expect(put("two words")).toBe(false);
});
