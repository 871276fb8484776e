import { spawn } from "node:child_process";
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
    const first = await loadWorkerId(folder, "local");
    expect(await loadWorkerId(folder, "local")).toBe(first);
    expect(await loadWorkerId(folder, "gpu-box")).not.toBe(first);
  });

  it("that cannot be read says which file to mend", async () => {
    await writeFile(join(folder, "worker-local.json"), "{oops");
    await expect(loadWorkerId(folder, "local")).rejects.toThrow(/worker-local\.json/);
  });

  it("belongs to one process at a time", async () => {
    // A process whose command line looks like an agent's.
    const other = spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)", "agent/main.ts"], {
      stdio: "ignore",
    });
    try {
      await writeFile(join(folder, "worker-local.lock"), String(other.pid));
      await expect(lockIdentity(folder, "local")).rejects.toThrow(`process ${other.pid}`);
    } finally {
      other.kill("SIGKILL");
      await new Promise((resolve) => other.once("exit", resolve));
    }
    const unlock = await lockIdentity(folder, "local"); // the other was killed and left its lock
    expect(await readFile(join(folder, "worker-local.lock"), "utf8")).toBe(String(process.pid));
    await unlock();
    await expect(readFile(join(folder, "worker-local.lock"))).rejects.toThrow();
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
      parseNvidiaSmi("NVIDIA H200, 143771, 1024, 37\nTesla T4, 15360, [N/A], [N/A]\n"),
    ).toEqual([
      { name: "NVIDIA H200", memoryMb: 143771, usedMb: 1024, utilisation: 0.37 },
      { name: "Tesla T4", memoryMb: 15360, usedMb: 0, utilisation: 0 },
    ]);
  });

  it("measures the memory of a process", async () => {
    expect(await readResidentMb(process.pid)).toBeGreaterThan(10);
    expect(await readResidentMb(2 ** 22 - 1)).toBeNull();
  });
});
