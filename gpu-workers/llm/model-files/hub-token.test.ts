import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readHubToken } from "./hub-token";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "token-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("of the environment is for the hub, or for where it is bound to", async () => {
  const environment = { HF_TOKEN: " hf_a\n" };
  const read = (endpoint: string, credentials?: string) =>
    readHubToken(endpoint, undefined, { ...environment, S3_CREDENTIALS: credentials });
  expect(await read("https://huggingface.co")).toBe("hf_a");
  expect(await read("https://mirror.example")).toBeUndefined();
  expect(await read("https://mirror.example/hub", "HF_TOKEN=https://mirror.example")).toBe("hf_a");
  // Bound elsewhere, it is no longer for the hub.
  expect(await read("https://huggingface.co", "HF_TOKEN=https://mirror.example")).toBeUndefined();
  expect(await readHubToken("https://huggingface.co", undefined, {})).toBeUndefined();
});

it("is never sent where all between could read it", async () => {
  const environment = { HF_TOKEN: "hf_a", S3_CREDENTIALS: "HF_TOKEN=http://mirror.example" };
  await expect(readHubToken("http://mirror.example", undefined, environment)).rejects.toThrow(
    /not sent to http:\/\/mirror\.example/,
  );
});

it("of a file is refused where the file is not one line that only this user reads", async () => {
  const file = join(folder, "token");
  await writeFile(file, "hf_a\nhf_b", { mode: 0o600 });
  const error = await readHubToken("https://huggingface.co", file).catch((e: unknown) => String(e));
  expect(error).toMatch(/token alone, on one line/);
  expect(error).not.toContain("hf_a");
  await expect(readHubToken("https://huggingface.co", join(folder, "none"))).rejects.toMatchObject({
    code: "not-found",
  });
});
