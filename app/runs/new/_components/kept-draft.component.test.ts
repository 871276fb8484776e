import { beforeEach, expect, it } from "vitest";
import { buildDefaultConfig } from "@/core/run/settings";
import { discardDraft } from "./draft-storage";
import { keepDraft, readDraft } from "./kept-draft";

const start = { ...buildDefaultConfig("train"), name: "A run" };

beforeEach(() => localStorage.clear());

it("gives a changed draft back, for its own form alone, also one that is not valid yet", () => {
  keepDraft("preset a", { ...start, name: "" }, start);
  expect(readDraft("preset a")?.draft.name).toBe("");
  expect(readDraft("preset b")).toBeNull();
  discardDraft("preset a");
  expect(readDraft("preset a")).toBeNull();
});

it("keeps nothing where nothing was changed", () => {
  keepDraft("a", { ...start, name: "Other" }, start);
  keepDraft("a", { ...start }, start);
  expect(readDraft("a")).toBeNull();
});
