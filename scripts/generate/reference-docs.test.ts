import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { generateReferenceDocs } from "./reference-docs";

it("the reference says what the product reads (npm run generate)", async () => {
  for (const [path, content] of await generateReferenceDocs())
    expect(await readFile(path, "utf8"), path).toBe(content);
});
