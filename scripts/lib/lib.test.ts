import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createLockFile,
  listHolders,
  isAlive,
  readProcessState,
  readLock,
  setAside,
  takeLock,
} from "@/lib/lock.mjs";
import { takeLastLines } from "./run.mjs";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "s3-lock-"));
  file = join(folder, "data", "lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Another process that lives until it is told to end. */
async function startOtherProcess(): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn("sleep", ["60"]);
  await new Promise((done) => child.once("spawn", done));
  return {
    pid: child.pid ?? 0,
    end: () =>
      new Promise((done) => {
        child.once("exit", () => done());
        child.kill("SIGKILL");
      }),
  };
}

describe("the lock", () => {
  it("of a folder that was copied beside the live one is nobody's, and names no process", () => {
    const live = takeLock(file, { id: "live" });
    const copy = join(folder, "copy");
    cpSync(dirname(file), copy, { recursive: true });
    const copied = takeLock(join(copy, "lock"));
    expect(copied).toMatchObject({ isTaken: false, previous: null });
    expect(takeLock(file)).toMatchObject({ isTaken: true, holder: { id: "live" } });
    for (const lock of [live, copied]) if (!lock.isTaken) lock.release();
  });

  it("is refused while another process holds it, and says which", async () => {
    const other = await startOtherProcess();
    const first = takeLock(file, { url: "http://here" });
    expect(first.isTaken).toBe(false);
    writeFileSync(
      file,
      JSON.stringify({
        pid: other.pid,
        started: readProcessState(other.pid)?.started ?? null,
        url: "http://there",
      }),
    );
    expect(takeLock(file)).toMatchObject({
      isTaken: true,
      holder: { pid: other.pid, url: "http://there" },
    });
    await other.end();
    expect(takeLock(file)).toMatchObject({ isTaken: false, previous: { pid: other.pid } });
  });

  it("of a dead process whose id is used again is taken over", async () => {
    const other = await startOtherProcess();
    takeLock(file);
    writeFileSync(file, JSON.stringify({ pid: other.pid, started: "1" }));
    expect(takeLock(file).isTaken).toBe(process.platform !== "linux");
    await other.end();
  });

  it("that is unreadable is taken over", () => {
    takeLock(file);
    writeFileSync(file, "{");
    expect(takeLock(file)).toMatchObject({ isTaken: false, previous: null });
  });

  it("is found in its folder while its holder lives", async () => {
    const other = await startOtherProcess();
    takeLock(file);
    writeFileSync(
      `${file}.second.lock`,
      JSON.stringify({ pid: other.pid, started: readProcessState(other.pid)?.started ?? null }),
    );
    const locks = dirname(file);
    expect(listHolders(locks)).toContain(other.pid);
    await other.end();
    expect(listHolders(locks)).not.toContain(other.pid);
    expect(existsSync(`${file}.second.lock`)).toBe(false);
    expect(listHolders(`${locks}-none`)).toEqual([]);
  });

  it("goes back where another took it between the look and the removal", () => {
    mkdirSync(dirname(file), { recursive: true });
    expect(createLockFile(file, "first")).toBe(true);
    expect(createLockFile(file, "second")).toBe(false);
    setAside(file, (path) => readFileSync(path, "utf8") === "first");
    expect(readFileSync(file, "utf8")).toBe("first");
    setAside(file, () => false);
    setAside(file, () => true);
    expect(readdirSync(dirname(file))).toEqual([]);
  });

  it("is updated and released by its holder only", () => {
    const lock = takeLock(file);
    if (lock.isTaken) throw new Error("taken");
    lock.update({ url: "http://here" });
    expect(readLock(file)).toMatchObject({ pid: process.pid, url: "http://here" });
    writeFileSync(file, JSON.stringify({ pid: 1 }));
    lock.release();
    expect(existsSync(file)).toBe(true);
  });
});

describe("a process", () => {
  it("that has ended is not alive", async () => {
    const other = await startOtherProcess();
    expect(isAlive(other.pid)).toBe(true);
    await other.end();
    expect(isAlive(other.pid)).toBe(false);
  });
});

describe("the tail of a log", () => {
  it("is its last lines without colours and empty ones", () => {
    expect(takeLastLines("a\n\u001b[31mb\u001b[0m\n\n c\r d\n", 3)).toBe("b\n c\n d");
  });
});
