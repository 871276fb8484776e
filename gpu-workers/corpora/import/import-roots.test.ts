import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { fetchSource } from "./fetch-source";
import { listImportRoots } from "./import-roots";

let folder: string;
let root: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "roots-"));
  root = join(folder, "imports");
  await mkdir(join(root, "mixed"), { recursive: true });
  await mkdir(join(folder, "imports-not"));
  await writeFile(join(folder, "secret.jsonl"), '{"id":"1","text":"a private key"}\n', {
    mode: 0o600,
  });
  await writeFile(join(folder, "imports-not", "a.jsonl"), "{}");
  await writeFile(join(root, "good.jsonl"), '{"id":"1","text":"a"}\n', { mode: 0o600 });
  await writeFile(join(root, "mixed", "good.jsonl"), '{"id":"1","text":"a"}\n');
  await symlink(join(folder, "secret.jsonl"), join(root, "mixed", "link.jsonl"));
  await symlink(folder, join(root, "up"));
  await symlink(join(root, "good.jsonl"), join(folder, "into.jsonl"));
});
afterAll(() => rm(folder, { recursive: true }));

const fetchPath = (path: string, importRoots = [root]) => {
  const source = corpusSourceSchema.parse({ kind: "path", path });
  if (source.kind === "installed") throw new Error("not a source");
  return fetchSource(source, {
    folder: join(folder, "files"),
    importRoots,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    fetchUpload: () => Promise.reject(new Error("none")),
  });
};

describe("imports by path", () => {
  it("read what lies in an allowed folder, and links that lead into one", async () => {
    for (const path of [
      "imports/good.jsonl",
      "imports/mixed/good.jsonl",
      "into.jsonl",
      "imports/up/imports/good.jsonl",
    ])
      expect((await fetchPath(join(folder, path))).files, path).toHaveLength(1);
  });

  it.each([
    "secret.jsonl",
    "imports/../secret.jsonl",
    "imports/up/secret.jsonl",
    "imports/mixed/link.jsonl",
    "imports/mixed",
    "imports-not/a.jsonl",
    "nothing-here.jsonl",
  ])("refuse %s, and say how to allow it", async (path) => {
    await expect(fetchPath(join(folder, path))).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringMatching(/S3_IMPORT_ROOTS=.* npm start/) as string,
    });
  });

  it("never read what the system shows as files", async () => {
    for (const path of ["/proc/self/environ", "/proc/1/environ", "/dev/stdin", "/sys/kernel"])
      await expect(fetchPath(path, ["/"])).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("have the data folder's own folder, and those of the environment", () => {
    expect(listImportRoots("/data", {})).toEqual(["/data/imports"]);
    expect(listImportRoots("/data", { S3_IMPORT_ROOTS: `/a${delimiter}/b/` })).toEqual([
      "/data/imports",
      "/a",
      "/b",
    ]);
  });
});
