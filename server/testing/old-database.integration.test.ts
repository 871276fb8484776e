import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { expect, test } from "vitest";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { compose } from "@/server/compose";
import { migrate } from "@/server/platform/db/migrate";
import { createEmptyDatabase, FAST_TIMINGS } from "./test-server";
import { loadRecording } from "@/server/platform/recording/load";
import { readProduct } from "./recording/read";

/** Databases as earlier versions left them, each with what that version's API read from it. */
const FOLDER = fileURLToPath(new URL("old-databases", import.meta.url));
const recordings = (await readdir(FOLDER)).filter((name) => name.endsWith(".json.gz"));

test("there are databases of earlier versions", () => {
  expect(recordings).toContain("0025.json.gz");
});

test.each(recordings)(
  "%s is migrated, and the API reads from it what it read when it was recorded",
  async (name) => {
    const artifactsDir = await mkdtemp(join(tmpdir(), "s3-artifacts-"));
    const databaseUrl = await createEmptyDatabase();
    await loadRecording(join(FOLDER, name), databaseUrl, artifactsDir);
    expect(await migrate(databaseUrl), "loading has applied every migration").toEqual([]);
    const plane = compose({
      databaseUrl,
      store: new FileStore(artifactsDir),
      timings: FAST_TIMINGS,
      log: pino({ level: "silent" }),
      dataDir: artifactsDir,
    });
    try {
      const found = await readProduct(plane);
      const file = join(FOLDER, name.replace(".json.gz", ".expected.json"));
      if (process.env.UPDATE_EXPECTED) await writeFile(file, `${writeLines(found)}\n`);
      const expected = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
      // Later versions may tell more of each thing, never less or something else.
      expect(found).toMatchObject(expected);
    } finally {
      await plane.stop();
      await rm(artifactsDir, { recursive: true, force: true });
    }
  },
);

/** JSON with the outer levels on lines of their own, so that a change can be seen. */
function writeLines(value: unknown, depth = 0): string {
  if (depth === 4 || typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = Array.isArray(value)
    ? value.map((item) => writeLines(item, depth + 1))
    : Object.entries(value).map(
        ([key, item]) => `${JSON.stringify(key)}: ${writeLines(item, depth + 1)}`,
      );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return inner.length === 0 ? `${open}${close}` : `${open}\n${inner.join(",\n")}\n${close}`;
}
