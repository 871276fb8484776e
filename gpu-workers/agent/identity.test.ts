import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { getCorpusPath, listInstalledCorpora } from "@/gpu-workers/corpora/installed-corpora";
import { parseNvidiaSmi, readResidentMb } from "@/gpu-workers/runtime/machine";
import { loadWorkerId, lockIdentity } from "./identity";

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "s3-identity-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a worker's identity", () => {
  it("is the same at every start, and another for another name", async () => {
    const first = await loadWorkerId(folder, "local", "a");
    expect(await loadWorkerId(folder, "local", "a")).toBe(first);
    expect(await loadWorkerId(folder, "gpu-box", "a")).not.toBe(first);
  });

  it("is another with another token, which the server would refuse it with", async () => {
    const path = join(folder, "worker-local.json");
    const workerId = "00000000-0000-4000-8000-000000000001";
    await writeFile(path, JSON.stringify({ workerId })); // of an older version
    expect(await loadWorkerId(folder, "local", "first")).toBe(workerId);
    const second = await loadWorkerId(folder, "local", "second");
    expect(second).not.toBe(workerId);
    expect(await loadWorkerId(folder, "local", "second")).toBe(second);
    expect(await readFile(path, "utf8")).not.toContain("second");
  });

  it("that cannot be read says which file to mend", async () => {
    await writeFile(join(folder, "worker-local.json"), "{oops");
    await expect(loadWorkerId(folder, "local", "a")).rejects.toThrow(/worker-local\.json/);
  });

  it("belongs to one process at a time", () => {
    const path = join(folder, "worker-local.lock");
    const unlock = lockIdentity(folder, "local");
    expect(() => lockIdentity(folder, "local")).toThrow(`process ${process.pid}`);
    const held = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    unlock();
    expect(existsSync(path)).toBe(false);

    // The number alone of a process that lives says nothing after the machine was started anew: it is another's by now.
    for (const left of [String(process.pid), JSON.stringify({ ...held, boot: "another" })]) {
      writeFileSync(path, left);
      lockIdentity(folder, "local")();
    }
  });
});

describe("corpora", () => {
  it("are found by name, and a missing one says where it is looked for", async () => {
    const folders = { atlasDir: join(folder, "atlas"), dataDir: folder };
    expect(await listInstalledCorpora(folders)).toEqual([]);
    expect(() => getCorpusPath("atlas", folders)).toThrow(/not on this worker/);
    expect(() => getCorpusPath("../../etc/passwd", folders)).toThrow(/not a corpus name/);
  });
});

describe("hardware", () => {
  it("reads nvidia-smi, also where a card does not say everything", () => {
    expect(
      parseNvidiaSmi(
        "NVIDIA H200, 143771, 1024, 37, 412.50\nTesla T4, 15360, [N/A], [N/A], [Not Supported]\n",
      ),
    ).toEqual([
      { name: "NVIDIA H200", memoryMb: 143771, usedMb: 1024, utilisation: 0.37, powerW: 412.5 },
      { name: "Tesla T4", memoryMb: 15360, usedMb: null, utilisation: null, powerW: null },
    ]);
  });

  it("measures the memory of a process", async () => {
    expect(await readResidentMb(process.pid)).toBeGreaterThan(10);
    expect(await readResidentMb(2 ** 22 - 1)).toBeNull();
  });
});
