import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, it } from "vitest";
import { openLogOutput } from "./log-output";

// The operating system answers every write to /dev/full as a full disk does.
it.skipIf(!existsSync("/dev/full"))("does not stop who logs where the disk is full", async () => {
  const log = pino(openLogOutput("/dev/full"));
  for (let line = 0; line < 20_000; line++) log.info("x".repeat(100));
  await new Promise((resolve) => setTimeout(resolve, 50));
});

it("writes every line at once where there is room", () => {
  const folder = mkdtempSync(join(tmpdir(), "s3-log-"));
  try {
    const path = join(folder, "log");
    const log = pino(openLogOutput(path));
    log.info("first");
    log.info("second");
    const lines = readFileSync(path, "utf8").trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "first",
      "second",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
