import { createHmac, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DATA_DIR } from "@/lib/paths.mjs";

/** File of the worker's data folder that only its user can read. */
const SECRET_FILE = "services.secret";

/** The token that a run's service wants beyond the loopback: the same for each of its attempts on this worker. */
export async function deriveServiceToken(runId: string, dataDir = DATA_DIR): Promise<string> {
  const path = join(dataDir, SECRET_FILE);
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, randomBytes(32), { mode: 0o600, flag: "wx" }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  return createHmac("sha256", await readFile(path))
    .update(runId)
    .digest("base64url");
}
