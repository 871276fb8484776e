import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PATCH, applyPatch } from "./faiss.mjs";

const source = "node_modules/faiss-node/src/faiss.cc";

describe("the patch of faiss-node", () => {
  it.skipIf(!existsSync(source))("fits the source that is pinned, and calls our extension", () => {
    expect(applyPatch(readFileSync(source, "utf8"), PATCH)).toContain(
      "addExtension(env, exports);\n  Index::Init",
    );
  });

  it("refuses a source that it was not made for", () => {
    expect(() => applyPatch("something else", PATCH)).toThrow(
      "not the one that our patch was made for",
    );
    expect(() => applyPatch("a a", [["a", "b"]])).toThrow("not the one");
  });
});
