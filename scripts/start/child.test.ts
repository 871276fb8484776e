import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { lstatSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { rotateLog } from "./child.mjs";

it("a log that grows large is moved aside while its writer goes on", () => {
  const folder = mkdtempSync(join(tmpdir(), "rotate-"));
  const log = join(folder, "server.log");
  const writer = openSync(log, "a"); // as a supervised process has it
  try {
    writeSync(writer, "first\n".repeat(10));
    expect(rotateLog(log, 100)).toBe(false);
    writeSync(writer, "second\n".repeat(10));
    expect(rotateLog(log, 100)).toBe(true);
    writeSync(writer, "third\n");
    expect(readFileSync(log, "utf8")).toBe("third\n");
    expect(readFileSync(`${log}.1`, "utf8")).toBe("first\n".repeat(10) + "second\n".repeat(10));
    expect(rotateLog(join(folder, "none.log"))).toBe(false);
  } finally {
    closeSync(writer);
    rmSync(folder, { recursive: true });
  }
});

// The operating system answers every write to /dev/full as a full disk does.
it.skipIf(!existsSync("/dev/full"))("a log that cannot be moved aside makes room instead", () => {
  const folder = mkdtempSync(join(tmpdir(), "rotate-"));
  const log = join(folder, "server.log");
  try {
    writeFileSync(log, "first\n".repeat(100));
    symlinkSync("/dev/full", `${log}.1`);
    // Node's own copy asks /dev/full for a length first, which it has not.
    const copy = (from: string, to: string) => writeFileSync(to, readFileSync(from));
    expect(rotateLog(log, 100, copy)).toBe(true);
    expect(readFileSync(log, "utf8")).toBe("");
    expect(existsSync(`${log}.1`)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("a log that cannot be copied for another reason keeps what it holds", () => {
  const folder = mkdtempSync(join(tmpdir(), "rotate-"));
  const log = join(folder, "server.log");
  const earlier = `${log}.1`;
  try {
    writeFileSync(log, "first\n".repeat(100));
    symlinkSync(join(folder, "gone", "server.log"), earlier);
    expect(() => rotateLog(log, 100)).toThrow(/ENOENT/);
    expect(readFileSync(log, "utf8")).toBe("first\n".repeat(100));
    expect(lstatSync(earlier).isSymbolicLink()).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
