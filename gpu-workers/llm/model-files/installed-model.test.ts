import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { computeModelFingerprint, describeLibrary } from "./installed-model";

const LIBRARY = "transformers 5.23.0 numerics 1";
const ENGINE = {
  getCapabilities: () => Promise.resolve({ fingerprint: "engine" }),
} as unknown as EngineClient;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "installed-model-"));
  for (const file of ["config.json", "model.safetensors", "tokenizer.json"])
    await writeFile(join(directory, file), "{}");
});
afterAll(() => rm(directory, { recursive: true }));

it("tells answers of transformers' layers from those of the engine's own", async () => {
  const { signal } = new AbortController();
  const compute = (library: string | null, service?: string): Promise<string> =>
    computeModelFingerprint(ENGINE, directory, { library, service: service ?? null }, signal);
  const own = await compute(null);
  expect(own).toMatch(/^[0-9a-f]+:engine$/);
  expect(await compute(LIBRARY)).toBe(`${own}:${LIBRARY}`);
  expect(await compute(null, "org/m at http://t")).toBe(`${own}:org/m at http://t`);
});

it("says whose layers are used where they are not the engine's own", () => {
  expect(describeLibrary({ library: null })).toBe("");
  expect(describeLibrary({ library: null, service: "org/m at http://t" })).toBe(
    ", trained as org/m at http://t",
  );
  expect(describeLibrary({ library: LIBRARY })).toBe(
    ", its layers by transformers 5.23.0 (several times slower than the engine's own)",
  );
  expect(describeLibrary({ library: LIBRARY, adaptedMaps: ["dense", "fc1"] })).toMatch(
    /engine's own\), low-rank factors on its maps dense, fc1$/,
  );
});
