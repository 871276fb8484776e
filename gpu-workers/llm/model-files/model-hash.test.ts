import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hashModelFolder } from "./model-hash";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "model-hash-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("changes with weights, configuration and tokenizer, and with nothing else", async () => {
  const hashes = new Set<string>();
  const with_ = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    const hash = await hashModelFolder(folder);
    hashes.add(hash);
    return hash;
  };
  const first = await with_("model.safetensors", "weights");
  await with_("config.json", "{}");
  const whole = await with_("tokenizer.json", "{}");
  await with_("model.safetensors", "other weights");
  expect(hashes.size).toBe(4);
  expect(first).not.toBe(whole);
  expect(await with_("model.safetensors", "weights")).toBe(whole);
  expect(await with_("README.md", "words")).toBe(whole);
});
