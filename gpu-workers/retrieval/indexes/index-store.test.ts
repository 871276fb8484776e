import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { ensureIndex } from "./index-store";
import { computeIndexKey } from "./faiss/dense-index";

const times = { beatMs: 20, staleMs: 200, pollMs: 10 };
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "indexes-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = (content: string) => (directory: string) =>
  writeFile(join(directory, "data"), content);

describe("the index store", () => {
  it("builds what is missing once, and then finds it", async () => {
    const directory = await ensureIndex(root, "k", write("built"), { times });
    expect(directory).toBe(join(root, "k"));
    await ensureIndex(root, "k", () => Promise.reject(new Error("not again")), { times });
    expect(await readFile(join(directory, "data"), "utf8")).toBe("built");
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("lets one of many build while the others wait", async () => {
    let builds = 0;
    let waiting = 0;
    const build = async (directory: string): Promise<void> => {
      builds += 1;
      await sleep(300); // longer than staleMs: the lock must be kept alive
      await write("x")(directory);
    };
    await Promise.all(
      Array.from({ length: 5 }, () =>
        ensureIndex(root, "k", build, { times, onWaiting: () => waiting++ }),
      ),
    );
    expect(builds).toBe(1);
    expect(waiting).toBe(4);
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("leaves nothing behind when a build fails, and builds again", async () => {
    const broken = async (directory: string): Promise<void> => {
      await write("half")(directory);
      throw new Error("broken");
    };
    await expect(ensureIndex(root, "k", broken, { times })).rejects.toThrow("broken");
    expect(await readdir(root)).toEqual([]);
    await ensureIndex(root, "k", write("whole"), { times });
    expect(await readFile(join(root, "k", "data"), "utf8")).toBe("whole");
  });

  it("says that the disk is full", async () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    await expect(
      ensureIndex(root, "k", () => Promise.reject(full), { times }),
    ).rejects.toMatchObject({ code: "storage-full" });
  });

  it("hands what a cancelled builder left to the next one", async () => {
    const cancelled = async (directory: string): Promise<void> => {
      await write("half")(directory);
      throw new AppError("cancelled", "stopped");
    };
    await expect(ensureIndex(root, "k", cancelled, { times })).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(await readdir(root)).toEqual(["k.building"]);
    await ensureIndex(
      root,
      "k",
      async (directory) => expect(await readFile(join(directory, "data"), "utf8")).toBe("half"),
      { times },
    );
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("takes over from a builder that was killed, with what it left", async () => {
    await mkdir(join(root, "k.building"));
    await write("half")(join(root, "k.building"));
    await writeFile(
      join(root, "k.lock"),
      JSON.stringify({ host: "another machine", pid: 1, token: "t" }),
    );
    const began = Date.now();
    await ensureIndex(root, "k", write("whole"), { times });
    expect(Date.now() - began).toBeGreaterThan(150); // waited for a sign of life first
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("does not wait for a process of this machine that is gone", async () => {
    await writeFile(
      join(root, "k.lock"),
      JSON.stringify({ host: hostname(), pid: 2 ** 30, token: "t" }),
    );
    await ensureIndex(root, "k", write("whole"), { times: { ...times, staleMs: 60_000 } });
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("mends a lock whose writer died before it wrote its name", async () => {
    await writeFile(join(root, "k.lock"), "");
    const past = new Date(Date.now() - 1000);
    await utimes(join(root, "k.lock"), past, past);
    await ensureIndex(root, "k", write("whole"), { times });
    expect(await readdir(root)).toEqual(["k"]);
  });

  it("stops waiting when cancelled", async () => {
    await writeFile(
      join(root, "k.lock"),
      JSON.stringify({ host: hostname(), pid: process.pid, token: "t" }),
    );
    const stop = new AbortController();
    const waiting = ensureIndex(root, "k", write("x"), {
      signal: stop.signal,
      times: { ...times, staleMs: 60_000 },
      onWaiting: () => stop.abort(),
    });
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  });

  it("names an index by corpus, encoder and kind", () => {
    const identity = {
      corpusHash: "c",
      encoderFingerprint: "e",
      encoder: "minilm int8",
      factory: "Flat",
    };
    expect(computeIndexKey(identity)).toBe(
      computeIndexKey({ ...identity, encoder: "another title" }),
    );
    expect(computeIndexKey({ ...identity, corpusHash: "d" })).not.toBe(computeIndexKey(identity));
    expect(computeIndexKey({ ...identity, factory: "IVF4,Flat" })).not.toBe(
      computeIndexKey(identity),
    );
    expect(computeIndexKey({ ...identity, encoderFingerprint: "f" })).not.toBe(
      computeIndexKey(identity),
    );
  });
});
