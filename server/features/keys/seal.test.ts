import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createSecretReader, SECRET_FILE } from "./seal";

it("reads the secret once, and again after it could not be read", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "seal-"));
  try {
    await writeFile(join(dataDir, SECRET_FILE), "damaged");
    const readSecret = createSecretReader(dataDir);
    await expect(readSecret()).rejects.toThrow(/7 bytes, not 32/);
    await writeFile(join(dataDir, SECRET_FILE), Buffer.alloc(32, 7));
    expect(await readSecret()).toEqual(Buffer.alloc(32, 7));
    await rm(join(dataDir, SECRET_FILE));
    expect(await readSecret()).toEqual(Buffer.alloc(32, 7));
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
