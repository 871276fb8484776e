import { createHmac } from "node:crypto";
import { join } from "node:path";
import { DATA_DIR } from "@/lib/paths.mjs";
import { loadSecretFile } from "@/lib/secret-file";

/** File of the worker's data folder that only its user can read. */
const SECRET_FILE = "services.secret";

/** The token that a run's service wants beyond the loopback: the same for each of its attempts on this worker. */
export async function deriveServiceToken(runId: string, dataDir = DATA_DIR): Promise<string> {
  const secret = await loadSecretFile(join(dataDir, SECRET_FILE));
  return createHmac("sha256", secret).update(runId).digest("base64url");
}
