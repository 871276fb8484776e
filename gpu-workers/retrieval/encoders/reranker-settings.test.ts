import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findReranker } from "./reranker-settings";

let folder: string;
const writeModelFiles = async (files: Record<string, string>): Promise<void> => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "reranker-settings-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("names what is missing of a folder", async () => {
  await expect(findReranker("own", folder)).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringMatching(/model\.onnx.*tokenizer\.json.*config\.json/s) as string,
  });
});

it("tells weights apart that lie beside the network, in model.onnx_data", async () => {
  const fingerprint = async (files: Record<string, string>): Promise<string> => {
    await writeModelFiles(files);
    return (await findReranker("own", folder)).fingerprint;
  };
  const alone = await fingerprint({
    "model.onnx": "network",
    "tokenizer.json": "{}",
    "config.json": "{}",
  });
  const one = await fingerprint({ "model.onnx_data": "weights" });
  const other = await fingerprint({ "model.onnx_data": "weights, trained further" });
  expect(new Set([alone, one, other]).size).toBe(3);
  expect(await fingerprint({ "model.onnx_data": "weights" })).toBe(one);
});
