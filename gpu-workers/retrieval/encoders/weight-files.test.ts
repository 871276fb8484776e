import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countSessions, listWeightFiles } from "./weight-files";

let folder: string;
let small: string;
let large: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weights-"));
  [small, large] = [join(folder, "small.onnx"), join(folder, "large.onnx")];
  await writeFile(small, Buffer.alloc(100));
  await writeFile(large, Buffer.alloc(10));
  await writeFile(`${large}_data`, Buffer.alloc(390));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("the weights of a large network lie in a file beside it", async () => {
  expect(await listWeightFiles(small)).toEqual([small]);
  expect(await listWeightFiles(large)).toEqual([large, `${large}_data`]);
});

describe("sessions", () => {
  it("are one for each core, however many there are", async () => {
    for (const cores of [1, 2, 16, 64, 192])
      expect(await countSessions([small], { cores, memoryBytes: 1e6 })).toBe(cores);
  });

  it("are fewer where their weights would take more than a quarter of the memory, and at least one", async () => {
    expect(await countSessions([large], { cores: 64, memoryBytes: 16_000 })).toBe(10);
    expect(await countSessions([small, large], { cores: 64, memoryBytes: 16_000 })).toBe(8);
    expect(await countSessions([small, small], { cores: 64, memoryBytes: 16_000 })).toBe(40);
    expect(await countSessions([large], { cores: 64, memoryBytes: 100 })).toBe(1);
  });
});
